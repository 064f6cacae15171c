"""Net A's output for one row, or a few, called from Python: what an application waits for."""

import os
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bench.contest import Contest, Entry
from bench.nets import NETS, initial_weights, probabilities

NET = NETS["A"]
BATCHES = (1, 32)


def rows(n: int) -> np.ndarray:
    """x (n, n_in)."""
    return np.random.default_rng(2).standard_normal((n, NET.widths[0]), np.float32)


def ours(n: int) -> Entry:
    import fastbp

    hidden = [fastbp.Dense(width, activation="relu") for width in NET.widths[1:-1]]
    model = fastbp.Sequential([*hidden, fastbp.Dense(NET.widths[-1], activation="softmax")], seed=0).build(
        NET.widths[0]
    )
    model.set_weights(initial_weights(NET))
    return Entry(partial(model.predict, rows(n)))


def with_numpy(n: int) -> Entry:
    x, (w1, b1, w2, b2, w3, b3) = rows(n), initial_weights(NET)

    def predict() -> np.ndarray:
        z = np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    return Entry(predict)


def with_torch(n: int) -> Entry:
    import torch

    from bench.workloads.train import torch_model

    x, model = torch.from_numpy(rows(n)), torch_model(NET, initial_weights(NET))

    def predict() -> torch.Tensor:
        with torch.inference_mode():
            return torch.softmax(model(x), dim=1)

    return Entry(predict)


def with_sklearn(n: int) -> Entry:
    from sklearn.neural_network import MLPClassifier

    x, weights = rows(n), initial_weights(NET)
    weights[-2:] = (w[..., 1:] - w[..., :1] for w in weights[-2:])  # one logistic output stands for two classes
    model = MLPClassifier(NET.widths[1:-1], random_state=0).partial_fit(
        np.resize(x, (2, x.shape[1])), [0, 1], classes=[0, 1]
    )
    model.coefs_, model.intercepts_ = weights[::2], weights[1::2]
    return Entry(lambda: model.predict_proba(x))


def with_keras(n: int) -> Entry:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    hidden = [keras.layers.Dense(width, activation="relu") for width in NET.widths[1:-1]]
    top = keras.layers.Dense(NET.widths[-1], activation="softmax")
    model = keras.Sequential([keras.layers.Input((NET.widths[0],)), *hidden, top])
    model.set_weights(initial_weights(NET))
    return Entry(partial(model.predict, rows(n), verbose=0))


def with_thinc(n: int) -> Entry:
    from bench.workloads.train import thinc_model

    return Entry(partial(thinc_model(NET, initial_weights(NET)).predict, rows(n)))


def onnx_graph() -> bytes:
    """The network as an ONNX model."""
    from onnx import TensorProto, helper, numpy_helper

    tensors = [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(initial_weights(NET))]
    nodes, last = [], "x"
    for i in range(0, len(tensors), 2):
        act = "Relu" if i + 2 < len(tensors) else "Softmax"
        nodes += [helper.make_node("Gemm", [last, f"w{i}", f"w{i + 1}"], [f"z{i}"])]
        nodes += [helper.make_node(act, [f"z{i}"], [last := f"y{i}"])]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in (("x", NET.widths[0]), (last, NET.widths[-1]))
    )
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def with_onnxruntime(n: int) -> Entry:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0))
    session = onnxruntime.InferenceSession(onnx_graph(), options, providers=["CPUExecutionProvider"])
    x = rows(n)
    return Entry(lambda: session.run(None, {"x": x}))


ENTRIES: dict[str, Callable[[int], Entry]] = {
    "fastbp": ours,
    "numpy": with_numpy,
    "onnxruntime": with_onnxruntime,
    "torch": with_torch,
    "sklearn": with_sklearn,
    "keras": with_keras,
    "thinc": with_thinc,
}


def contests() -> Iterator[Contest]:
    for n in BATCHES:
        yield Contest(
            "predict",
            str(n),
            f"predict {n} row{'s' * (n > 1)} of net A",
            {name: partial(make, n) for name, make in ENTRIES.items()},
            {"rows": n},
            reference=partial(_exact, n),
        )


def _exact(n: int) -> np.ndarray:
    return probabilities(initial_weights(NET), rows(n))
