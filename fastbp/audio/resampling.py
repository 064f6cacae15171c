"""Sample-rate conversion."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import as_waveform, check_rate


def resample(y: ArrayLike, sr_in: float, sr_out: float) -> NDArray[np.float32]:
    """Change the sample rate of a waveform with the SoX resampler at its HQ setting (20 bits, linear phase).

    Parameters
    ----------
    y : array of floats, (n_samples,) or (n_channels, n_samples)
    sr_in, sr_out : int or float
        Rates in Hz, 1 kHz to 768 kHz.

    Returns
    -------
    float32 array, (n_out,) or (n_channels, n_out)
        ``n_out = round(n_samples * sr_out / sr_in)``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is not a finite floating-point waveform, or a rate is out of range.
    """
    check_rate(sr_in, "sr_in")
    check_rate(sr_out, "sr_out")
    waveform = as_waveform(y).astype(np.float32)
    if sr_in == sr_out or waveform.size == 0:
        return waveform if sr_in == sr_out else waveform[..., :0]
    import soxr

    return np.ascontiguousarray(soxr.resample(np.ascontiguousarray(waveform.T), sr_in, sr_out, quality="HQ").T)
