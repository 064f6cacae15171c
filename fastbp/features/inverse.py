"""From mel bands back to spectra and sound."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.features.filters import mel_filters
from fastbp.features.stft import as_spectrum, griffin_lim

FloatArray = NDArray[np.float32]
N_STEPS = 100


def mel_to_stft(
    mel: ArrayLike,
    sr: int = 22050,
    n_fft: int = 2048,
    power: float = 2.0,
    fmin: float = 0.0,
    fmax: float | None = None,
    mel_scale: str = "slaney",
    mel_norm: str = "slaney",
) -> FloatArray:
    """Magnitudes, non-negative, whose power in mel bands is nearest to the bands given.

    Least squares under non-negativity, from the least-norm solution on, by projected gradients with Nesterov's
    acceleration (Beck & Teboulle 2009). There are fewer bands than bins: of the spectra that fit, this is one.

    Parameters
    ----------
    mel : float32 (n_frames, n_mels)
    sr, n_fft, fmin, fmax, mel_scale, mel_norm
        As for `MelSpectrogram`.
    power : float
        Of the magnitudes in the bands: 2, or 1 for bands of magnitudes.

    Returns
    -------
    float32 (n_frames, n_fft // 2 + 1)
    """
    bands = as_spectrum(mel, np.float32)
    weights = mel_filters(sr, n_fft, bands.shape[1], fmin, fmax or sr / 2, mel_scale, mel_norm)
    return _non_negative_least_squares(weights, bands) ** np.float32(1 / power)


def _non_negative_least_squares(weights: NDArray[np.float64], bands: FloatArray) -> FloatArray:
    """x >= 0 (n_frames, n_bins) with x @ weights.T near bands, by N_STEPS accelerated steps."""
    unit = np.abs(weights).max() or 1.0
    w, target = (weights / unit).astype(np.float32), bands / np.float32(unit)
    x = np.maximum(target @ np.linalg.pinv(weights / unit).T.astype(np.float32), 0)
    step = np.float32(1 / np.linalg.norm(w, 2) ** 2)
    ahead, t = x, 1.0
    for _ in range(N_STEPS):
        nearer = np.maximum(ahead - step * ((ahead @ w.T - target) @ w), 0)
        t, before = (1 + np.sqrt(1 + 4 * t * t)) / 2, t
        ahead = nearer + np.float32((before - 1) / t) * (nearer - x)
        x = nearer
    return x


def mel_to_audio(
    mel: ArrayLike,
    sr: int = 22050,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: str = "hann",
    center: bool = True,
    pad_mode: str = "constant",
    power: float = 2.0,
    n_iter: int = 32,
    length: int | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
    mel_scale: str = "slaney",
    mel_norm: str = "slaney",
    seed: int | None = 0,
) -> FloatArray:
    """A waveform, float32 (n_samples,), with the mel bands given: `griffin_lim` of `mel_to_stft`.

    Parameters are those of the two; mel is float32 (n_frames, n_mels).
    """
    magnitude = mel_to_stft(mel, sr, n_fft, power, fmin, fmax, mel_scale, mel_norm)
    return griffin_lim(
        magnitude, n_iter, hop_length, win_length, n_fft, window, center, length, pad_mode=pad_mode, seed=seed
    )
