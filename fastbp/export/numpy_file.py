"""A whole model as one file of Python that needs NumPy alone."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.export.c_text import lines
from fastbp.export.frontend import Bands, Bins, Contrast, Crossings, FrontEnd, Level, Shape
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
    shape_of,
)
from fastbp.features.steps import lag_of, percent_of

# of x, with the option a
ACTIVATIONS = {
    "relu": "np.maximum(x, 0)",
    "leaky_relu": "np.where(x < 0, {a} * x, x)",
    "elu": "np.where(x < 0, {a} * np.expm1(np.minimum(x, 0)), x)",
    "selu": "1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(np.minimum(x, 0)), x)",
    "gelu": "x / 2 * erfc(-x / 2**0.5)",
    "silu": "x * np.exp(-np.logaddexp(0, -x))",
    "sigmoid": "np.exp(-np.logaddexp(0, -x))",
    "tanh": "np.tanh(x)",
    "exponential": "np.exp(x)",
    "softplus": "np.logaddexp(0, x)",
    "softmax": "softmax(x)",
}
HELPERS = {
    "erfc": "erfc = np.vectorize(math.erfc, otypes=[np.float32])\n",
    "softmax": "def softmax(x):\n    x = np.exp(x - x.max(axis=1, keepdims=True))\n"
    "    return x / x.sum(axis=1, keepdims=True)\n",
    "layer_norm": "def layer_norm(x, gamma, beta, epsilon):\n"
    "    scale = 1 / np.sqrt(x.var(axis=1, keepdims=True) + epsilon)\n"
    "    return (x - x.mean(axis=1, keepdims=True)) * scale * gamma + beta\n",
    "standard": "def standard(x):\n    mean, std = x.mean(axis=0), x.std(axis=0)\n"
    "    return (x - mean) / np.where(std <= 1e-6 * np.abs(mean) + 1e-30, np.inf, std)\n",
    "lag": "def lag(x, n):\n    z = standard(x)\n    return np.sum(z[n:] * z[:-n], axis=0) / max(len(z) - n, 1)\n",
    "skewness": "def skewness(x):\n    return np.mean(standard(x) ** 3, axis=0)\n",
    "kurtosis": "def kurtosis(x):\n    z = standard(x)\n    return np.mean(z**4, axis=0) - 3 * z.any(axis=0)\n",
    "ratio": "def ratio(a, b):\n    return np.where(b > 0, a / np.where(b > 0, b, 1), 0)\n",
    "moment": "def moment(x, order):\n    k, total = np.arange(x.shape[1]), x.sum(axis=1)\n"
    "    mean = ratio(x @ k, total)[:, None]\n    return ratio(np.sum(x * (k - mean) ** order, axis=1), total)\n",
    "centroid": "def centroid(x):\n    return ratio(x @ np.arange(x.shape[1]), x.sum(axis=1))\n",
    "slope": "def slope(x):\n    k = np.arange(x.shape[1]) - (x.shape[1] - 1) / 2\n    return x @ k / (k @ k)\n",
    "entropy": "def entropy(x):\n    p = ratio(x, x.sum(axis=1, keepdims=True))\n"
    "    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=1) / np.log(x.shape[1])\n",
    "flatness": "def flatness(x, floor):\n    x = np.maximum(x, floor)\n"
    "    return np.exp(np.log(x).mean(axis=1)) / x.mean(axis=1)\n",
    "rolloff": "def rolloff(x, fraction):  # added up as fastbp does, so that close calls end alike\n"
    "    x = x.astype(np.float32)\n"
    "    even, odd = (np.cumsum(x[:, i::2], axis=1)[:, -1:] for i in (0, 1))\n"
    "    below = np.cumsum(x, axis=1) < (even + odd) * np.float32(fraction)\n"
    "    return np.minimum(below.sum(axis=1), x.shape[1] - 1)\n",
    "flux": "def flux(x):\n    unit = ratio(x, np.linalg.norm(x, axis=1, keepdims=True))\n"
    "    return np.linalg.norm(np.diff(unit, axis=0, prepend=unit[:1]), axis=1)\n",
    "contrast": "def contrast(x, n, floor):\n    x = np.sort(x, axis=1)\n"
    "    high, low = x[:, -n:].mean(axis=1), x[:, :n].mean(axis=1)\n"
    "    return 10 * np.log10(np.maximum(high, floor) / np.maximum(low, floor))[:, None]\n",
}
NEEDS = {
    "lag": ("standard",),
    "skewness": ("standard",),
    "kurtosis": ("standard",),
    "moment": ("ratio",),
    "centroid": ("ratio",),
    "entropy": ("ratio",),
    "flux": ("ratio",),
}  # helpers that others call
TEMPLATE = '''"""Written by fastbp: a dense network {shape}. Needs NumPy alone.

predict(x) takes rows float32 (n_rows, {n_in}) and gives float32 (n_rows, {n_out}){classes}.
"""

{math}import numpy as np
{helpers}

def predict(x):
{body}

'''


class _Text:
    """Lines of a function, and the arrays and helpers they name."""

    def __init__(self) -> None:
        self.arrays: dict[str, str] = {}
        self.helpers: dict[str, str] = {}

    def array(self, name: str, values: ArrayLike) -> str:
        """A constant array, kept once; its name."""
        text = _array(np.asarray(values))
        same = next((known for known, other in self.arrays.items() if other == text), name)
        self.arrays[same] = text
        return same

    def use(self, *names: str) -> None:
        """Helpers, after those they call."""
        for name in (name for name in names if name in HELPERS):
            self.use(*NEEDS.get(name, ()))
            self.helpers[name] = HELPERS[name]


def numpy_source(program: Program) -> str:
    """The file's text."""
    text = _Text()
    body = [line for i, op in enumerate(program.operations, 1) for line in _WRITERS[type(op)](text, op, i)]
    body = ["x = np.asarray(x, np.float32)", *body, "return x.astype(np.float32)"]
    extra = [] if program.front is None else _front_functions(text, program.front)
    classes = f", the probabilities of {', '.join(map(_plain, program.classes))}" if program.classes else ""
    helpers = "".join(f"\n\n{helper}" for helper in text.helpers.values())
    whole = TEMPLATE.format(
        shape=shape_of(program), n_in=program.n_in, n_out=program.n_out, classes=classes,
        math="import math\n\n" if "erfc" in text.helpers else "", helpers=helpers,
        body="\n".join(f"    {line}" for line in body),
    )  # fmt: skip
    return "\n".join([whole, *extra, "", *(f"{name} = {value}" for name, value in text.arrays.items())])


def _plain(name: str) -> str:
    """A class's name as it may stand in the docstring."""
    return "".join(c if c.isprintable() and c not in '\\"' else "_" for c in name)


def _array(values: NDArray[Any]) -> str:
    """A constant of float32, or of whole numbers."""
    kind = values.dtype if values.dtype.kind == "i" else np.dtype(np.float32)
    words = [str(value) for value in values.astype(kind).ravel()]
    return f"np.array([\n{lines(words)}\n], np.{kind.name}).reshape({', '.join(map(str, values.shape))})\n"


# -- the network -------------------------------------------------------------------------------------------------------


def _dense(text: _Text, op: Dense, i: int) -> list[str]:
    return [f"x = x @ {text.array(f'KERNEL_{i}', op.kernel)} + {text.array(f'BIAS_{i}', op.bias)}"]


def _dense_int8(text: _Text, op: DenseInt8, i: int) -> list[str]:
    names = [text.array(f"{what.upper()}_{i}", getattr(op, what)) for what in ("kernel", "scale", "bias")]
    return [
        f"x = np.clip(np.rint(x * np.float32({1 / op.step!r})) + {op.zero}, -128, 127).astype(np.int32)",
        f"x = (x @ {names[0]}.astype(np.int32)).astype(np.float32) * {names[1]} + {names[2]}",
    ]


def _affine(text: _Text, op: Affine, i: int) -> list[str]:
    names = [text.array(f"{what.upper()}_{i}", values) for what, values in op._asdict().items()]
    return [f"x = (x - {names[0]}) * {names[1]} + {names[2]}"]


def _layer_norm(text: _Text, op: LayerNorm, i: int) -> list[str]:
    text.use("layer_norm")
    gamma, beta = text.array(f"GAMMA_{i}", op.gamma), text.array(f"BETA_{i}", op.beta)
    return [f"x = layer_norm(x, {gamma}, {beta}, {op.epsilon!r})"]


def _activate(text: _Text, op: Activate, i: int) -> list[str]:
    text.use(op.name, *(["erfc"] if op.name == "gelu" else []))
    return [f"x = {ACTIVATIONS[op.name].format(a=repr(op.option))}"]


def _neighbours(text: _Text, op: Neighbours, i: int) -> list[str]:
    n_left = op.n_frames - op.offsets[-1]
    return [
        f"x = x.reshape(-1, {op.n_frames}, {op.n})",
        f"x = np.concatenate([x[:, i : i + {n_left}] for i in {op.offsets}], axis=2)",
        f"x = x.reshape(-1, {op.n * len(op.offsets)})",
    ]


def _moments(text: _Text, op: Moments, i: int) -> list[str]:
    return [
        f"x = x.reshape(-1, {op.n_frames}, {op.n})",
        f"x = np.concatenate([x.mean(axis=1), np.sqrt(x.var(axis=1) + {op.epsilon!r})], axis=1)",
    ]


_WRITERS: dict[type, Callable[[_Text, Any, int], list[str]]] = {
    Dense: _dense,
    DenseInt8: _dense_int8,
    Affine: _affine,
    Clip: lambda text, op, i: [f"x = np.clip(x, {-op.limit!r}, {op.limit!r})"],
    LayerNorm: _layer_norm,
    Activate: _activate,
    Frames: lambda text, op, i: [f"x = x.reshape(-1, {op.n})"],
    Neighbours: _neighbours,
    Moments: _moments,
}


# -- the front end -----------------------------------------------------------------------------------------------------

_LEVELS = {"rms": "np.sqrt(np.mean(y * y))", "peak": "np.abs(y).max()"}


def _front_functions(text: _Text, front: FrontEnd) -> list[str]:
    """`features` and `predict_sound`."""
    lines = [f'"""Inputs of the network, float32 (1, n), of {front.n_samples} samples at {front.sr} Hz: a window."""']
    lines.append(f"y = np.asarray(samples, np.float64)[:{front.n_samples}]")
    if front.target is not None:
        lines += [f"level = {_LEVELS[front.normalize]}", f"y = y * ({front.target} / level) if level > 0 else y"]
    view = f"np.lib.stride_tricks.sliding_window_view(y, {front.win_length})"
    lines.append(f"frames = {view}[::{front.hop_length}]")
    if front.spectrum is not None:
        lines += _spectrum(text, front)
    columns = [line for first, _, c in front.columns for line in _COLUMNS[type(c)](text, c, first, front)]
    names = ", ".join(f"columns_{first}" for first, _, _ in front.columns)
    lines += [*columns, f"rows = np.concatenate([{names}], axis=1)", "changes = np.diff(rows, axis=0)"]
    lines += [
        "return np.concatenate([",
        *(f"    {line}," for line in _pooled(text, front)),
        "])[None].astype(np.float32)",
    ]
    body = "\n".join(f"    {line}" for line in lines)
    return [
        f"def features(samples):\n{body}\n\n",
        f'def predict_sound(samples):\n    """Answer to a window of {front.n_samples} samples."""\n'
        "    return predict(features(samples))[0]\n",
    ]


def _spectrum(text: _Text, front: FrontEnd) -> Iterator[str]:
    spectrum = front.spectrum
    assert spectrum is not None
    yield "x = frames"
    if spectrum.remove_dc:
        yield "x = x - x.mean(axis=1, keepdims=True)"
    if spectrum.pre_emphasis:
        yield f"x = x - {spectrum.pre_emphasis} * np.concatenate([x[:, :1], x[:, :-1]], axis=1)"
    yield f"magnitude = np.abs(np.fft.rfft(x * {text.array('WINDOW', spectrum.window)}, {spectrum.n_fft}))"


def _source(power: int) -> str:
    return "magnitude" if power == 1 else "magnitude**2"


def _logarithm(x: str, log: tuple[float, float, float] | None) -> str:
    return x if log is None else f"{log[1]!r} * np.log(np.maximum({x}, {log[0]!r})) + {log[2]!r}"


def _bands(text: _Text, columns: Bands, first: int, front: FrontEnd) -> list[str]:
    matrix, name = text.array(f"BANDS_{first}", columns.matrix.T), f"columns_{first}"
    lines = [f"{name} = {_logarithm(f'({_source(columns.power)}) @ {matrix}', columns.log)}"]
    if columns.relative:
        lines.append(f"{name} = {name} - {name}.mean(axis=1, keepdims=True)")
    if columns.dct is not None:
        lines.append(f"{name} = {name} @ {text.array(f'COSINES_{first}', columns.dct.T)}")
    return lines


def _contrast(text: _Text, columns: Contrast, first: int, front: FrontEnd) -> list[str]:
    text.use("contrast")
    source, floor = _source(columns.power), columns.floor
    bands = [f"    contrast(({source})[:, {a} : {a + n}], {m}, {floor!r})," for a, n, m in columns.bands]
    return [f"columns_{first} = np.concatenate([", *bands, "], axis=1)"]


# the helper, and what becomes of x with it, the Hz of a bin, and the parameter a
_SHAPES = {
    "centroid": ("centroid", "{hz} * centroid({x})"),
    "bandwidth": ("moment", "{hz} * np.sqrt(moment({x}, 2))"),
    "skewness": ("moment", "ratio(moment({x}, 3), moment({x}, 2) ** 1.5)"),
    "kurtosis": ("moment", "ratio(moment({x}, 4), moment({x}, 2) ** 2)"),
    "slope": ("slope", "slope({x}) / {hz}"),
    "entropy": ("entropy", "entropy({x})"),
    "flatness": ("flatness", "flatness({x}, {a})"),
    "rolloff": ("rolloff", "{hz} * rolloff({x}, {a})"),
    "flux": ("flux", "flux({x})"),
}


def _shape(text: _Text, columns: Shape, first: int, front: FrontEnd) -> list[str]:
    helper, form = _SHAPES[columns.kind]
    text.use(helper)
    value = form.format(x=_source(columns.power), hz=repr(front.hz_per_bin), a=repr(columns.parameter))
    return [f"columns_{first} = ({value})[:, None]"]


def _level(text: _Text, columns: Level, first: int, front: FrontEnd) -> list[str]:
    power = "np.mean(frames**2, axis=1, keepdims=True)"
    value = f"np.sqrt({power})" if columns.log is None else _logarithm(power, columns.log)
    return [f"columns_{first} = {value}"]


def _crossings(text: _Text, columns: Crossings, first: int, front: FrontEnd) -> list[str]:
    return [
        "negative = frames < -1e-10",
        f"columns_{first} = np.sum(negative[:, 1:] != negative[:, :-1], axis=1, keepdims=True) / {front.win_length}",
    ]


_COLUMNS: dict[type, Callable[[_Text, Any, int, FrontEnd], list[str]]] = {
    Bins: lambda text, columns, first, front: [f"columns_{first} = {_source(columns.power)}"],
    Bands: _bands,
    Contrast: _contrast,
    Shape: _shape,
    Level: _level,
    Crossings: _crossings,
}
_STATISTICS = {
    "mean": "{x}.mean(axis=0)",
    "std": "{x}.std(axis=0)",
    "min": "{x}.min(axis=0)",
    "max": "{x}.max(axis=0)",
    "delta_mean": "np.abs({d}).mean(axis=0)",
    "delta_std": "{d}.std(axis=0)",
    "skewness": "skewness({x})",
    "kurtosis": "kurtosis({x})",
}


def _pooled(text: _Text, front: FrontEnd) -> Iterator[str]:
    for first, n, stat in front.pooled:
        part = f"[:, {first} : {first + n}]"
        changes = f"changes{part}" if front.n_frames > 1 else f"np.zeros_like(rows{part})"
        places = {"x": f"rows{part}", "d": changes}
        yield " - ".join(_statistic(text, name).format(**places) for name in stat.split("-"))


def _statistic(text: _Text, name: str) -> str:
    if (value := percent_of(name)) is not None:
        return f"np.percentile({{x}}, {value!r}, axis=0)"
    if (lag := lag_of(name)) is not None:
        text.use("lag")
        return f"lag({{x}}, {lag})"
    text.use(name)
    return _STATISTICS[name]
