"""The front end of an AudioClassifier as C: a window of samples becomes the inputs of the network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.export.c_network import Parts
from fastbp.export.c_text import number, table
from fastbp.export.frontend import (
    SPECTRAL,
    Bands,
    Bins,
    Contrast,
    Crossings,
    FrontEnd,
    Level,
    Shape,
    Spectrum,
    no_form,
)
from fastbp.features.steps import lag_of, percent_of

MOST_FFT = 2**15  # whose bins an int16_t can count
NEEDS = {
    "contrast": ("sorted",),
    "percentile": ("sorted",),
    "std": ("mean",),
    "lag": ("mean", "std"),
    "power_mean": ("mean", "std"),
    "skewness": ("power_mean",),
    "kurtosis": ("power_mean",),
    "centroid": ("ratio", "total"),
    "moment": ("centroid",),
    "entropy": ("ratio", "total"),
    "flux": ("ratio",),
}  # functions that others call


class Front(Parts):
    """The parts of a front end; bands that several features share are computed once.

    `changing` are the columns of a frame that depend on the one before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bands: dict[bytes, str] = {}
        self.changing: list[int] = []

    def use(self, name: str, template: str = "export_features") -> None:
        """A function, after those it calls."""
        for other in NEEDS.get(name, ()):
            self.use(other, template)
        super().use(name, template)


def front_end(front: FrontEnd, name: str) -> Parts:
    """Tables, the functions they and the frames need, and as `calls` the functions that a user calls.

    Raises
    ------
    ArgumentError
        n_fft is not a power of two.
    """
    parts = Front()
    frame = _frame(front, parts)
    pooling = [line for first, n, stat in front.pooled for line in _pooled(parts, first, n, stat)]
    level = front.normalize if front.target else "rms"
    parts.use(level)
    parts.calls = [_frame_function(parts, frame), _features(front, parts, name, pooling), _predict(front, name, level)]
    parts.functions = {"sizes": _sizes(front), **parts.functions}
    return parts


def _sizes(front: FrontEnd) -> str:
    """What the functions of the template are written for."""
    sizes = f"#define N_FRAMES {front.n_frames}\n#define N_COLUMNS {front.n_columns}\n"
    if front.spectrum is None:
        return sizes
    n_fft = front.spectrum.n_fft
    quarter_wave = np.cos(2 * np.pi * np.arange(n_fft // 4 + 1) / n_fft)
    return f"{sizes}#define N_FFT {n_fft}\n\n{table('quarter_wave', quarter_wave)}"


def describe(front: FrontEnd, name: str) -> list[str]:
    """What the file's comment says of the functions."""
    upper = name.upper()
    return [
        f"int {name}_predict(const float *samples, float level, float *work, float *y);",
        f"    samples   {front.n_samples} samples of mono sound at {front.sr} Hz, full scale 1: a window",
        f"    level     {_LEVELS[front.normalize]}",
        f"    work      {upper}_N_WORK floats to work in",
        "    returns 0, or 1 for silence, to which there is no answer",
        f"void {name}_features(const float *samples, float gain, float *work, float *x);",
        "    the inputs of the network for samples times gain",
    ]


_LEVELS = {
    "none": "not used",
    "rms": "root mean square of the whole recording so far; 0: that of the window",
    "peak": "largest magnitude of the whole recording so far; 0: that of the window",
}


# -- one frame ---------------------------------------------------------------------------------------------------------


def _frame(front: FrontEnd, parts: Front) -> list[str]:
    lines = [f"for (int i = 0; i < {front.win_length}; i++)", "    x[i] = gain * samples[i];"]
    parts.need("x", front.win_length)
    for first, n, columns in front.columns:
        lines += [] if isinstance(columns, SPECTRAL) else _COLUMNS[type(columns)](parts, columns, first, n, front)
    if front.spectrum is not None:
        lines += _spectrum(front.spectrum, parts, any(getattr(c, "power", 2) == 1 for _, _, c in front.columns))
    for first, n, columns in front.columns:
        lines += _COLUMNS[type(columns)](parts, columns, first, n, front) if isinstance(columns, SPECTRAL) else []
    return lines


def _spectrum(spectrum: Spectrum, parts: Front, magnitudes: bool) -> list[str]:
    n_fft, n = spectrum.n_fft, len(spectrum.window)
    if not 4 <= n_fft <= MOST_FFT or n_fft & (n_fft - 1):
        raise no_form(f"n_fft={n_fft}", f"in C it must be a power of two, from 4 to {MOST_FFT}")
    parts.use("power_spectrum")
    parts.table("window", spectrum.window)
    parts.need("x", n_fft)
    parts.need("power", n_fft // 2 + 1)
    lines = []
    if spectrum.remove_dc:
        parts.use("remove_dc")
        lines.append(f"remove_dc(x, {n});")
    if spectrum.pre_emphasis:
        parts.use("pre_emphasis")
        lines.append(f"pre_emphasis(x, {number(spectrum.pre_emphasis)}, {n});")
    lines += [f"for (int i = 0; i < {n_fft}; i++)", f"    x[i] = i < {n} ? x[i] * window[i] : 0.0f;"]
    lines.append("power_spectrum(x, power);")
    if magnitudes:
        parts.need("magnitude", n_fft // 2 + 1)
        lines += [f"for (int k = 0; k <= {n_fft // 2}; k++)", "    magnitude[k] = sqrtf(power[k]);"]
    return lines


def _source(power: int) -> str:
    return "power" if power == 2 else "magnitude"


def _bins(parts: Front, columns: Bins, first: int, n: int, front: FrontEnd) -> list[str]:
    return [f"for (int k = 0; k < {n}; k++)", f"    row[{first} + k] = {_source(columns.power)}[k];"]


def _bands(parts: Front, columns: Bands, first: int, n: int, front: FrontEnd) -> list[str]:
    """The bands, unless an earlier feature has them, then what the feature makes of them."""
    key = repr((columns.power, columns.log)).encode() + columns.matrix.tobytes()
    lines = [] if key in parts.bands else _shared_bands(parts, columns, key)
    place, n_bands = parts.bands[key], len(columns.matrix)
    if columns.dct is not None:
        parts.use("cosines")
        basis = parts.table(f"cosines_{first}", columns.dct)
        return [*lines, f"cosines({place}, {basis}, row + {first}, {n_bands}, {n});"]
    lines += [f"for (int i = 0; i < {n}; i++)", f"    row[{first} + i] = {place}[i];"]
    if columns.relative:
        parts.use("remove_dc")
        lines.append(f"remove_dc(row + {first}, {n});")
    return lines


def _shared_bands(parts: Front, columns: Bands, key: bytes) -> list[str]:
    i, n = len(parts.bands), len(columns.matrix)
    place = parts.bands[key] = f"bands_{i}"
    parts.use("bands")
    parts.need(place, n)
    used = columns.matrix > 0
    starts = used.argmax(axis=1)
    counts = np.where(used.any(axis=1), columns.matrix.shape[1] - used[:, ::-1].argmax(axis=1) - starts, 0)
    weights = np.concatenate([row[a : a + n] for row, a, n in zip(columns.matrix, starts, counts)])
    tables = {"first": starts, "count": counts, "weights": weights}
    names = ", ".join(parts.table(f"{what}_of_bands_{i}", values) for what, values in tables.items())
    lines = [f"bands({_source(columns.power)}, {names}, {place}, {n});"]
    if columns.log is not None:
        parts.use("logarithm")
        lines.append(f"logarithm({place}, {', '.join(map(number, columns.log))}, {n});")
    return lines


def _contrast(parts: Front, columns: Contrast, first: int, n: int, front: FrontEnd) -> list[str]:
    parts.use("contrast")
    source, floor = _source(columns.power), number(columns.floor)
    return [
        f"row[{first + i}] = contrast({source} + {start}, {count}, {m}, {floor});"
        for i, (start, count, m) in enumerate(columns.bands)
    ]


# the function, and what becomes of x with it, the Hz of a bin, and the parameter a
_SHAPES = {
    "centroid": ("centroid", "{hz} * centroid({x})"),
    "bandwidth": ("moment", "{hz} * sqrt(moment({x}, 2))"),
    "skewness": ("moment", "ratio(moment({x}, 3), moment({x}, 2) * sqrt(moment({x}, 2)))"),
    "kurtosis": ("moment", "ratio(moment({x}, 4), moment({x}, 2) * moment({x}, 2))"),
    "slope": ("slope", "slope({x}) / {hz}"),
    "entropy": ("entropy", "entropy({x})"),
    "flatness": ("flatness", "flatness({x}, {a})"),
    "rolloff": ("rolloff", "{hz} * rolloff({x}, {a})"),
    "flux": ("flux", "flux({x}, before[{i}])"),
}


def _shape(parts: Front, columns: Shape, first: int, n: int, front: FrontEnd) -> list[str]:
    function, form = _SHAPES[columns.kind]
    parts.use(function)
    values = {"x": _source(columns.power), "hz": number(front.hz_per_bin), "a": number(columns.parameter)}
    value = form.format(**values, i=len(parts.changing))
    parts.changing += [first] if columns.kind == "flux" else []
    return [f"row[{first}] = (float)({value});"]


def _level(parts: Front, columns: Level, first: int, n: int, front: FrontEnd) -> list[str]:
    parts.use("rms")
    lines = [f"row[{first}] = rms(x, {front.win_length});"]
    if columns.log is not None:
        parts.use("logarithm")
        lines.append(f"row[{first}] *= row[{first}];")
        lines.append(f"logarithm(row + {first}, {', '.join(map(number, columns.log))}, 1);")
    return lines


def _crossings(parts: Front, columns: Crossings, first: int, n: int, front: FrontEnd) -> list[str]:
    parts.use("crossings")
    return [f"row[{first}] = crossings(x, {front.win_length});"]


_COLUMNS: dict[type, Callable[[Front, Any, int, int, FrontEnd], list[str]]] = {
    Bins: _bins,
    Bands: _bands,
    Contrast: _contrast,
    Shape: _shape,
    Level: _level,
    Crossings: _crossings,
}


# -- statistics, and the functions -------------------------------------------------------------------------------------


def _pooled(parts: Front, first: int, n: int, stat: str) -> list[str]:
    terms = [_statistic(parts, part, f"work + {first} + i") for part in stat.split("-")]
    return [f"for (int i = 0; i < {n}; i++)", f"    *x++ = {' - '.join(terms)};"]


def _statistic(parts: Front, stat: str, column: str) -> str:
    if (value := percent_of(stat)) is not None:
        parts.use("percentile")
        return f"percentile({column}, {number(value)})"
    if (lag := lag_of(stat)) is not None:
        parts.use("lag")
        return f"lag({column}, {lag})"
    parts.use(stat)
    return f"{stat}({column})"


def _frame_function(parts: Front, lines: list[str]) -> str:
    arrays = [f"float {place}[{n}];" for place, n in parts.room.items()]
    before = ", float (*before)[N_FFT / 2 + 1]" if parts.changing else ""
    return (
        "/* row (N_COLUMNS,): the features of a frame, samples times gain"
        f"{'; before: spectra of the frame before' if before else ''} */\n"
        f"static void frame(const float *samples, float gain{before}, float *row)\n"
        "{\n" + _indented([*arrays, *lines]) + "}\n"
    )


def _features(front: FrontEnd, parts: Front, name: str, pooling: list[str]) -> str:
    """Frame by frame; before the first one is nothing that it could have changed from."""
    signature = f"void {name}_features(const float *samples, float gain, float *work, float *x)"
    n = len(parts.changing)
    lines = [f"float before[{n}][N_FFT / 2 + 1] = {{{{0.0f}}}};"] if n else []
    lines.append("for (int t = 0; t < N_FRAMES; t++)")
    before = ", before" if n else ""
    lines.append(f"    frame(samples + t * {front.hop_length}, gain{before}, work + t * N_COLUMNS);")
    lines += [f"work[{first}] = 0.0f;" for first in parts.changing] + pooling
    return f"{signature};\n\n{signature}\n{{\n{_indented(lines)}}}\n"


def _predict(front: FrontEnd, name: str, level: str) -> str:
    signature = f"int {name}_predict(const float *samples, float level, float *work, float *y)"
    lines = [f"float x[{name.upper()}_N_IN], own = {level}(samples, {front.n_samples});"]
    lines += ["if (!(own > 0.0f))", "    return 1;"]
    gain = f"{number(front.target)} / (level > 0.0f ? level : own)" if front.target else "1.0f"
    lines += ["(void)level;"] if not front.target else []
    lines += [f"{name}_features(samples, {gain}, work, x);", f"{name}_network(x, y);", "return 0;"]
    return f"{signature};\n\n{signature}\n{{\n{_indented(lines)}}}\n"


def _indented(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)
