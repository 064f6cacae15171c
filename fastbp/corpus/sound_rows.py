"""The rows of a sound of a corpus: of the whole, or block by block where it is long."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import audio
from fastbp.augment import Augment
from fastbp.corpus.members import Member
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.extraction import Features
from fastbp.features import Feature, Pipeline, Pooling, Stream

Rows = NDArray[np.float32]
LONG = 600.0  # seconds; from here on a sound is not held in memory as a whole, if that can be helped


@dataclass(frozen=True)
class RowsOf:
    """Called with a sound, gives the rows of it and of its copies, each in parts (n_rows, n_features).

    Parameters
    ----------
    features
        A feature, a `Pipeline` or any function of a waveform.
    sr
        Rate to read at, Hz.
    window, hop
        Of windows to pool, seconds, or None.
    augment
        What copies of sounds in the split "train" are made.
    """

    features: Features
    sr: float
    window: float | None = None
    hop: float | None = None
    augment: Augment | None = None

    def __call__(self, file: Any, split: str | None = None) -> Iterator[Iterable[Rows]]:
        """The parts of the sound, then those of its copies."""
        copied = self.augment is not None and split == "train"
        stream = None if copied else self._stream(file)
        if stream is not None:
            yield _streamed(stream, file, self.sr)
            return
        y, _ = audio.load(file.open() if isinstance(file, Member) else file, sr=self.sr)
        yield [self._rows(self.features, y)]
        if copied:
            yield from self._copies(y)

    def _copies(self, y: Rows) -> Iterator[Iterable[Rows]]:
        features: Any = self.features
        pipeline = features if isinstance(features, Pipeline) else Pipeline(features)
        assert self.augment is not None
        masked = self.augment.pipeline(pipeline)
        for z, rng in self.augment.of(y, self.sr, pipeline):
            yield [self._rows(masked, z, rng)]

    def _rows(self, features: Any, y: Rows, *rng: Any) -> Rows:
        if self.window is None:
            return np.asarray(features(y, *rng), np.float32)
        return features.windows(y, self.window, self._hop, *rng)[0]

    def _stream(self, file: Any) -> Stream | None:
        """What gives the same rows of a long sound block by block; None for a short one, or if nothing does."""
        if isinstance(file, Member) or not isinstance(self.features, Feature | Pipeline):
            return None
        pooled = isinstance(self.features, Pipeline) and any(isinstance(s, Pooling) for s in self.features.steps)
        if pooled != (self.window is not None) or audio.info(file).duration < LONG:
            return None
        windows = () if self.window is None else (self.window, self._hop)
        try:
            return self.features.stream(None, *windows)
        except ArgumentError:
            return None

    @property
    def _hop(self) -> float:
        assert self.window is not None
        return self.window if self.hop is None else self.hop

    def check(self) -> None:
        """Raise what is wrong with the settings before any work is done."""
        if not callable(self.features):
            raise ArgumentTypeError(f"pipeline must be a feature, a Pipeline or a function; got {self.features!r}.")
        if self.window is None and self.hop is not None:
            raise ArgumentError("hop needs window: the length of the windows, seconds.")
        if self.window is not None:
            if not hasattr(self.features, "windows"):
                raise ArgumentError("window needs a Pipeline with a Pooling step.")
            self.features.windows(np.zeros(int(self.sr), np.float32), self.window, self._hop)

    def settings(self) -> dict[str, Any]:
        """All of it as plain values."""
        settings = {
            "kind": _kind(self.features),
            "features": self.features.get_config() if hasattr(self.features, "get_config") else None,
            "sr": self.sr,
            "window": self.window,
            "hop": None if self.window is None else self._hop,
            "feature_names": list(getattr(self.features, "feature_names", [])) or None,
        }
        return settings if self.augment is None else {**settings, "augment": self.augment.get_config()}


def _streamed(stream: Stream, file: Any, sr: float) -> Iterator[Rows]:
    for block in audio.blocks(file, sr=sr):
        if len(rows := stream.push(block)):
            yield rows
    if len(rows := stream.flush()):
        yield rows


def _kind(features: Any) -> str:
    if isinstance(features, Pipeline):
        return "pipeline"
    if isinstance(features, Feature):
        return f"feature {features.name}"
    named = features if hasattr(features, "__qualname__") else type(features)
    return f"{named.__module__}.{named.__qualname__}"
