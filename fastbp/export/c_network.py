"""The operations of a network as C: tables, the functions they need, and the calls in order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastbp.export.c_text import number, snippets, table
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
    Program,
)

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
MOVES = (Dense, DenseInt8, Neighbours, Moments)  # what cannot be done in place
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
    """Where the frames of n values are while calls are written: in x, which is the caller's, a, b or y."""

    parts: Parts
    n: int
    moves_left: int
    n_frames: int = 1
    place: str = "x"
    number: int = 0

    def call(self, text: str) -> None:
        """A call for each frame t, see `frame`."""
        loop = [f"for (int t = 0; t < {self.n_frames}; t++)"] if self.n_frames > 1 else []
        self.parts.calls += [*loop, f"    {text}" if loop else text]

    def frame(self, place: str, n: int) -> str:
        """The frame in hand, of n values."""
        return place if self.n_frames == 1 else f"{place} + t * {n}"

    def own(self) -> str:
        """The frame in hand where it may be changed, see `owned`."""
        return self.frame(self.owned(), self.n)

    def tables(self, **arrays: Any) -> list[str]:
        """The names of constant arrays of the operation in hand."""
        return [self.parts.table(f"{what}_{self.number}", values) for what, values in arrays.items()]

    def move(self, place: str, n: int) -> None:
        self.place, self.n = place, n
        if place != "y":
            self.parts.need(place, n * self.n_frames)

    def owned(self) -> str:
        """Where the values may be changed: a copy, where they still are the caller's."""
        if self.place == "x":
            self.parts.use("copy")
            self.move("a" if self.moves_left else "y", self.n)
            self.parts.calls.append(f"copy(x, {self.place}, {self.n * self.n_frames});")
        return self.place

    def next_place(self) -> str:
        """Where an operation of `MOVES` writes: y for the last one."""
        self.moves_left -= 1
        return "y" if self.moves_left == 0 else "b" if self.place == "a" else "a"


def network(program: Program) -> Parts:
    """Functions, tables and calls that bring x (n_in,) to y (n_out,), by way of a and b."""
    state = _State(Parts(), program.n_in, sum(isinstance(op, MOVES) for op in program.operations))
    for state.number, op in enumerate(program.operations, 1):
        _WRITERS[type(op)](state, op)
    state.owned()
    return state.parts


def _dense(state: _State, op: Dense) -> None:
    state.parts.use("dense")
    kernel, bias = state.tables(kernel=op.kernel.T, bias=op.bias)
    source, target, (n_in, n_out) = state.place, state.next_place(), op.kernel.shape
    state.move(target, n_out)
    x, y = state.frame(source, n_in), state.frame(target, n_out)
    state.call(f"dense({x}, {kernel}, {bias}, {y}, {n_in}, {n_out});")


def _dense_int8(state: _State, op: DenseInt8) -> None:
    state.parts.use("dense_int8")
    kernel, scale, bias = state.tables(kernel=op.kernel.T, scale=op.scale, bias=op.bias)
    source, target, (n_in, n_out) = state.place, state.next_place(), op.kernel.shape
    state.parts.need("q", n_in * state.n_frames)
    state.move(target, n_out)
    x, q, y = state.frame(source, n_in), state.frame("q", n_in), state.frame(target, n_out)
    state.call(f"quantise({x}, {q}, {n_in}, {number(1 / op.step)}, {number(op.zero)});")
    state.call(f"dense_int8({q}, {kernel}, {scale}, {bias}, {y}, {n_in}, {n_out});")


def _affine(state: _State, op: Affine) -> None:
    state.parts.use("affine")
    names = state.tables(**op._asdict())
    state.call(f"affine({state.own()}, {', '.join(names)}, {state.n});")


def _clip(state: _State, op: Clip) -> None:
    state.parts.use("clip")
    state.call(f"clip({state.own()}, {number(op.limit)}, {state.n});")


def _layer_norm(state: _State, op: LayerNorm) -> None:
    state.parts.use("layer_norm")
    gamma, beta = state.tables(gamma=op.gamma, beta=op.beta)
    state.call(f"layer_norm({state.own()}, {gamma}, {beta}, {number(op.epsilon)}, {state.n});")


def _activate(state: _State, op: Activate) -> None:
    if op.name == "softmax":
        state.parts.use("softmax")
        state.call(f"softmax({state.own()}, {state.n});")
        return
    state.parts.functions.setdefault(op.name, _elementwise(op.name))
    option = f", {number(op.option)}" if op.name in WITH_OPTION else ""
    state.call(f"apply_{op.name}({state.own()}, {state.n}{option});")


def _frames(state: _State, op: Frames) -> None:
    state.n_frames, state.n = state.n // op.n, op.n


def _neighbours(state: _State, op: Neighbours) -> None:
    state.parts.use("neighbours")
    (offsets,) = state.tables(offsets=op.offsets)
    source, target, n_offsets = state.place, state.next_place(), len(op.offsets)
    state.n_frames -= op.offsets[-1]
    state.move(target, op.n * n_offsets)
    state.parts.calls.append(f"neighbours({source}, {offsets}, {target}, {state.n_frames}, {n_offsets}, {op.n});")


def _moments(state: _State, op: Moments) -> None:
    state.parts.use("moments")
    source, target, state.n_frames = state.place, state.next_place(), 1
    state.move(target, 2 * op.n)
    state.call(f"moments({source}, {target}, {op.n_frames}, {op.n}, {number(op.epsilon)});")


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
    Frames: _frames,
    Neighbours: _neighbours,
    Moments: _moments,
}
