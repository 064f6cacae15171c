"""What each parameter may be, and the resolution of what was given against a preset."""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.constant_q import highest_frequency, n_bins_below
from fastbp.features.filters import DCT_NORMS, MEL_NORMS, MEL_SCALES, WINDOWS
from fastbp.features.framing import FRAMINGS, PAD_MODES
from fastbp.features.presets import defaults

LOGS = {  # (gain, offset) of gain * ln(power) + offset
    "db": (10 / math.log(10), 0.0),
    "ln": (1.0, 0.0),
    "log10": (1 / math.log(10), 0.0),
    "whisper": (0.25 / math.log(10), 1.0),
}


def _integer(least: int, most: int = 2**31 - 1) -> tuple[Callable[[Any], Any], str]:
    def check(value: Any) -> Any:
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return int(value) if whole and least <= value <= most else None

    return (
        check,
        f"a whole number from {least} to {most}" if most < 2**31 - 1 else f"a whole number of at least {least}",
    )


def _number(least: float, most: float = math.inf) -> tuple[Callable[[Any], Any], str]:
    def check(value: Any) -> Any:
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        return float(value) if real and least <= value <= most and math.isfinite(value) else None

    return check, f"a finite number from {least:g} to {most:g}" if most < math.inf else f"a finite number >= {least:g}"


def _choice(*names: str) -> tuple[Callable[[Any], Any], str]:
    return lambda value: value if isinstance(value, str) and value in names else None, f"one of {', '.join(names)}"


def _tuning() -> tuple[Callable[[Any], Any], str]:
    number, expected = _number(-0.5, 0.5)
    return (
        lambda value: value if isinstance(value, str) and value == "auto" else number(value),
        f'{expected}, or "auto"',
    )


_FLAG = (lambda value: value if isinstance(value, bool) else None, "True or False")

CHECKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sr": _integer(1),
    "n_fft": _integer(1, 2**24),
    "win_length": _integer(1, 2**24),
    "hop_length": _integer(1, 2**22),
    "n_mels": _integer(1, 2**16),
    "n_mfcc": _integer(1, 2**16),
    "first_mfcc": _integer(0, 1),
    "n_filters": _integer(1, 2**16),
    "n_lfcc": _integer(1, 2**16),
    "n_gfcc": _integer(1, 2**16),
    "n_plp": _integer(1, 999),
    "order": _integer(1, 999),
    "gain": _number(0.0, 10.0),
    "bias": _number(1e-6, 1e6),
    "exponent": _number(1e-3, 10.0),
    "time_constant": _number(1e-6, 1e6),
    "eps": _number(1e-30, 1e30),
    "full_scale": _number(1e-6, 1e10),
    "trough_threshold": _number(0.0, 10.0),
    "resolution": _number(1e-3, 12.0),
    "max_transition_rate": _number(0.0, 1e6),
    "switch_prob": _number(1e-9, 1 - 1e-9),
    "no_trough_prob": _number(0.0, 1.0),
    "threshold": _number(0.0, 1e6),
    "hangover": _number(0.0, 60.0),
    "deltas": _integer(0, 2),
    "delta_width": _integer(3, 999),
    "power": _integer(1, 2),
    "lifter_start": _integer(0, 1),
    "fmin": _number(0.0),
    "fmax": _number(0.0),
    "scale": _number(1e-6, 1e6),
    "pre_emphasis": _number(0.0, 1.0),
    "floor": _number(1e-30, 1e30),
    "top_db": _number(0.0),
    "lifter": _number(0.0),
    "remove_dc": _FLAG,
    "relative": _FLAG,
    "use_energy": _FLAG,
    "window": _choice(*WINDOWS),
    "framing": _choice(*FRAMINGS),
    "pad_mode": _choice(*PAD_MODES),
    "mel_scale": _choice(*MEL_SCALES),
    "mel_norm": _choice(*MEL_NORMS),
    "log": _choice(*LOGS, "none"),
    "dct_norm": _choice(*DCT_NORMS),
    "delta": _choice("regression", "savgol"),
    "method": _choice("burg", "autocorrelation"),
    "smoother_start": _choice("first", "ones"),
    "normalize": _choice("none", "peak", "rms"),
    # spectral shape, pitch classes, rhythm
    "roll_percent": _number(1e-6, 1 - 1e-6),
    "n_bands": _integer(1, 64),
    "quantile": _number(1e-6, 0.5),
    "n_chroma": _integer(1, 1200),
    "tuning": _tuning(),
    "norm": _choice("max", "sum", "euclidean", "none"),
    "n_bins": _integer(1, 2**16),
    "n_octaves": _integer(1, 64),
    "bins_per_octave": _integer(1, 1200),
    "filter_scale": _number(1e-3, 1e3),
    "sparsity": _number(0.0, 0.99),
    "lag": _integer(1, 2**16),
    "start_bpm": _number(1.0, 1e4),
    "std_bpm": _number(1e-3, 1e3),
    "ac_size": _number(1e-3, 1e4),
    "max_tempo": _number(1.0, 1e9),
    "aggregate": _choice("mean", "none"),
}


def _bins_below(values: Mapping[str, Any], most: int) -> int:
    sr, fmin, per_octave, scale = (
        checked(name, values[name]) for name in ("sr", "fmin", "bins_per_octave", "filter_scale")
    )
    return n_bins_below(sr, max(fmin, 1e-3), per_octave, scale, most)


# what parameters that nothing sets follow from
DERIVED: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "win_length": lambda values: values["n_fft"],
    "fmax": lambda values: checked("sr", values["sr"]) / 2,
    "n_bands": lambda values: next(
        n for n in (6, 5, 4, 3, 2, 1) if n == 1 or values["fmin"] * 2 ** (n - 1) < values["sr"] / 2
    ),
    "n_bins": lambda values: _bins_below(values, 84),
    "n_octaves": lambda values: max(1, _bins_below(values, 7 * values["bins_per_octave"]) // values["bins_per_octave"]),
}

_FILTERS = ("sr", "fmin", "bins_per_octave", "filter_scale", "tuning")


def _below_nyquist(c: Mapping[str, Any], n_bins: int) -> bool:
    tuning = 0.5 if c["tuning"] == "auto" else c["tuning"]
    top = c["fmin"] * 2.0 ** ((n_bins - 1 + tuning) / c["bins_per_octave"])
    return 0 < highest_frequency(top, c["bins_per_octave"], c["filter_scale"]) <= c["sr"] / 2


_RELATIONS: list[tuple[set[str], Callable[[Any], bool], str]] = [
    ({"win_length", "n_fft"}, lambda c: c["win_length"] <= c["n_fft"], "win_length must be at most n_fft"),
    ({"fmin", "fmax", "sr"}, lambda c: c["fmin"] < c["fmax"] <= c["sr"] / 2, "need fmin < fmax <= sr / 2"),
    ({"n_mfcc", "n_mels"}, lambda c: c["n_mfcc"] <= c["n_mels"], "n_mfcc must be at most n_mels"),
    ({"n_mfcc", "first_mfcc"}, lambda c: c["first_mfcc"] < c["n_mfcc"], "first_mfcc leaves no coefficient"),
    ({"n_mels", "log"}, lambda c: c["log"] != "none", "without logarithm, use MelSpectrogram"),
    ({"use_energy", "top_db"}, lambda c: not (c["use_energy"] and c["top_db"]), "use_energy needs top_db=0"),
    ({"n_lfcc", "n_filters"}, lambda c: c["n_lfcc"] <= c["n_filters"], "n_lfcc must be at most n_filters"),
    ({"n_gfcc", "n_filters"}, lambda c: c["n_gfcc"] <= c["n_filters"], "n_gfcc must be at most n_filters"),
    ({"order", "win_length"}, lambda c: c["order"] < c["win_length"], "order must be less than win_length"),
    ({"delta_width"}, lambda c: c["delta_width"] % 2 == 1, "delta_width must be odd"),
    (
        {"n_octaves", "n_chroma", "bins_per_octave"},
        lambda c: c["bins_per_octave"] % c["n_chroma"] == 0,
        "n_chroma must divide bins_per_octave",
    ),
    ({"n_bins", *_FILTERS}, lambda c: _below_nyquist(c, c["n_bins"]), "the highest filter must end below sr / 2"),
    (
        {"n_octaves", *_FILTERS},
        lambda c: _below_nyquist(c, c["n_octaves"] * c["bins_per_octave"]),
        "the highest filter must end below sr / 2",
    ),
]


def checked(name: str, value: Any) -> Any:
    """`value` as a plain int, float, bool or str, or an ArgumentError that says what `name` may be."""
    check, expected = CHECKS[name]
    plain = check(value)
    if plain is None:
        raise ArgumentError(f"{name}={value!r} cannot be used; it must be {expected}.")
    return plain


def resolve(feature: str, names: tuple[str, ...], preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the parameters `names`: those given (None: not given), else the preset's."""
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ArgumentTypeError(
            f"{feature} has no parameter {', '.join(unknown)}; it takes {', '.join(names)}, preset."
        )
    values = defaults(preset, feature) | {name: value for name, value in given.items() if value is not None}
    for name, derive in DERIVED.items():
        if name in names and values[name] is None:
            values[name] = derive(values)
    config = {name: checked(name, values[name]) for name in names}
    for needs, holds, rule in _RELATIONS:
        if needs <= set(names) and not holds(config):
            raise ArgumentError(f"{rule}; given: {', '.join(f'{name}={config[name]}' for name in sorted(needs))}.")
    return config
