"""The operations of a network as ONNX nodes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastbp._kernels.reference import SELU_ALPHA, SELU_SCALE
from fastbp.export.onnx_graph import Graph, Value
from fastbp.export.operations import Activate, Affine, Clip, Dense, DenseInt8, LayerNorm, Operation


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
    Activate: lambda graph, x, op: _ACTIVATIONS[op.name](graph, x, op.option),
}
