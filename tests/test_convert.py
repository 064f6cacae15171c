"""Models of Keras, PyTorch and scikit-learn become networks with the same outputs, or an error that says why not."""

import warnings

import numpy as np
import pytest

from fastbp import convert
from fastbp.errors import ArgumentError, ArgumentTypeError, NotBuiltError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
N_IN = 7
TOLERANCE = 1e-6  # over the largest output


def rows(n=40):
    return np.random.default_rng(1).normal(size=(n, N_IN)).astype(np.float32)


def assert_same(model, expected, x=None):
    expected = np.asarray(expected).reshape(len(expected), -1)
    found = model.predict(rows() if x is None else x)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * max(np.abs(expected).max(), 1e-3)


# -- Keras -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("torch")
    return pytest.importorskip("keras")


def shaken_keras(model):
    """None of its tensors is as it began."""
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.3 * rng.random(w.shape) for w in model.get_weights()])
    return model


def of_keras(keras, model):
    return keras.ops.convert_to_numpy(model(rows(), training=False))


KERAS_LAYERS = {
    "dense": lambda k: [k.Dense(5, activation="relu"), k.Dense(3, activation="softmax", use_bias=False)],
    "dropout": lambda k: [k.Dense(5), k.Dropout(0.5), k.Dense(2)],
    "normalisation": lambda k: [k.BatchNormalization(), k.Dense(5), k.LayerNormalization(epsilon=0.1)],
    "normalisation without": lambda k: [k.BatchNormalization(center=False), k.LayerNormalization(scale=False)],
    "activations": lambda k: [k.Dense(4), k.ReLU(), k.LeakyReLU(0.2), k.Dense(4), k.ELU(0.5), k.Softmax()],
    "leaky relu of a layer": lambda k: [k.ReLU(negative_slope=0.1), k.Flatten()],
}
for _name in ("elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid", "silu", "softplus", "swish", "tanh"):
    KERAS_LAYERS[_name] = lambda k, name=_name: [k.Dense(6, activation=name), k.Activation(name), k.Dense(2)]


@pytest.mark.parametrize("layers", KERAS_LAYERS.values(), ids=KERAS_LAYERS)
def test_keras_sequential(keras, layers):
    model = shaken_keras(keras.Sequential([keras.Input((N_IN,)), *layers(keras.layers)]))
    assert_same(convert.from_keras(model), of_keras(keras, model))


def test_keras_functional_and_nested(keras):
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation="tanh")])
    x = given = keras.Input((N_IN,))
    for layer in (keras.layers.Dense(5), keras.layers.BatchNormalization(), inner, keras.layers.Dense(2)):
        x = layer(x)
    model = shaken_keras(keras.Model(given, x))
    found = convert.from_keras(model)
    assert [layer.kind for layer in found.layers] == ["dense", "batch_normalization", "dense", "dense"]
    assert_same(found, of_keras(keras, model))


def test_what_was_converted_can_be_trained(keras):
    model = convert.from_keras(keras.Sequential([keras.Input((N_IN,)), keras.layers.Dense(1)]))
    model.compile("adam", "mse")
    history = model.fit(rows(), rows()[:, :1], epochs=30, batch_size=8)
    assert history.history["loss"][-1] < history.history["loss"][0]


KERAS_REFUSED = {
    "conv": (lambda k: [k.Reshape((N_IN, 1)), k.Conv1D(2, 3)], r"'reshape\w*' \(Reshape\) cannot be converted: only"),
    "mish": (lambda k: [k.Dense(3, activation="mish")], r"'dense\w*' \(Dense\).*no activation 'mish'"),
    "own function": (lambda k: [k.Dense(3, activation=lambda x: 2 * x)], r"\(Dense\).*no activation '<lambda>'"),
    "noise": (lambda k: [k.GaussianNoise(0.1)], r"\(GaussianNoise\)"),
    "clipped relu": (lambda k: [k.ReLU(max_value=6)], "max_value"),
    "rms": (lambda k: [k.LayerNormalization(rms_scaling=True)], "rms_scaling"),
}


@pytest.mark.parametrize(("layers", "expected"), KERAS_REFUSED.values(), ids=KERAS_REFUSED)
def test_keras_layers_without_a_form_are_named(keras, layers, expected):
    try:
        model = keras.Sequential([keras.Input((N_IN,)), *layers(keras.layers)])
    except (TypeError, ValueError):
        pytest.skip("this Keras has no such option")
    with pytest.raises(ArgumentError, match=expected):
        convert.from_keras(model)


def test_keras_models_that_are_no_line(keras):
    given = keras.Input((N_IN,))
    once = keras.layers.Dense(N_IN, name="once")(given)
    added = keras.layers.Dense(2, name="last")(keras.layers.Add(name="sum")([given, once]))
    with pytest.raises(ArgumentError, match=r"'sum' \(Add\).*output of the layer before it"):
        convert.from_keras(keras.Model(given, added))
    two = keras.layers.Concatenate()([given, keras.Input((2,))])
    with pytest.raises(ArgumentError):
        convert.from_keras(keras.Model([given, two._keras_history.operation.input[1]], keras.layers.Dense(1)(two)))
    with pytest.raises(ArgumentError, match="built"):
        convert.from_keras(keras.Sequential([keras.layers.Dense(3)]))
    with pytest.raises(ArgumentError, match="input shape"):
        convert.from_keras(keras.Sequential([keras.Input((5, N_IN)), keras.layers.Dense(3)]))


# -- PyTorch ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def shaken_torch(torch, module):
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]:
            tensor += 0.3 * torch.rand_like(tensor)
    return module


def of_torch(torch, module):
    module.eval()
    with torch.no_grad():
        return module(torch.from_numpy(rows())).numpy()


TORCH_LAYERS = {
    "linear": lambda nn: [nn.Linear(N_IN, 5), nn.ReLU(), nn.Linear(5, 3, bias=False), nn.Softmax(dim=1)],
    "dropout": lambda nn: [nn.Identity(), nn.Linear(N_IN, 5), nn.Dropout(0.3), nn.Flatten(), nn.Linear(5, 2)],
    "normalisation": lambda nn: [nn.BatchNorm1d(N_IN, momentum=0.3), nn.Linear(N_IN, 5), nn.LayerNorm(5)],
    "normalisation without": lambda nn: [
        nn.BatchNorm1d(N_IN, affine=False), nn.LayerNorm(N_IN, elementwise_affine=False)
    ],
    "options": lambda nn: [nn.Linear(N_IN, 5), nn.LeakyReLU(0.2), nn.Linear(5, 4), nn.ELU(0.5)],
    "nested": lambda nn: [nn.Sequential(nn.Linear(N_IN, 5), nn.Tanh()), nn.Sequential(nn.Linear(5, 2))],
}  # fmt: skip
for _name in ("ReLU", "ELU", "SELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus"):
    TORCH_LAYERS[_name] = lambda nn, name=_name: [nn.Linear(N_IN, 6), getattr(nn, name)(), nn.Linear(6, 2)]


@pytest.mark.parametrize("layers", TORCH_LAYERS.values(), ids=TORCH_LAYERS)
def test_torch_sequential(torch, layers):
    module = shaken_torch(torch, torch.nn.Sequential(*layers(torch.nn)))
    assert_same(convert.from_torch(module), of_torch(torch, module))


def test_torch_modules_that_occur_twice(torch):
    relu = torch.nn.ReLU()
    module = torch.nn.Sequential(torch.nn.Linear(N_IN, N_IN), relu, torch.nn.Linear(N_IN, 3), relu)
    assert_same(convert.from_torch(module), of_torch(torch, module))


def test_torch_modules_made_of_a_sequence(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(N_IN, 5), torch.nn.ReLU(), torch.nn.Dropout(0.5))
            self.head = torch.nn.Linear(5, 2)

        def forward(self, x):
            return self.head(self.body(x))

    class Doubled(Net):
        def forward(self, x):
            return torch.relu(super().forward(x))

    module = Net().double()
    module.train()
    module.body.eval()
    found = convert.from_torch(module)
    assert (module.training, module.body.training, module.body[2].training) == (True, False, False)
    assert_same(found, of_torch(torch, module.float()))
    with pytest.raises(ArgumentError, match="more than apply its layers"):
        convert.from_torch(Doubled())


TORCH_REFUSED = {
    "conv": (lambda nn: [nn.Conv1d(1, 2, 3)], r"Layer '0' \(Conv1d\) cannot be converted: only torch.nn's own Linear"),
    "nested": (lambda nn: [nn.Sequential(nn.Linear(N_IN, 2), nn.PReLU())], r"'0\.1' \(PReLU\)"),
    "gelu": (lambda nn: [nn.Linear(N_IN, 2), nn.GELU("tanh")], "approximate='tanh'"),
    "softplus": (lambda nn: [nn.Linear(N_IN, 2), nn.Softplus(beta=2)], "beta=2"),
    "batch": (lambda nn: [nn.BatchNorm1d(N_IN, track_running_stats=False)], "track_running_stats"),
    "cumulative": (lambda nn: [nn.BatchNorm1d(N_IN, momentum=None)], "momentum=None"),
    "axes": (lambda nn: [nn.LayerNorm((2, N_IN))], "normalized_shape"),
    "no width": (lambda nn: [nn.ReLU()], "number of inputs"),
    "misfit": (lambda nn: [nn.Linear(N_IN, 2), nn.Linear(3, 2)], "weights|shape"),
}


@pytest.mark.parametrize(("layers", "expected"), TORCH_REFUSED.values(), ids=TORCH_REFUSED)
def test_torch_modules_without_a_form_are_named(torch, layers, expected):
    with pytest.raises(ArgumentError, match=expected):
        convert.from_torch(torch.nn.Sequential(*layers(torch.nn)))


# -- scikit-learn ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sklearn():
    pytest.importorskip("sklearn")
    import sklearn.discriminant_analysis
    import sklearn.linear_model
    import sklearn.neural_network
    import sklearn.pipeline
    import sklearn.preprocessing

    return sklearn


def fitted(estimator, n_classes):
    """Fitted to class numbers, or to reals where n_classes is None or a number of outputs below 0."""
    x, rng = rows(200), np.random.default_rng(0)
    truth = x @ rng.normal(size=(N_IN, 3))
    y = {None: truth[:, 0], -1: truth}.get(n_classes)
    y = (truth.argmax(axis=1) % n_classes if y is None else y) if n_classes != "labels" else (truth > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, y)


ESTIMATORS = {
    "two classes": lambda s: (s.neural_network.MLPClassifier((6, 4), max_iter=5), 2),
    "three classes": lambda s: (s.neural_network.MLPClassifier((6,), activation="tanh", max_iter=5), 3),
    "labels": lambda s: (s.neural_network.MLPClassifier((6,), activation="logistic", max_iter=5), "labels"),
    "regressor": lambda s: (s.neural_network.MLPRegressor(activation="identity", max_iter=5), None),
    "regressors": lambda s: (s.neural_network.MLPRegressor(hidden_layer_sizes=(6,), max_iter=5), -1),
    "linear": lambda s: (s.linear_model.LinearRegression(), None),
    "linear, several": lambda s: (s.linear_model.LinearRegression(fit_intercept=False), -1),
    "ridge": lambda s: (s.linear_model.Ridge(), None),
    "logistic": lambda s: (s.linear_model.LogisticRegression(), 2),
    "multinomial": lambda s: (s.linear_model.LogisticRegression(), 3),
    "no intercept": lambda s: (s.linear_model.LogisticRegression(fit_intercept=False), 2),
    "sgd": lambda s: (s.linear_model.SGDClassifier(loss="log_loss"), 2),
    "lda": lambda s: (s.discriminant_analysis.LinearDiscriminantAnalysis(), 3),
    "scaled": lambda s: (
        s.pipeline.make_pipeline(s.preprocessing.StandardScaler(), s.neural_network.MLPClassifier((5,), max_iter=5)), 3
    ),
    "half scaled": lambda s: (
        s.pipeline.make_pipeline(s.preprocessing.StandardScaler(with_mean=False), s.linear_model.Ridge()), None
    ),
    "min to max": lambda s: (
        s.pipeline.make_pipeline(s.preprocessing.MinMaxScaler((-1, 1)), s.linear_model.Ridge()), None
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_sklearn_estimators(sklearn, make):
    estimator = fitted(*make(sklearn))
    answer = getattr(estimator, "predict_proba", estimator.predict)
    assert_same(convert.from_sklearn(estimator), answer(rows().astype(np.float64)))


def test_sklearn_scaling_far_from_zero(sklearn):
    x = 1000 + 0.1 * rows(200).astype(np.float64)
    model = sklearn.pipeline.make_pipeline(sklearn.preprocessing.StandardScaler(), sklearn.linear_model.Ridge())
    model.fit(x, x[:, 0] - x[:, 1])
    seen = x.astype(np.float32)
    assert_same(convert.from_sklearn(model), model.predict(seen.astype(np.float64)), seen)


def _poisson_perceptron(sklearn):
    try:
        return sklearn.neural_network.MLPRegressor(loss="poisson", max_iter=5)
    except TypeError:
        pytest.skip("this scikit-learn has no such loss")


SKLEARN_REFUSED = {
    "poisson": (lambda s: (s.linear_model.PoissonRegressor(), 2), r"'PoissonRegressor' \(PoissonRegressor\) cannot"),
    "exponential": (lambda s: (_poisson_perceptron(s), 3), "no activation 'exp"),
    "hinge": (lambda s: (s.linear_model.SGDClassifier(loss="hinge"), 2), "no probabilities"),
    "one against the rest": (lambda s: (s.linear_model.SGDClassifier(loss="log_loss"), 3), "other ones"),
    "step": (
        lambda s: (s.pipeline.make_pipeline(s.preprocessing.PolynomialFeatures(), s.linear_model.Ridge()), None),
        "'polynomialfeatures'",
    ),
    "clipped": (
        lambda s: (s.pipeline.make_pipeline(s.preprocessing.MinMaxScaler(clip=True), s.linear_model.Ridge()), None),
        "clip=True",
    ),
}


@pytest.mark.parametrize(("make", "expected"), SKLEARN_REFUSED.values(), ids=SKLEARN_REFUSED)
def test_sklearn_estimators_without_a_form_are_named(sklearn, make, expected):
    with pytest.raises(ArgumentError, match=expected):
        convert.from_sklearn(fitted(*make(sklearn)))


def test_sklearn_estimators_that_are_not_fitted(sklearn):
    with pytest.raises(NotBuiltError, match="MLPClassifier is not fitted"):
        convert.from_sklearn(sklearn.neural_network.MLPClassifier())


@pytest.mark.parametrize("function", [convert.from_keras, convert.from_torch, convert.from_sklearn])
def test_what_is_no_model(function):
    with pytest.raises(ArgumentTypeError, match="got dict"):
        function({})
