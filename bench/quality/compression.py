"""Speech and music in few bits: fastbp's codec, PCA of frames, and Opus.

    python -m bench.quality.compression --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv (file, task, label, split, group) with speech and music of different speakers and tracks in
its splits, at 16 kHz. Rates are those of the split as a whole, speech and music apart: of our files with all that is in
them (header, lengths, checksums), of Opus without its Ogg container, of PCA without any header. PCA is that of frames
of 20 ms that do not overlap, each brought to one level (6 bits), the first components in so many bits each. PESQ is
wide-band; figures are means over clips, and medians over the seeds.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.quality.tables import Table, over_seeds, run
from fastbp import audio, corpus
from fastbp.metrics.audio import log_spectral_distance, pesq, si_sdr, stoi
from fastbp.tasks import Codec

SR, FRAME = 16000, 320
RATES = (6.3, 12.3, 24.3)  # kbit/s
WHERE = {"task": "music_speech", "label": ["music", "speech"]}
MEASURES: dict[str, list[Callable[[np.ndarray, np.ndarray], Any]]] = {
    "speech": [lambda x, y: pesq(x, y, SR), lambda x, y: stoi(x, y, SR), si_sdr],
    "music": [si_sdr, lambda x, y: log_spectral_distance(x, y, SR)],
}
DIGITS = {"speech": (2, 2, 3, 1), "music": (2, 1, 1)}
COLUMNS = ["coder", "speech kbit/s", "PESQ", "STOI", "SI-SDR", "music kbit/s", "SI-SDR", "log-spectral distance"]
Coder = Callable[[np.ndarray], tuple[np.ndarray, float]]  # samples -> samples again, bits


class FramePCA:
    """Principal components of frames."""

    def __init__(self, sounds: Sequence[np.ndarray]) -> None:
        x = np.concatenate([self.levelled(y)[0] for y in sounds])
        self.mean = x.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov((x - self.mean).T))
        self.axes = vectors[:, ::-1]
        self.scale = ((x - self.mean) @ self.axes).std(axis=0)

    @staticmethod
    def levelled(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frames (n_frames, FRAME) of about one level, and their levels in steps of 1.5 dB."""
        frames = np.pad(y, (0, -len(y) % FRAME)).reshape(-1, FRAME)
        db = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
        gains = 10 ** ((np.clip(np.round((db + 96) / 1.5), 0, 63) * 1.5 - 96) / 20)
        return frames / gains[:, None], gains

    def coder(self, n: int, bits: int, reach: float) -> Coder:
        """n components of `bits` bits, within `reach` standard deviations."""
        step, axes, half = 2 * reach / 2**bits, self.axes[:, :n] * self.scale[:n], 2 ** (bits - 1)

        def code(y: np.ndarray) -> tuple[np.ndarray, float]:
            frames, gains = self.levelled(y)
            parts = (frames - self.mean) @ self.axes[:, :n] / self.scale[:n]
            q = np.clip(np.floor(parts / step), -half, half - 1) + 0.5
            made = ((q * step) @ axes.T + self.mean) * gains[:, None]
            return made.ravel()[: len(y)].astype(np.float32), len(frames) * (n * bits + 6)

        return code


def opus(level: float) -> Coder:
    """Opus of libsndfile; level 1 is 6 kbit/s, 0 is 256."""

    def code(y: np.ndarray) -> tuple[np.ndarray, float]:
        file = io.BytesIO()
        with soundfile.SoundFile(file, "w", SR, 1, "OPUS", format="OGG", compression_level=level) as sink:
            sink.write(y)
        n_bytes = sum(list(ogg_pages(file.getvalue()))[2:])
        file.seek(0)
        made = soundfile.read(file, dtype="float32")[0][: len(y)]
        return np.pad(made, (0, len(y) - len(made))), 8 * n_bytes

    return code


def ogg_pages(content: bytes) -> Iterator[int]:
    """Bytes in each page but its header; the first two pages of Opus are tags."""
    at = 0
    while content[at : at + 4] == b"OggS":
        n_segments = content[at + 26]
        body = sum(content[at + 27 : at + 27 + n_segments])
        yield body
        at += 27 + n_segments + body


def ours(codec: Codec, bitrate: float) -> Coder:
    """fastbp's codec at a bitrate."""

    def code(y: np.ndarray) -> tuple[np.ndarray, float]:
        content = codec.encode(y, bitrate)
        return codec.decode(content)[0], 8 * len(content)

    return code


def scores(code: Coder, clips: dict[str, list[np.ndarray]]) -> list[float]:
    """The figures of a row."""
    found: list[float] = []
    for label, measures in MEASURES.items():
        made = [code(y) for y in clips[label]]
        seconds = sum(map(len, clips[label])) / SR
        found.append(sum(bits for _, bits in made) / seconds / 1000)
        found += [float(np.mean([measure(x, y) for x, (y, _) in zip(clips[label], made)])) for measure in measures]
    return found


def row(name: str, by_seed: Sequence[Sequence[float]]) -> list[str]:
    """A row of medians and ranges."""
    digits = [n for part in DIGITS.values() for n in part]
    return [name, *(over_seeds(figures, n) for figures, n in zip(zip(*by_seed), digits))]


def read(listing: corpus.Listing, split: str) -> dict[str, list[np.ndarray]]:
    """The waveforms of a split by label."""
    part = listing.part(split)
    return {label: [audio.load(file, sr=SR)[0] for file in part.files[part.labels == label]] for label in MEASURES}


def table(data: Path, seeds: Sequence[int], split: str) -> Table:
    """Every coder at every rate."""
    listing = corpus.read(data / "MANIFEST.csv", where=WHERE)
    clips, training = read(listing, split), read(listing, "train")
    made = Table("Compression", COLUMNS)
    made.notes.append(f"{len(clips['speech'])} clips of speech, {len(clips['music'])} of music, {split} split.")
    for name, level in (("6k", 1.0), ("12k", 0.976), ("24k", 0.928)):
        made.rows.append(row(f"Opus {name}", [scores(opus(level), clips)]))
    pca = FramePCA(training["speech"] + training["music"])
    for n, bits, reach in ((40, 3, 2.5), (80, 3, 2.5), (80, 6, 4.0)):
        made.rows.append(row(f"PCA, {n} x {bits} bit", [scores(pca.coder(n, bits, reach), clips)]))
    for preset in ("speech", "general"):
        codecs = [Codec(preset, seed=seed).fit(listing, verbose=0) for seed in seeds]
        for rate in RATES:
            made.rows.append(row(f"fastbp {preset}, {rate}", [scores(ours(codec, rate), clips) for codec in codecs]))
    return made


if __name__ == "__main__":
    run(table, __doc__)
