"""The report of a Codec: how near sounds stay to what they were, at each bitrate."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp.audio.checks import check_int
from fastbp.cli.tables import count
from fastbp.errors import ArgumentError
from fastbp.metrics.audio import log_spectral_distance, si_sdr
from fastbp.report.charts import MEASURED, line_chart
from fastbp.report.html import Markup, section, table, tag, tiles
from fastbp.report.originals import read_excerpt, sound_files
from fastbp.report.origins import job_code, origins_section
from fastbp.report.sounds import excerpt, short_name, sound_figure
from fastbp.report.writing import PathLike, check_worst, write_page

if TYPE_CHECKING:
    from fastbp.tasks import Codec

Float32 = NDArray[np.float32]
MEASURES = ("kbit/s", "SI-SDR", "log-spectral distance")


class Coded(NamedTuple):
    """A sound, and for each bitrate what came out and its measures (n_bitrates, 3) in the order of `MEASURES`."""

    name: str
    y: Float32
    decoded: list[Float32]
    measures: NDArray[np.float64]


def report_codec(
    model: "Codec",
    path: PathLike,
    source: Any = None,
    *,
    bitrates: Sequence[float] = (3.0, 6.0, 12.0, 24.0),
    sounds: int = 12,
    split: str | None = "test",
    where: Mapping[str, Any] | None = None,
    worst: int = 3,
    title: str = "",
    command: str = "",
) -> Path:
    """Write how near sounds stay to what they were, at each bitrate, and some of them to listen to.

    Parameters
    ----------
    model
        A fitted codec.
    path
        File to write; it is replaced as a whole.
    source, where
        Sounds without labels, as for `Denoiser.fit`; without them there is only what the codec is.
    bitrates
        kbit/s.
    sounds
        How many of them to code, at most 10 s of each.
    split
        "train", "valid" or "test" of a source that has splits; None takes all files.
    worst
        How many to show, those first whose SI-SDR is lowest.
    title, command
        As for `AudioClassifier.report`.

    Raises
    ------
    NotBuiltError, ArgumentError, AudioError, OSError
        As `AudioClassifier.report`.
    """
    check_worst(worst)
    check_int(sounds, "sounds", 1)
    rates, sr = sorted({float(rate) for rate in bitrates}), model.sr_
    if not rates:
        raise ArgumentError("There are no bitrates; give some in kbit/s, such as (3, 6, 12, 24).")
    files = [] if source is None else sound_files(source, where, split, "sounds")[:sounds]
    coded = [_coded(model, file, rates, sr) for file in files]
    return write_page(
        path,
        title or "Codec",
        *([_rates(coded), _examples(coded, rates, worst, sr)] if coded else []),
        _about(model),
        origins_section(command, job_code(model)),
    )


def _coded(model: "Codec", file: Any, rates: Sequence[float], sr: int) -> Coded:
    y = read_excerpt(file, sr)
    decoded, measures = [], []
    for rate in rates:
        data = model.encode(y, rate)
        decoded.append(model.decode(data)[0])
        near = float(si_sdr(y, decoded[-1])), float(log_spectral_distance(y, decoded[-1], sr))
        measures.append((8e-3 * len(data) * sr / len(y), *near))
    return Coded(short_name(file), y, decoded, np.array(measures))


def _rates(coded: Sequence[Coded]) -> Markup:
    """The means of the measures, as curves and as a table."""
    means = np.mean([found.measures for found in coded], axis=0)
    units = {"SI-SDR": "dB, higher is nearer", "log-spectral distance": "dB, lower is nearer"}
    charts = [
        line_chart(f"{name} ({units[name]})", {MEASURED: means[:, i]}, means[:, 0].tolist(), "kbit/s")
        for i, name in enumerate(MEASURES)
        if name in units
    ]
    rows = [[f"{rate:.2f}", f"{sdr:.1f}", f"{distance:.1f}"] for rate, sdr, distance in means]
    caption = f"Means of {len(coded)} sounds, of a channel, checksums included; dB"
    return section("By bitrate", tag("div", *charts, class_="grid"), table(caption, list(MEASURES), rows))


def _examples(coded: Sequence[Coded], rates: Sequence[float], most: int, sr: int) -> Markup:
    shown = sorted(coded, key=lambda found: found.measures[:, 1].mean())[:most]
    if not shown:
        return Markup()
    text = "Sounds in order of their SI-SDR, lowest first."
    return section(
        "Original and decoded", tag("p", text, class_="faint"), *(_figure(found, rates, sr) for found in shown)
    )


def _figure(found: Coded, rates: Sequence[float], sr: int) -> Markup:
    players = [_player(found, "original", found.y, "", sr)]
    for rate, y, (_, sdr, distance) in zip(rates, found.decoded, found.measures):
        near = f"SI-SDR {sdr:.1f} dB, distance {distance:.1f} dB"
        players.append(_player(found, f"{rate:g} kbit/s", y, near, sr))
    return sound_figure(found.name, found.name, "", tag("div", *players, class_="players"))


def _player(found: Coded, name: str, y: Float32, said: str, sr: int) -> Markup:
    shown = excerpt(y, sr, f"{found.name}, {name}")
    return tag("div", tag("h3", name), *shown, tag("p", said, class_="faint"))


def _about(model: "Codec") -> Markup:
    layout = model.layout_
    values = {
        "preset": (model.preset, f"{1000 * layout.hop / layout.sr:g} ms from frame to frame"),
        "rate": (f"{layout.sr:,} Hz", "other sounds are resampled"),
        "whole numbers": (f"{model.n_params_:,}", "in networks and tables"),
    }
    if hasattr(model, "seconds_"):  # no file keeps it
        values["learned from"] = (f"{model.seconds_ / 60:.1f} min", count(model.n_sounds_, "sound"))
    return section("Codec", tiles(values))
