"""Networks of sequences: time-delay layers and pooling, against a convolution written out, and to be kept."""

import numpy as np
import pytest

import fastbp
from fastbp import BatchNormalization, Dense, Dropout, Input, Sequential, StatisticsPooling, TimeContext
from fastbp._kernels import reference
from fastbp.errors import ArgumentError, ArgumentTypeError


def time_delay(n_frames=20, n=3, n_out=2, **options):
    return Sequential(
        [
            Input((n_frames, n)),
            TimeContext((-1, 0, 1)),
            Dense(8, activation="tanh"),
            TimeContext((-4, 0, 4)),
            Dense(6, activation="tanh"),
            StatisticsPooling(),
            Dense(n_out, activation="softmax"),
        ],
        seed=0,
        **options,
    )


def convolved(x, kernel, bias, dilation):
    """x (n_rows, n_frames, n_in) through a dilated convolution, kernel (size, n_in, n_out), without padding."""
    n = x.shape[1] - dilation * (len(kernel) - 1)
    return sum(x[:, k * dilation : k * dilation + n] @ w for k, w in enumerate(kernel)) + bias


def test_a_time_delay_layer_is_a_dilated_convolution():
    model = time_delay().build()
    x = np.random.default_rng(0).standard_normal((5, 20, 3))
    w1, b1, w2, b2, w3, b3 = (w.astype(np.float64) for w in model.get_weights())
    y = np.tanh(convolved(x, w1.reshape(3, 3, 8), b1, 1))
    y = np.tanh(convolved(y, w2.reshape(3, 8, 6), b2, 4))
    pooled = np.concatenate([y.mean(axis=1), np.sqrt(y.var(axis=1) + 1e-5)], axis=1)
    exact = reference.activation("softmax", pooled @ w3 + b3)
    np.testing.assert_allclose(model.predict(x), exact, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.predict(x.reshape(5, 60)), model.predict(x))


def test_gradients_agree_with_differences():
    model = time_delay(12, 2)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(1)
    x, y, step = rng.standard_normal((4, 12, 2)), np.array([0, 1, 1, 0]), 1e-2
    model.build()
    _, grads = model.loss_and_gradients(x, y)
    for name, grad in grads.items():
        tensor, differences = model[name], np.empty(grad.shape)
        for place in np.ndindex(grad.shape):
            kept, losses = tensor[place], []
            for side in (step, -step):
                tensor[place] = kept + side
                losses.append(model.loss_and_gradients(x, y)[0])
            tensor[place] = kept
            differences[place] = (losses[0] - losses[1]) / (2 * step)
        np.testing.assert_allclose(grad, differences, atol=2e-4, err_msg=name)


def test_the_explicit_loop_gives_the_gradient_of_the_sequence():
    model = time_delay(12, 2).build()
    x, dy = (np.random.default_rng(2).standard_normal(shape).astype(np.float32) for shape in ((3, 24), (3, 2)))
    model.forward(x)
    dx, step = model.backward(dy), 1e-2
    for place in [(0, 0), (1, 7), (2, 23)]:
        sides = []
        for side in (step, -step):
            other = x.copy()
            other[place] += side
            sides.append(float(np.sum(model.forward(other) * dy)))
        assert dx[place] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-3)


def test_what_lies_where_is_learned(tmp_path):
    """A pulse before or after another one: statistics of single frames cannot tell."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 400)
    x = 0.1 * rng.standard_normal((400, 30, 2)).astype(np.float32)
    at = rng.integers(3, 27, 400)
    x[np.arange(400), at, 0] += 1
    x[np.arange(400), at + np.where(y, 2, -2), 1] += 1
    model = Sequential(
        [Input((30, 2)), TimeContext((-2, 0, 2)), Dense(16, activation="relu"), BatchNormalization(), Dropout(0.1),
         StatisticsPooling(), Dense(2, activation="softmax")], seed=0)  # fmt: skip
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x[:300], y[:300], epochs=30, batch_size=16, verbose=0, validation_data=(x[300:], y[300:]))
    assert history.history["val_accuracy"][-1] > 0.9
    model.save(tmp_path / "m.fbp")
    again = fastbp.load_model(tmp_path / "m.fbp")
    assert again.n_frames == 30
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize("n_threads", [2, 3])
def test_bits_do_not_depend_on_the_threads(n_threads):
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((64, 40, 24)).astype(np.float32), rng.integers(0, 2, 64)
    found = []
    kept = fastbp.get_threads()
    try:
        for n in (1, n_threads):
            fastbp.set_threads(n)
            model = time_delay(40, 24)
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
            model.fit(x, y, epochs=2, verbose=0)
            found.append(model.params.tobytes())
    finally:
        fastbp.set_threads(kept)
    assert found[0] == found[1]


def test_a_summary_tells_of_frames(capsys):
    time_delay().summary()
    text = capsys.readouterr().out
    assert "18 x 9" in text
    assert "10 x 6" in text
    assert "60 inputs" in text


def test_what_makes_no_sense_is_refused():
    for offsets in ((), "12", (0.5,), 3, (True,)):
        with pytest.raises(ArgumentTypeError, match="offsets"):
            TimeContext(offsets)
    with pytest.raises(ArgumentError, match="rise"):
        TimeContext((0, 0))
    with pytest.raises(ArgumentError, match=r"more than 2 frames; here they have 1\. Begin"):
        Sequential([TimeContext((-1, 0, 1)), Dense(2)]).build(6)
    with pytest.raises(ArgumentError, match="more than 4 frames; here they have 3"):
        Sequential([Input((5, 1)), TimeContext((-1, 0, 1)), TimeContext((-2, 2)), StatisticsPooling()]).build()
    with pytest.raises(ArgumentError, match="ends with 5 frames"):
        Sequential([Input((5, 3)), Dense(2)]).build()
    with pytest.raises(ArgumentError, match="no sequence of 5 frames"):
        Sequential([Input((5, 3)), StatisticsPooling()]).build(16)
    with pytest.raises(ArgumentError, match="epsilon"):
        StatisticsPooling(epsilon=0)
    with pytest.raises(ArgumentError, match="n_frames"):
        Input((1, 2, 3))
    model = time_delay().build()
    with pytest.raises(ArgumentError, match="shape"):
        model.predict(np.zeros((4, 3, 21)))
