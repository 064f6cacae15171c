"""Denoiser: learns from clean sounds and noises to take the noise out of sounds."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp import audio
from fastbp.audio.checks import check_int, check_number
from fastbp.audio.writing import subtypes
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, NotBuiltError
from fastbp.extraction import of_file, warn_of_failures
from fastbp.tasks.denoising import denoiser_file
from fastbp.tasks.denoising.features import Features
from fastbp.tasks.denoising.mixtures import Mixtures
from fastbp.tasks.denoising.networks import Networks
from fastbp.tasks.denoising.sources import read_sounds, train_and_valid
from fastbp.tasks.denoising.stream import DenoiserStream
from fastbp.tasks.denoising.training import Training
from fastbp.tasks.denoising.transform import Transform
from fastbp.tasks.estimator import Estimator
from fastbp.tasks.sources import Source
from fastbp.train import History

Float32 = NDArray[np.float32]
RATES = (8000, 48000)  # Hz
HELD_OUT = 50  # mixtures at most to validate on


class Denoiser(Estimator):
    """Takes noise out of speech (or of whatever it was trained to keep), with a delay of 20 ms.

    A dense network gives a gain for each band of frequencies in each frame of 10 ms. It is one small network for all
    bands: of each it sees those around, how they went so far, and whether they repeat with the period of the voice (see
    `fastbp.tasks.denoising.features`); another network sums up the whole frame for it. What both learn from is mixed on
    the way, never twice the same: clean sounds and noises, at other speeds and levels, through other channels, at
    random signal-to-noise ratios.

    Parameters
    ----------
    hidden
        Widths of the hidden layers of the network that gives the gains.
    sr
        Rate in Hz the model works at, 8000 to 48000. Sounds at others are resampled there and back: choose that of
        your sounds, or keep 16000 for speech of which nothing above 8 kHz is needed.
    context
        Frames that are seen, the present one included.
    snr
        (least, most) signal-to-noise ratio of the mixtures, dB. One in ten is all but clean beside, so that clean
        sounds are left alone.
    epochs
        Times to go through `mixtures`, which are others every time.
    mixtures
        Mixtures an epoch, of `duration` seconds each.
    duration
        Seconds.
    batch_size
        Rows (pairs of bands, in one frame) an update.
    learning_rate
        The highest of Adam's; it rises fast and falls like a cosine.
    max_attenuation
        dB: noise is left at least so loud below what it was; None takes out all that the network can. It may be changed
        after training (`set_params`).
    seed
        Fixes split, mixtures and weights: the same seed gives the same bits. None draws one.

    Attributes
    ----------
    networks_ : Networks
    features_ : Features
    history_ : History or None
        "loss" and "val_loss" by epoch; in a loaded model without times.
    failures_ : dict of str to str
        Why files were left out, by path.

    Examples
    --------
    >>> denoiser = Denoiser().fit("clean_speech/", "noises/")
    >>> denoiser.denoise_file("interview.wav", "interview-clean.wav")
    >>> denoiser.save("denoiser.fbp")
    """

    def __init__(
        self,
        hidden: Sequence[int] = (160, 160),
        *,
        sr: int = 16000,
        context: int = 6,
        snr: tuple[float, float] = (-5.0, 20.0),
        epochs: int = 36,
        mixtures: int = 150,
        duration: float = 4.0,
        batch_size: int = 2048,
        learning_rate: float = 2e-3,
        max_attenuation: float | None = None,
        seed: int | None = 0,
    ) -> None:
        self.hidden = hidden
        self.sr = sr
        self.context = context
        self.snr = snr
        self.epochs = epochs
        self.mixtures = mixtures
        self.duration = duration
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_attenuation = max_attenuation
        self.seed = seed

    # -- learning ------------------------------------------------------------------------------------------------

    def fit(
        self,
        clean: Source,
        noise: Source,
        *,
        where: Mapping[str, Any] | None = None,
        noise_where: Mapping[str, Any] | None = None,
        valid: float = 0.15,
        strict: bool = False,
        verbose: int | str = "auto",
    ) -> Self:
        """Learn from clean sounds and noises.

        Parameters
        ----------
        clean, noise
            Each a folder (sound files at any depth; files of one sub-folder are never in training and in validation
            both), a CSV file (file, label[, split, group]), a list of files, or a `fastbp.corpus.Listing`. Any rates,
            channels and lengths; only what is needed is read. Files in the split "test" are not touched.
        where, noise_where
            Rows of a CSV file to take of each: column to value, or list of values.
        valid
            Share of the files to validate on, where a source has no such split; 0 trains on all.
        strict
            Raise the error if any file cannot be used, instead of going on without it.
        verbose
            0: quiet; 1: bars; 2: lines; "auto": 1 in a terminal or notebook, else 0.

        Raises
        ------
        AudioError
            Files cannot be used: none of them, or one and `strict` is true.
        ArgumentError, ArgumentTypeError
            A source or a parameter is of no use.
        NonFiniteError
            Training diverged.

        Warns
        -----
        FilesLeftOutWarning
            Files cannot be used; `failures_` says why.
        """
        features, seed = self._features(), self._seed()
        self._check_training()
        sources = [("clean sounds", read_sounds(clean, where)), ("noises", read_sounds(noise, noise_where))]
        (clean_train, clean_valid), (noise_train, noise_valid) = (
            train_and_valid(listing, valid, seed, what) for what, listing in sources
        )
        settings: dict[str, Any] = {"sr": self.sr, "seconds": self.duration, "snr": tuple(self.snr), "strict": strict}
        mixtures = Mixtures(clean_train, noise_train, seed=seed, **settings)
        held_out = (
            Mixtures(clean_valid, noise_valid, seed=seed + 1, **settings) if clean_valid and noise_valid else None
        )
        networks = Networks.new(features, self.hidden, self.seed)
        sizes = (self.epochs, self.mixtures, min(HELD_OUT, self.mixtures), self.batch_size, self.learning_rate)
        history = Training(features, networks, mixtures, held_out, *sizes).run(verbose)
        self.networks_, self.features_ = networks, features
        self.history_: History | None = history
        self.failures_ = {**mixtures.failures, **({} if held_out is None else held_out.failures)}
        warn_of_failures(self.failures_, sum(len(listing) for _, listing in sources))
        return self

    def _seed(self) -> int:
        if self.seed is None:
            return int(np.random.default_rng().integers(2**32))
        check_int(self.seed, "seed", 0)
        return self.seed

    def _features(self) -> Features:
        check_int(self.sr, "sr", *RATES)
        check_int(self.context, "context", 1, 100)
        return Features(Transform(int(self.sr)), int(self.context))

    def _check_training(self) -> None:
        for name in ("epochs", "mixtures", "batch_size"):
            check_int(getattr(self, name), name, 1)
        for name, least, most in (("duration", 0.5, 60.0), ("learning_rate", 0.0, 1.0)):
            check_number(getattr(self, name), name, "a number")
            if not least <= getattr(self, name) <= most:
                raise ArgumentError(f"{name}={getattr(self, name)!r}; expected {least:g} to {most:g}.")
        if not isinstance(self.snr, Sequence) or len(self.snr) != 2:
            raise ArgumentTypeError(f"snr={self.snr!r}; expected (least, most) in dB.")
        for ratio in self.snr:
            check_number(ratio, "snr", "(least, most) in dB")
        if not -60 <= self.snr[0] <= self.snr[1] <= 100:
            raise ArgumentError(f"snr={self.snr!r}; expected -60 to 100 dB, least first.")

    # -- use -----------------------------------------------------------------------------------------------------

    def denoise(self, y: ArrayLike, sr: float | None = None) -> Float32:
        """A waveform without its noise.

        Parameters
        ----------
        y : (n_samples,) or (n_channels, n_samples)
            Floats with full scale 1.0, or 8, 16 and 32-bit PCM. Each channel goes its own way.
        sr
            Rate of y in Hz, if it is not the model's.

        Returns
        -------
        float32 array, shaped as y
            Not delayed.

        Raises
        ------
        NotBuiltError
            The denoiser has not been fitted.
        ArgumentError, ArgumentTypeError
            y or sr cannot be used.
        """
        stream, samples = self.stream(sr), np.asarray(y)
        if not samples.size:
            raise ArgumentError(f"y has shape {samples.shape}; at least one sample is needed.")
        return np.concatenate([stream.push(samples), stream.flush()], axis=-1)

    def denoise_file(self, path: str | PathLike[str], out: str | PathLike[str], subtype: str | None = None) -> None:
        """A sound file of any length without its noise: at the same rate, with as many channels and samples.

        It is read, worked on and written bit by bit. `out` appears when it is complete.

        Parameters
        ----------
        path, out
            Sound files; the suffix of `out` gives its format.
        subtype
            Coding of `out` as soundfile names it, such as "PCM_24"; None is that of `path` where the format has it.

        Raises
        ------
        NotBuiltError
            The denoiser has not been fitted.
        AudioError
            A file cannot be read or written; the message names it.
        ArgumentError, ArgumentTypeError
            `out` is `path`, or its format is unknown or has no such subtype.
        """
        if Path(path).resolve() == Path(out).resolve():
            raise ArgumentError(
                f"{fspath(out)!r} is the file to be read; write to another one, the original is needed."
            )
        known = subtypes(Path(out))[1]
        info = audio.info(path)
        stream = self.stream(info.sr)
        kept = info.subtype if info.subtype in known else None
        audio.save(out, _parts(stream, path), int(info.sr), subtype or kept)

    def stream(self, sr: float | None = None) -> DenoiserStream:
        """`denoise` while the sound still goes on: push(chunk) and flush() give the same bits, 20 ms later.

        Parameters
        ----------
        sr
            Rate of the chunks in Hz, if it is not the model's.

        Raises
        ------
        NotBuiltError, ArgumentError, ArgumentTypeError
            As `denoise`.
        """
        self._fitted()
        return DenoiserStream(self.features_, self.networks_, self._least_gain(), sr)

    def _least_gain(self) -> float:
        if self.max_attenuation is None:
            return 0.0
        check_number(self.max_attenuation, "max_attenuation", "a number of dB, or None")
        if not 0 <= self.max_attenuation < np.inf:
            raise ArgumentError(f"max_attenuation={self.max_attenuation!r}; expected 0 dB or more, or None.")
        return float(10 ** (-self.max_attenuation / 20))

    # -- to keep -------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write settings and network to one .fbp file, atomically.

        Raises
        ------
        NotBuiltError
            The denoiser has not been fitted.
        OSError
            It cannot be written; a file that was there before is untouched.
        """
        self._fitted()
        denoiser_file.save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """The denoiser saved in a .fbp file.

        Raises
        ------
        ModelFileError
            The file is damaged, or does not hold a Denoiser.
        OSError
            It cannot be read.
        """
        model = cls()
        denoiser_file.load_into(model, path)
        return model

    def _fitted(self) -> None:
        if not hasattr(self, "networks_"):
            raise NotBuiltError("This Denoiser has learned nothing yet: call fit(...), or Denoiser.load(path).")


def _parts(stream: DenoiserStream, path: str | PathLike[str]) -> Iterator[Float32]:
    """The channels of a file without their noise, part by part."""
    try:
        for block in audio.blocks(path, mono=False):
            yield stream.push(block)
    except FastbpError as error:
        raise of_file(path, error) from None
    yield stream.flush()
