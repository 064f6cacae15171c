"""The operations of a network as C: tables, the functions they need, and the calls in order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastbp.export.c_text import number, snippets, table
from fastbp.export.operations import Activate, Affine, Clip, Dense, DenseInt8, LayerNorm, Program

# of v, with the option a
ELEMENTWISE = {
    "relu": "v < 0.0f ? 0.0f : v",
    "leaky_relu": "v < 0.0f ? a * v : v",
    "elu": "v < 0.0f ? a * expm1f(v) : v",
    "selu": "1.05070099f * (v < 0.0f ? 1.67326324f * expm1f(v) : v)",
    "gelu": "0.5f * v * erfcf(-0.707106781f * v)",
    "silu": "v / (1.0f + expf(-v))",
    "sigmoid": "1.0f / (1.0f + expf(-v))",
    "tanh": "tanhf(v)",
    "exponential": "expf(v)",
    "softplus": "fmaxf(v, 0.0f) + log1pf(expf(-fabsf(v)))",
}
WITH_OPTION = ("leaky_relu", "elu")


@dataclass
class Parts:
    """What a file of C is put together from; `room` is how many values each working array holds."""

    functions: dict[str, str] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    room: dict[str, int] = field(default_factory=dict)

    def use(self, name: str, template: str = "export_network") -> None:
        """A function of a template, once."""
        self.functions.setdefault(name, snippets(template)[name])

    def table(self, name: str, values: Any) -> str:
        """A constant array; its name."""
        self.tables.append(table(name, values))
        return name

    def need(self, place: str, n: int) -> None:
        """Room for n values in a working array."""
        self.room[place] = max(self.room.get(place, 0), n)


@dataclass
class _State:
    """Where the n values are while calls are written: in x, which is the caller's, a, b or y."""

    parts: Parts
    n: int
    dense_left: int
    place: str = "x"
    number: int = 0

    def call(self, text: str) -> None:
        self.parts.calls.append(text)

    def tables(self, **arrays: Any) -> list[str]:
        """The names of constant arrays of the operation in hand."""
        return [self.parts.table(f"{what}_{self.number}", values) for what, values in arrays.items()]

    def move(self, place: str, n: int) -> None:
        self.place, self.n = place, n
        if place != "y":
            self.parts.need(place, n)

    def owned(self) -> str:
        """Where the values may be changed: a copy, where they still are the caller's."""
        if self.place == "x":
            self.parts.use("copy")
            self.move("a" if self.dense_left else "y", self.n)
            self.call(f"copy(x, {self.place}, {self.n});")
        return self.place

    def next_place(self) -> str:
        """Where a dense layer writes: y for the last one."""
        self.dense_left -= 1
        return "y" if self.dense_left == 0 else "b" if self.place == "a" else "a"


def network(program: Program) -> Parts:
    """Functions, tables and calls that bring x (n_in,) to y (n_out,), by way of a and b."""
    n_dense = sum(isinstance(op, Dense | DenseInt8) for op in program.operations)
    state = _State(Parts(), program.n_in, n_dense)
    for state.number, op in enumerate(program.operations, 1):
        _WRITERS[type(op)](state, op)
    state.owned()
    return state.parts


def _dense(state: _State, op: Dense) -> None:
    state.parts.use("dense")
    kernel, bias = state.tables(kernel=op.kernel.T, bias=op.bias)
    source, target, (n_in, n_out) = state.place, state.next_place(), op.kernel.shape
    state.move(target, n_out)
    state.call(f"dense({source}, {kernel}, {bias}, {target}, {n_in}, {n_out});")


def _dense_int8(state: _State, op: DenseInt8) -> None:
    state.parts.use("dense_int8")
    kernel, scale, bias = state.tables(kernel=op.kernel.T, scale=op.scale, bias=op.bias)
    source, target, (n_in, n_out) = state.place, state.next_place(), op.kernel.shape
    state.parts.need("q", n_in)
    state.move(target, n_out)
    state.call(f"quantise({source}, q, {n_in}, {number(1 / op.step)}, {number(op.zero)});")
    state.call(f"dense_int8(q, {kernel}, {scale}, {bias}, {target}, {n_in}, {n_out});")


def _affine(state: _State, op: Affine) -> None:
    state.parts.use("affine")
    names = state.tables(**op._asdict())
    state.call(f"affine({state.owned()}, {', '.join(names)}, {state.n});")


def _clip(state: _State, op: Clip) -> None:
    state.parts.use("clip")
    state.call(f"clip({state.owned()}, {number(op.limit)}, {state.n});")


def _layer_norm(state: _State, op: LayerNorm) -> None:
    state.parts.use("layer_norm")
    gamma, beta = state.tables(gamma=op.gamma, beta=op.beta)
    state.call(f"layer_norm({state.owned()}, {gamma}, {beta}, {number(op.epsilon)}, {state.n});")


def _activate(state: _State, op: Activate) -> None:
    if op.name == "softmax":
        state.parts.use("softmax")
        state.call(f"softmax({state.owned()}, {state.n});")
        return
    state.parts.functions.setdefault(op.name, _elementwise(op.name))
    option = f", {number(op.option)}" if op.name in WITH_OPTION else ""
    state.call(f"apply_{op.name}({state.owned()}, {state.n}{option});")


def _elementwise(name: str) -> str:
    option = ", float a" if name in WITH_OPTION else ""
    return (
        f"static void apply_{name}(float *x, int n{option})\n{{\n    for (int i = 0; i < n; i++) {{\n"
        f"        float v = x[i];\n        x[i] = {ELEMENTWISE[name]};\n    }}\n}}\n"
    )


_WRITERS: dict[type, Callable[[_State, Any], None]] = {
    Dense: _dense,
    DenseInt8: _dense_int8,
    Affine: _affine,
    Clip: _clip,
    LayerNorm: _layer_norm,
    Activate: _activate,
}
