"""Intelligibility and quality as listeners would judge them, through the packages pystoi and pesq."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastbp._extras import import_extra
from fastbp.audio.checks import check_rate
from fastbp.audio.resampling import resample
from fastbp.errors import ArgumentError
from fastbp.metrics.audio.signals import Float64, each_pair, signal_pair

EXTRA = "audio-metrics"
PESQ_RATES = {"wb": (16000,), "nb": (8000, 16000)}
STOI_RATE, STOI_SECONDS = 10_000, 0.384 + 0.0256  # at which it works, and what it needs: 30 frames


def stoi(reference: ArrayLike, estimate: ArrayLike, sr: float, extended: bool = False) -> Any:
    """Short-time objective intelligibility of speech, by the package pystoi.

    Parameters
    ----------
    reference, estimate : float arrays, (n_samples,) or (..., n_samples), of one shape
    sr : float
        Rate, Hz; pystoi resamples to 10 kHz.
    extended : bool
        ESTOI, for noise that comes and goes.

    Returns
    -------
    float or float64 array (...)
        About 0 to 1.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As `si_sdr`; or too little speech (0.4 s without its pauses is needed).
    MissingExtraError
        pystoi is not installed.

    References
    ----------
    Taal, Hendriks, Heusdens and Jensen, "An algorithm for intelligibility prediction of time-frequency weighted noisy
    speech", IEEE TASLP 19 (7), 2011; Jensen and Taal, IEEE/ACM TASLP 24 (11), 2016.
    """
    check_rate(sr)
    clean, heard = signal_pair(reference, estimate)
    package = import_extra("pystoi", EXTRA, "STOI needs pystoi")

    def measure(x: Float64, y: Float64) -> float:
        import warnings

        if len(x) < STOI_SECONDS * sr:
            raise _too_short(len(x) / sr)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                return float(package.stoi(x, y, sr, extended=extended))
            except RuntimeWarning as warning:
                raise _too_short(len(x) / sr) from warning

    return each_pair(measure, clean, heard)


def _too_short(seconds: float) -> ArgumentError:
    return ArgumentError(f"STOI needs 0.4 s of speech, pauses left out; there is not so much in these {seconds:.2f} s.")


def pesq(reference: ArrayLike, estimate: ArrayLike, sr: float, mode: str = "wb") -> Any:
    """Perceptual evaluation of speech quality (ITU-T P.862), by the package pesq.

    Parameters
    ----------
    reference, estimate : float arrays, (n_samples,) or (..., n_samples), of one shape
    sr : float
        Rate, Hz; what is not at 16 kHz (or, for "nb", 8 kHz) is resampled to 16 kHz.
    mode : "wb" or "nb"
        Wide band (P.862.2) or narrow band (P.862.1).

    Returns
    -------
    float or float64 array (...)
        A mean opinion score, 1.0 to 4.64 ("nb": 4.55).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As `si_sdr`; an estimate is silent, no speech is found, or the mode is unknown.
    MissingExtraError
        pesq is not installed.
    """
    check_rate(sr)
    if mode not in PESQ_RATES:
        raise ArgumentError(f"mode={mode!r}; expected one of {', '.join(PESQ_RATES)}.")
    clean, heard = signal_pair(reference, estimate)
    package = import_extra("pesq", EXTRA, "PESQ needs pesq")
    rate = int(sr) if sr in PESQ_RATES[mode] else PESQ_RATES["wb"][0]

    def measure(x: Float64, y: Float64) -> float:
        if not y.any():
            raise ArgumentError("The estimate is silent; PESQ is of no use there.")
        x, y = (part if rate == sr else resample(part, sr, rate).astype(np.float64) for part in (x, y))
        try:
            return float(package.pesq(rate, x, y, mode))
        except package.PesqError as error:
            why = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
            raise ArgumentError(f"PESQ cannot judge these {len(x) / rate:.2f} s: {why.strip()}") from error

    return each_pair(measure, clean, heard)
