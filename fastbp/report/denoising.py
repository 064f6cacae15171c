"""The report of a Denoiser: how much cleaner mixtures come out, and some of them before and after."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp.audio.checks import check_int, check_number
from fastbp.errors import ArgumentError, MissingExtraError
from fastbp.metrics.audio import si_sdr, stoi
from fastbp.report.html import Markup, join, section, table, tag, tiles
from fastbp.report.originals import Split, read_excerpt, sound_files
from fastbp.report.origins import job_code, network_section, origins_section
from fastbp.report.sounds import excerpt, short_name, sound_figure
from fastbp.report.training import training_section
from fastbp.report.writing import PathLike, check_worst, write_page

if TYPE_CHECKING:
    from fastbp.tasks import Denoiser

Float32 = NDArray[np.float32]


class Pair(NamedTuple):
    """A clean sound and the same with noise in it."""

    name: str
    what: str
    clean: Float32
    noisy: Float32


class Result(NamedTuple):
    """A pair, what the denoiser made of it, and measures (before, after)."""

    pair: Pair
    denoised: Float32
    si_sdr: tuple[float, float]
    stoi: tuple[float, float] | None

    @property
    def gain(self) -> float:
        """dB of SI-SDR."""
        return self.si_sdr[1] - self.si_sdr[0]


def report_denoiser(
    model: "Denoiser",
    path: PathLike,
    clean: Any = None,
    noise: Any = None,
    *,
    noisy: Any = None,
    snr: Sequence[float] = (0.0, 5.0, 10.0),
    mixtures: int = 20,
    split: str | None = "test",
    where: Mapping[str, Any] | None = None,
    noise_where: Mapping[str, Any] | None = None,
    worst: int = 4,
    title: str = "",
    command: str = "",
) -> Path:
    """Write the training, and how much cleaner sounds come out.

    Parameters
    ----------
    model
        A fitted denoiser.
    path
        File to write; it is replaced as a whole.
    clean, noise, where, noise_where
        Sounds to mix, as for `Denoiser.fit`; without them there is only the training.
    noisy
        In place of `noise` a folder in which each clean sound has its noisy one, of the same name and length.
    snr
        Signal-to-noise ratios of the mixtures, dB.
    mixtures
        How many there are at each of them; of pairs, how many in all.
    split
        "train", "valid" or "test" of sources that have splits; None takes all files.
    worst
        How many to show, those first that gained least, with at most 10 s of each before and after.
    title, command
        As for `AudioClassifier.report`.

    Raises
    ------
    NotBuiltError, ArgumentError, AudioError, OSError
        As `AudioClassifier.report`.
    """
    check_worst(worst)
    check_int(mixtures, "mixtures", 1)
    model._fitted()
    started, sr = time.monotonic(), model.features_.transform.sr
    given = _pairs(clean, noise, noisy, snr, mixtures, split, where, noise_where, sr)
    results = [_result(model, pair, sr) for pair in given]
    seconds = sum(len(result.denoised) for result in results) / sr
    return write_page(
        path,
        title or "Denoiser",
        *([_scores(results, seconds, time.monotonic() - started), _examples(results, worst, sr)] if results else []),
        training_section(model.history_),
        network_section(model.networks_.whole, f" At {sr:,} Hz, of a frame of 10 ms.", "Network of the whole frame"),
        network_section(model.networks_.group, " It sees what the other one says too.", "Network of a group of bands"),
        origins_section(command, job_code(model, '"clean/", "noise/"')),
    )


# -- what to denoise -------------------------------------------------------------------------------------------------


def _pairs(
    clean: Any,
    noise: Any,
    noisy: Any,
    snr: Sequence[float],
    n: int,
    split: Split,
    where: Any,
    noise_where: Any,
    sr: int,
) -> Iterator[Pair]:
    if clean is None:
        if noise is not None or noisy is not None:
            raise ArgumentError("Give the clean sounds too: without them it is not known what is noise.")
        return
    if (noise is None) == (noisy is None):
        raise ArgumentError("Give either noises to mix the clean sounds with, or the noisy sounds that go with them.")
    files = sound_files(clean, where, split, "clean sounds")
    if noisy is not None:
        yield from _given(files[:n], clean, Path(noisy), sr)
        return
    noises, rng = sound_files(noise, noise_where, split, "noises"), np.random.default_rng(0)
    for ratio in snr:
        check_number(ratio, "snr", "ratios in dB")
    for i in range(n):
        y, other = read_excerpt(files[i % len(files)], sr), read_excerpt(noises[i % len(noises)], sr)
        other = np.resize(np.roll(other, -int(rng.integers(len(other)))), len(y))
        names = f"{short_name(files[i % len(files)])} with {short_name(noises[i % len(noises)])}"
        yield from (Pair(names, f"{ratio:g} dB", y, _mixed(y, other, ratio)) for ratio in snr)


def _given(files: Sequence[Any], clean: Any, noisy: Path, sr: int) -> Iterator[Pair]:
    root = Path(clean) if isinstance(clean, (str, Path)) and Path(clean).is_dir() else None
    for file in files:
        name = Path(file).relative_to(root) if root else Path(file).name
        y, heard = read_excerpt(file, sr), read_excerpt(noisy / name, sr)
        if len(y) != len(heard):
            raise ArgumentError(f"{noisy / name} is not as long as {file}: they are no pair.")
        yield Pair(short_name(file), "as given", y, heard)


def _mixed(y: Float32, noise: Float32, ratio: float) -> Float32:
    powers = [max(float(np.mean(np.square(part, dtype=np.float64))), 1e-20) for part in (y, noise)]
    return y + np.float32(np.sqrt(powers[0] / powers[1]) * 10 ** (-ratio / 20)) * noise


# -- how it went -----------------------------------------------------------------------------------------------------


def _result(model: "Denoiser", pair: Pair, sr: int) -> Result:
    found = model.denoise(pair.noisy)
    before, after = (float(si_sdr(pair.clean, y)) for y in (pair.noisy, found))
    return Result(pair, found, (before, after), _stoi(pair, found, sr))


def _stoi(pair: Pair, found: Float32, sr: int) -> tuple[float, float] | None:
    """Intelligibility before and after; None where it is too short, or pystoi is not installed."""
    try:
        return float(stoi(pair.clean, pair.noisy, sr)), float(stoi(pair.clean, found, sr))
    except (MissingExtraError, ArgumentError):
        return None


def _scores(results: Sequence[Result], seconds: float, took: float) -> Markup:
    gains = [result.gain for result in results]
    values = {
        "SI-SDR gained": (f"{np.mean(gains):.1f} dB", f"least {min(gains):.1f}, most {max(gains):.1f} dB"),
        "mixtures": (f"{len(results):,}", f"{seconds:.0f} s of sound"),
        "time": (f"{took:.1f} s", "reading and measuring included"),
    }
    measured = [result.stoi for result in results if result.stoi is not None]
    if measured:
        before, after = np.mean(measured, axis=0)
        values["STOI"] = (f"{after:.3f}", f"{before:.3f} before, {len(measured):,} measured")
    names = list(dict.fromkeys(result.pair.what for result in results))
    rows = [_row(name, [result for result in results if result.pair.what == name]) for name in names]
    heads = ["noise", "n", "SI-SDR", "after", "STOI", "after"]
    return join([tiles(values), section("By ratio of signal to noise", table("Means, SI-SDR in dB", heads, rows))])


def _row(name: str, results: Sequence[Result]) -> list[str]:
    before, after = np.mean([result.si_sdr for result in results], axis=0)
    measured = [result.stoi for result in results if result.stoi is not None]
    intelligible = [f"{value:.3f}" for value in np.mean(measured, axis=0)] if measured else ["-", "-"]
    return [name, f"{len(results):,}", f"{before:.1f}", f"{after:.1f}", *intelligible]


def _examples(results: Sequence[Result], most: int, sr: int) -> Markup:
    shown = sorted(results, key=lambda result: result.gain)[:most]
    if not shown:
        return Markup()
    text = "Sounds in order of what they gained, least first."
    return section("Before and after", tag("p", text, class_="faint"), *(_figure(result, sr) for result in shown))


def _figure(result: Result, sr: int) -> Markup:
    pair, (before, after) = result.pair, result.si_sdr
    sounds = {"noisy": pair.noisy, "denoised": result.denoised, "clean": pair.clean}
    players = [tag("div", tag("h3", name), *excerpt(y, sr, f"{pair.name}, {name}")) for name, y in sounds.items()]
    kind = "right" if after > before else "wrong"
    said = tag("span", f"{pair.what}: SI-SDR {before:.1f} dB before, {after:.1f} dB after", class_=kind)
    return sound_figure(pair.name, pair.name, said, tag("div", *players, class_="players"))
