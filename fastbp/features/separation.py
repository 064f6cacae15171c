"""Harmonic and percussive sound, told apart by the shapes of their spectrograms."""

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.features.stft import as_spectrum, istft, stft
from fastbp.features.waveform import as_waveform


def hpss(
    spectrum: ArrayLike, kernel_size: int = 31, power: float = 2.0, mask: bool = False, margin: float = 1.0
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Harmonic and percussive parts of a spectrogram (Fitzgerald 2010; margin: Driedger, Müller & Disch 2014).

    Medians over time keep what lasts, medians over frequency what is broad; each part gets the share of a bin that
    its median has in both.

    Parameters
    ----------
    spectrum : complex64 or float32 (n_frames, n_bins)
        A transform or its magnitudes.
    kernel_size : int
        Length of the medians, odd: frames and bins.
    power : float
        Of the medians in the masks.
    mask : bool
        Return the masks, float32 (n_frames, n_bins), instead.
    margin : float
        At least 1; above it the two parts do not add up to the whole: what is neither is left out.

    Returns
    -------
    harmonic, percussive : of the type and shape of spectrum
    """
    kind = np.complex64 if np.iscomplexobj(spectrum) else np.float32
    rows = as_spectrum(spectrum, kind)
    if kernel_size < 1 or kernel_size % 2 == 0 or not margin >= 1 or not power > 0:
        raise ArgumentError(
            f"kernel_size={kernel_size}, power={power}, margin={margin}: need an odd size, power > 0 and margin >= 1."
        )
    audio, magnitude = load("audio"), np.abs(rows)
    harmonic, percussive = (audio.median_filter(magnitude, kernel_size, axis) for axis in (0, 1))
    neither, more = 0.5 if margin == 1 else 0.0, np.float32(margin)
    masks = (
        audio.soft_mask(harmonic, percussive * more, power, neither),
        audio.soft_mask(percussive, harmonic * more, power, neither),
    )
    return masks if mask else (rows * masks[0], rows * masks[1])


def hpss_audio(
    y: ArrayLike, n_fft: int = 2048, hop_length: int | None = None, **options: Any
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Harmonic and percussive parts, float32 (n_samples,), of the waveform y; options are those of `hpss`."""
    samples = as_waveform(y)
    harmonic, percussive = hpss(stft(samples, n_fft, hop_length), **options)
    back = functools.partial(istft, hop_length=hop_length, n_fft=n_fft, length=len(samples))
    return back(harmonic), back(percussive)
