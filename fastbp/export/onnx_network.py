"""The operations of a network as ONNX nodes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastbp._kernels.reference import SELU_ALPHA, SELU_SCALE
from fastbp.export.onnx_graph import Graph, Value
from fastbp.export.operations import (
    Activate,
    Affine,
    Clip,
    Dense,
    DenseInt8,
    Frames,
    LayerNorm,
    Moments,
    Neighbours,
    Operation,
)


def network(graph: Graph, x: Value, operations: Sequence[Operation]) -> Value:
    """What the operations make of rows x."""
    for op in operations:
        x = _WRITERS[type(op)](graph, x, op)
    return x


def _dense(graph: Graph, x: Value, op: Dense) -> Value:
    return graph.node("Gemm", x, graph.constant(op.kernel), graph.constant(op.bias))


def _dense_int8(graph: Graph, x: Value, op: DenseInt8) -> Value:
    step, zero = graph.constant(op.step), graph.constant(op.zero, np.int8)
    q = graph.node("QuantizeLinear", x, step, zero)
    sums = graph.node("Cast", graph.node("MatMulInteger", q, graph.constant(op.kernel, np.int8)), to=1)
    return graph.node("Add", graph.node("Mul", sums, graph.constant(op.scale)), graph.constant(op.bias))


def _affine(graph: Graph, x: Value, op: Affine) -> Value:
    scaled = graph.node("Mul", graph.node("Sub", x, graph.constant(op.centre)), graph.constant(op.factor))
    return graph.node("Add", scaled, graph.constant(op.offset)) if op.offset.any() else scaled


def _clip(graph: Graph, x: Value, op: Clip) -> Value:
    return graph.node("Clip", x, graph.constant(-op.limit), graph.constant(op.limit))


def _layer_norm(graph: Graph, x: Value, op: LayerNorm) -> Value:
    gamma, beta = graph.constant(op.gamma), graph.constant(op.beta)
    return graph.node("LayerNormalization", x, gamma, beta, axis=-1, epsilon=op.epsilon)


def _frames(graph: Graph, x: Value, op: Frames) -> Value:
    return graph.node("Reshape", x, graph.integers(-1, op.n))


def _neighbours(graph: Graph, x: Value, op: Neighbours) -> Value:
    x, n_left, axis = _sequences(graph, x, op), op.n_frames - op.offsets[-1], graph.integers(1)
    parts = [graph.node("Slice", x, graph.integers(a), graph.integers(a + n_left), axis) for a in op.offsets]
    return graph.node("Reshape", graph.node("Concat", *parts, axis=2), graph.integers(-1, op.n * len(parts)))


def _moments(graph: Graph, x: Value, op: Moments) -> Value:
    x = _sequences(graph, x, op)
    mean = graph.node("ReduceMean", x, axes=[1])
    off = graph.node("Sub", x, mean)
    variance = graph.node("ReduceMean", graph.node("Mul", off, off), axes=[1])
    std = graph.node("Sqrt", graph.node("Add", variance, graph.constant(op.epsilon)))
    return graph.node("Reshape", graph.node("Concat", mean, std, axis=2), graph.integers(-1, 2 * op.n))


def _sequences(graph: Graph, x: Value, op: Neighbours | Moments) -> Value:
    return graph.node("Reshape", x, graph.integers(-1, op.n_frames, op.n))


def _gelu(graph: Graph, x: Value, option: float) -> Value:
    """x / 2 * (1 + erf(x / sqrt(2)))"""
    erf = graph.node("Erf", graph.node("Mul", x, graph.constant(0.5**0.5)))
    return graph.node("Mul", graph.node("Mul", x, graph.constant(0.5)), graph.node("Add", erf, graph.constant(1.0)))


_ACTIVATIONS: dict[str, Callable[[Graph, Value, float], Value]] = {
    "relu": lambda graph, x, a: graph.node("Relu", x),
    "leaky_relu": lambda graph, x, a: graph.node("LeakyRelu", x, alpha=a),
    "elu": lambda graph, x, a: graph.node("Elu", x, alpha=a),
    "selu": lambda graph, x, a: graph.node("Selu", x, alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "gelu": _gelu,
    "silu": lambda graph, x, a: graph.node("Mul", x, graph.node("Sigmoid", x)),
    "sigmoid": lambda graph, x, a: graph.node("Sigmoid", x),
    "tanh": lambda graph, x, a: graph.node("Tanh", x),
    "exponential": lambda graph, x, a: graph.node("Exp", x),
    "softplus": lambda graph, x, a: graph.node("Softplus", x),
    "softmax": lambda graph, x, a: graph.node("Softmax", x, axis=-1),
}
_WRITERS: dict[type, Callable[[Graph, Value, Any], Value]] = {
    Dense: _dense,
    DenseInt8: _dense_int8,
    Affine: _affine,
    Clip: _clip,
    LayerNorm: _layer_norm,
    Frames: _frames,
    Neighbours: _neighbours,
    Moments: _moments,
    Activate: lambda graph, x, op: _ACTIVATIONS[op.name](graph, x, op.option),
}
