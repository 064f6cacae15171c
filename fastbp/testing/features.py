"""The conformance set of audio features. Each check takes a feature and raises where the contract is broken."""

import json
import re
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.base import Feature
from fastbp.plugin_api import CompiledFeature
from fastbp.testing import bounds, common
from fastbp.testing.results import Check, need

Float32 = NDArray[np.float32]

SECONDS = 1.0
NAMED = re.compile(  # a unit, a formula's source or what a column is
    r"\b(Hz|dB|LU|LUFS|seconds?|samples?|power|energy|magnitudes?|amplitude|mel|ratio|rate|1[89]\d\d|20\d\d)\b|[=|*/]"
)


def _again(feature: Feature, **changes: Any) -> Feature:
    """The same feature made anew, so that no check sees what another left behind."""
    return type(feature)(**{**_options(feature), **changes})


def _options(feature: Feature) -> dict[str, Any]:
    names = (*feature.parameters, *(option.name for option in feature.options))
    return {"preset": feature.preset, **{name: getattr(feature, name) for name in names}}


def signal(sr: int, n_samples: int | None = None) -> Float32:
    """A second of sound at `sr` Hz, float32 (n_samples,): a rising tone with noise, and silence."""
    n = int(SECONDS * sr) if n_samples is None else n_samples
    t = np.arange(n) / sr
    phase = 2 * np.pi * (200 * t + 100 * t**2)
    y = sum(np.sin(k * phase) / k for k in (1, 2, 3)) * 0.3 + 0.01 * np.random.default_rng(0).standard_normal(n)
    y[int(0.6 * n) : int(0.75 * n)] = 0.0
    return np.asarray(y, np.float32)


def _of(feature: Feature, y: NDArray[Any]) -> Float32:
    """Features of a copy of y."""
    return feature(y.copy())


# -- what it gives -------------------------------------------------------------------------------------------------


def shape(feature: Feature) -> str:
    """float32 (n_frames, n_features), C-contiguous."""
    y = signal(feature.sr)
    out = _of(feature, y)
    need(isinstance(out, np.ndarray), f"it gives a {type(out).__name__}, not an array")
    expected = feature.n_frames(len(y)), feature.n_features
    need(out.shape == expected, f"{len(y)} samples give shape {out.shape}; n_frames and n_features say {expected}")
    need(out.dtype == np.float32, f"it gives {out.dtype}, not float32")
    need(out.flags.c_contiguous, "the array is not C-contiguous")
    return f"{out.shape}"


def names(feature: Feature) -> None:
    """feature_names has one name for each column, each of its own."""
    found = feature.feature_names
    need(all(isinstance(name, str) and name for name in found), f"feature_names are not all strings: {found[:5]}")
    twice = sorted({name for name in found if found.count(name) > 1}) if len(found) < 5000 else []
    need(not twice, f"feature_names has {', '.join(twice[:5])} more than once")
    need(len(found) == feature.n_features, f"there are {len(found)} feature_names for {feature.n_features} columns")


def is_finite(feature: Feature) -> None:
    """Silence, one click and full scale give finite values."""
    n = int(SECONDS * feature.sr)
    click, square = np.zeros(n, np.float32), np.where(np.arange(n) // 16 % 2, 1.0, -1.0).astype(np.float32)
    click[n // 2] = 1.0
    for what, y in (("silence", np.zeros(n, np.float32)), ("a click", click), ("full scale", square)):
        need(np.isfinite(_of(feature, y)).all(), f"{what} gives values that are NaN or infinite")


def odd_sizes(feature: Feature) -> None:
    """Clips of any length have the frames that n_frames says; those without a frame are ArgumentErrors."""
    for n in (*common.SIZES, feature.win_length - 1, feature.win_length, feature.win_length + 1):
        if n < 1:
            continue
        y, expected = signal(feature.sr, n), feature.n_frames(n)
        if expected < 1:
            common.need_refused([(f"a clip of {n} samples without a frame", partial(_of, feature, y))])
            continue
        out = _of(feature, y)
        need(len(out) == expected, f"{n} samples give {len(out)} frames; n_frames says {expected}")
        need(np.isfinite(out).all(), f"{n} samples give values that are NaN or infinite")


def is_deterministic(feature: Feature) -> None:
    """Called twice, it gives the same bits."""
    y = signal(feature.sr)
    one, two = _of(feature, y), _of(feature, y)
    need(common.same_bits(one, two), f"a second call gives something else: {common.difference(one, two)}")


def same_for_all_threads(feature: Feature) -> None:
    """One thread and two give the same bits."""
    found = []
    for n in (1, 2):
        with common.n_threads(n):
            found.append(_of(_again(feature), signal(feature.sr)))
    need(common.same_bits(*found), f"it depends on the number of threads: {common.difference(*found)}")


def rows_see_what_they_say(feature: Feature) -> str | None:
    """A row does not depend on samples beyond its frame and the later frames that lookahead_frames counts."""
    if feature.lookahead_frames is None:
        return "looks at the whole clip"
    y = signal(feature.sr)
    start = len(y) // 2
    other = np.concatenate([y[:start], 0.5 * y[:start][::-1], y[2 * start :]])
    end_of_first = feature.offset + feature.win_length
    rows = max(0, (start - end_of_first) // feature.hop_length + 1 - feature.lookahead_frames)
    one, two = (_of(_again(feature), clip)[:rows] for clip in (y, other))
    need(
        common.same_bits(one, two),
        f"of the first {rows} rows, those before a change see it, though lookahead_frames is "
        f"{feature.lookahead_frames}: {common.difference(one, two)}",
    )
    return f"{rows} rows"


# -- what it takes -------------------------------------------------------------------------------------------------


def leaves_input(feature: Feature) -> None:
    """The waveform is not changed."""
    y = signal(feature.sr)
    given = y.copy()
    feature(given)
    need(common.same_bits(y, given), f"it changes the waveform: {common.difference(y, given)}")


def stays_in_bounds(feature: Feature) -> str | None:
    """A compiled feature writes nothing before or after its columns, and does not change the frames."""
    if not isinstance(feature, CompiledFeature):
        return "not a compiled plug-in"
    frames = np.stack([signal(feature.sr, feature.win_length)] * 3)
    given, out = bounds.call_feature(feature, frames)
    need(given.intact() and out.intact(), "memory beside the frames or the columns is written to")
    need(common.same_bits(given.array, frames), "it changes the frames")
    return None


def takes_pcm(feature: Feature) -> None:
    """16-bit samples give what the same samples as float32 give."""
    pcm = np.round(signal(feature.sr) * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
    one, two = _of(_again(feature), pcm), _of(_again(feature), pcm.astype(np.float32) / np.float32(2**15))
    need(common.same_bits(one, two), f"int16 samples give something else than float32: {common.difference(one, two)}")


def refuses_bad_input(feature: Feature) -> None:
    """NaN, infinity, no samples, two channels and no numbers are ArgumentErrors."""
    y = signal(feature.sr)
    bad: dict[str, Any] = {
        "NaN": np.where(np.arange(len(y)) == 9, np.nan, y),
        "infinity": np.where(np.arange(len(y)) == 9, np.inf, y),
        "an empty clip": y[:0],
        "an array of two channels": np.stack([y, y]),
        "an array of strings": np.array(["a", "b"] * 1000),
    }
    common.need_refused((what, partial(_of, feature, given)) for what, given in bad.items())


# -- as an object --------------------------------------------------------------------------------------------------


def _variants(feature: Feature) -> list[Feature]:
    """The feature with one of its own options changed, for each; and with another hop."""
    changes = [{"hop_length": feature.hop_length // 2}] if feature.hop_length > 1 else []
    for option in feature.options:
        value, (least, most) = getattr(feature, option.name), (option.least, option.most)
        changes.append({option.name: (value + (most if value != most else least)) / 2 if option.bounded else value + 1})
    made = []
    for change in changes:
        try:
            made.append(_again(feature, **change))
        except (ArgumentError, ArgumentTypeError):
            continue
    return made


def round_trips(feature: Feature) -> None:
    """get_config() is JSON and makes an equal feature, for values other than the defaults too."""
    for variant in (feature, *_variants(feature)):
        config = json.loads(json.dumps(variant.get_config()))
        made = type(feature).from_config(config)
        lost = sorted(name for name, value in _options(variant).items() if _options(made)[name] != value)
        need(made == variant and not lost, f"get_config() loses {', '.join(lost) or 'something'}: it is {config}")


def pickles(feature: Feature) -> None:
    """pickle and copy.deepcopy give an equal feature."""
    common.check_copies(feature)


def is_documented(feature: Feature) -> None:
    """There is a docstring that says what the values are (a unit, formula or source) and explains every own option."""
    common.need_documented(feature, (Feature,), (option.name for option in feature.options))
    need(NAMED.search(common.documentation(feature)), "the docstring names neither a unit, a formula nor a source")


def refuses_bad_values(feature: Feature) -> None:
    """Parameters out of range, of another type or unknown are ArgumentErrors."""
    cases: list[tuple[str, Any]] = [
        ("sr", 0),
        ("hop_length", 0),
        ("win_length", -1),
        ("sr", common.WORD),
        ("sizzle", 1),
    ]
    for option in feature.options:
        cases += [(option.name, value) for value in (float("nan"), common.WORD)]
        cases += [(option.name, value) for value in (option.least - 1, option.most + 1) if option.bounded]
    common.need_refused((f"{name}={value!r}", partial(_again, feature, **{name: value})) for name, value in cases)


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        shape,
        names,
        is_finite,
        odd_sizes,
        is_deterministic,
        same_for_all_threads,
        rows_see_what_they_say,
        leaves_input,
        stays_in_bounds,
        takes_pcm,
        refuses_bad_input,
        round_trips,
        pickles,
        is_documented,
        refuses_bad_values,
    )
}
