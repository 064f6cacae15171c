"""Samples as integer codes: uniform quantisation with dither and noise shaping, mu-law and A-law companding."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import as_codes, as_samples, check_int, check_number
from fastbp.errors import ArgumentError

# Number of uniform variables of one step's width that are added up to the dither.
DITHERS = {None: 0, "rpdf": 1, "tpdf": 2}
# Taps c of the filter 1 - c_1 / z - c_2 / z^2 - ... that the error of rounding goes through.
SHAPINGS: dict[str | None, tuple[float, ...]] = {
    None: (),
    "first": (1.0,),
    "second": (2.0, -1.0),
    "lipshitz": (2.033, -2.165, 1.959, -1.590, 0.6149),
}


class Quantizer:
    """`quantize` for samples that come block by block: the codes do not depend on how they are cut.

    Parameters
    ----------
    bits, dither, shaping, seed
        As for `quantize`.
    """

    def __init__(self, bits: int, dither: str | None = None, shaping: str | None = None, seed: int = 0) -> None:
        check_int(bits, "bits", 1, 32)
        check_int(seed, "seed", 0)
        for name, value, known in (("dither", dither, DITHERS), ("shaping", shaping, SHAPINGS)):
            if value not in known:
                raise ArgumentError(f"{name}={value!r}; expected one of {', '.join(map(repr, known))}.")
        self._bits, self._n_uniform, self._taps = bits, DITHERS[dither], np.array(SHAPINGS[shaping])
        self._rng = np.random.default_rng(seed)
        self._errors: NDArray[np.float64] | None = None  # (n_signals, n_taps), the last one first

    def __call__(self, y: ArrayLike) -> NDArray[np.int32]:
        """The codes of the samples that follow, (n_samples,) or (..., n_samples), always of as many signals."""
        half, samples = 2.0 ** (self._bits - 1), as_samples(y)
        n = samples.shape[-1] if samples.ndim else 1
        rows = (samples.astype(np.float64) * half).reshape(math.prod(samples.shape[:-1]), n)
        if len(self._taps):
            return self._shaped(rows).reshape(samples.shape)
        if self._n_uniform:
            rows += self._noise(*rows.shape)
        return np.clip(np.rint(rows), -half, half - 1).astype(np.int32).reshape(samples.shape)

    def _noise(self, n_rows: int, n: int) -> NDArray[np.float64]:
        """Dither (n_rows, n), drawn sample by sample."""
        return self._rng.uniform(-0.5, 0.5, (n, n_rows, self._n_uniform)).sum(axis=-1).T

    def _shaped(self, rows: NDArray[np.float64]) -> NDArray[np.int32]:
        from fastbp._kernels import load

        noise = np.ascontiguousarray(self._noise(*rows.shape))
        if self._errors is None:
            self._errors = np.zeros((len(rows), len(self._taps)))
        if len(self._errors) != len(rows):
            raise ArgumentError(f"y has {len(rows)} signals after blocks of {len(self._errors)}.")
        shaped_codes = load("audio").shaped_codes
        return np.array([
            shaped_codes(row, dither, self._taps, errors, self._bits)
            for row, dither, errors in zip(rows, noise, self._errors)
        ], np.int32)  # fmt: skip


def quantize(
    y: ArrayLike, bits: int, dither: str | None = None, seed: int = 0, shaping: str | None = None
) -> NDArray[np.int32]:
    """Quantise samples uniformly to `bits` bits (mid-tread: 0 has a code, and codes are two's complement).

    Parameters
    ----------
    y : array of floats, any shape; time is the last axis
        Full scale is [-1, 1); what lies beyond is clipped.
    bits : int
        1 to 32. The step is ``2 ** (1 - bits)``.
    dither : None, "rpdf" or "tpdf"
        Noise added before rounding: none, uniform over one step (makes the mean error independent of the signal), or
        triangular over two (makes its variance independent as well, for 4.8 dB more noise).
    seed : int
        Of the dither.
    shaping : None, "first", "second" or "lipshitz"
        Error feedback, which moves the noise to high frequencies: through ``1 - 1/z``, through its square, or so that
        at 44.1 kHz the ear hears the least of it. There is more noise in all.

    Returns
    -------
    int32 array, as `y`
        Codes from ``-2 ** (bits - 1)`` to ``2 ** (bits - 1) - 1``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is not finite floating point, `bits` is out of range, or `dither` or `shaping` is unknown.

    References
    ----------
    Lipshitz, Wannamaker and Vanderkooy, "Quantization and dither: a theoretical survey", JAES 40 (5), 1992; Lipshitz,
    Vanderkooy and Wannamaker, "Minimally audible noise shaping", JAES 39 (11), 1991.
    """
    return Quantizer(bits, dither, shaping, seed)(y)


def dequantize(codes: ArrayLike, bits: int) -> NDArray[np.float32]:
    """Samples in [-1, 1) for the codes of `quantize`.

    Parameters
    ----------
    codes : array of ints, any shape
    bits : int
        1 to 32.

    Returns
    -------
    float32 array, as `codes`
        ``codes / 2 ** (bits - 1)``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `codes` are not integers, or do not fit into `bits` bits.
    """
    check_int(bits, "bits", 1, 32)
    half = 2 ** (bits - 1)
    return (as_codes(codes, -half, half - 1) / half).astype(np.float32)


def mulaw_encode(y: ArrayLike, mu: float = 255, bits: int = 8) -> NDArray[np.unsignedinteger]:
    """Compress samples with the mu-law curve ``sign(y) ln(1 + mu |y|) / ln(1 + mu)`` and quantise it uniformly.

    Parameters
    ----------
    y : array of floats, any shape
        Full scale is [-1, 1]; what lies beyond is clipped.
    mu : float
        More than 0.
    bits : int
        2 to 16.

    Returns
    -------
    uint8 (or, above 8 bits, uint16) array, as `y`
        Codes from 0 (for -1) to ``2 ** bits - 1`` (for 1); silence lies between the two in the middle and takes the
        upper.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is not finite floating point, or `mu` or `bits` is out of range.

    Notes
    -----
    The continuous curve, as in the literature on neural vocoders. ITU-T G.711, used in telephony, approximates it for
    mu = 255 by 15 straight segments over 14-bit samples, and inverts the bits of its codes: the codes differ, what they
    decode to agrees within a step. See `g711_encode`.

    References
    ----------
    ITU-T G.711 (1988); van den Oord et al., "WaveNet", 2016, section 2.2.
    """
    _check_curve(mu, "mu", 0.0)
    magnitude, sign = _magnitude(y)
    return _codes(sign * np.log1p(mu * magnitude) / np.log1p(mu), bits)


def mulaw_decode(codes: ArrayLike, mu: float = 255, bits: int = 8) -> NDArray[np.float32]:
    """Samples in [-1, 1] for the codes of `mulaw_encode`; parameters and errors as there."""
    _check_curve(mu, "mu", 0.0)
    z = _levels(codes, bits)
    return (np.sign(z) * np.expm1(np.abs(z) * np.log1p(mu)) / mu).astype(np.float32)


def alaw_encode(y: ArrayLike, A: float = 87.6, bits: int = 8) -> NDArray[np.unsignedinteger]:
    """Compress samples with the A-law curve and quantise it uniformly.

    The curve is ``sign(y) A |y| / (1 + ln A)`` up to ``|y| = 1 / A``, ``sign(y) (1 + ln(A |y|)) / (1 + ln A)`` above.

    Parameters
    ----------
    y : array of floats, any shape
        Full scale is [-1, 1]; what lies beyond is clipped.
    A : float
        More than 1.
    bits : int
        2 to 16.

    Returns
    -------
    uint8 (or, above 8 bits, uint16) array, as `y`
        Codes from 0 (for -1) to ``2 ** bits - 1`` (for 1).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is not finite floating point, or `A` or `bits` is out of range.

    Notes
    -----
    ITU-T G.711 approximates the curve for A = 87.6 by 13 straight segments over 13-bit samples, and inverts every other
    bit of its codes. See `g711_encode`.

    References
    ----------
    ITU-T G.711 (1988).
    """
    _check_curve(A, "A", 1.0)
    magnitude, sign = _magnitude(y)
    curve = np.where(magnitude < 1 / A, A * magnitude, 1 + np.log(A * np.maximum(magnitude, 1 / A)))
    return _codes(sign * curve / (1 + np.log(A)), bits)


def alaw_decode(codes: ArrayLike, A: float = 87.6, bits: int = 8) -> NDArray[np.float32]:
    """Samples in [-1, 1] for the codes of `alaw_encode`; parameters and errors as there."""
    _check_curve(A, "A", 1.0)
    z = _levels(codes, bits)
    curve = np.abs(z) * (1 + np.log(A))
    return (np.sign(z) * np.where(curve < 1, curve, np.exp(curve - 1)) / A).astype(np.float32)


def snr_db(reference: ArrayLike, test: ArrayLike) -> float:
    """Signal-to-noise ratio ``10 log10(sum(reference**2) / sum((reference - test)**2))``.

    Parameters
    ----------
    reference, test : arrays of floats, of one shape

    Returns
    -------
    float
        In dB; infinite where the two are equal.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The shapes differ, the reference is empty or silent, or an array is not finite floating point.
    """
    clean, heard = (as_samples(y, name).astype(np.float64) for y, name in ((reference, "reference"), (test, "test")))
    if clean.shape != heard.shape:
        raise ArgumentError(f"reference has shape {clean.shape} and test {heard.shape}; expected the same shape.")
    signal, noise = np.sum(clean**2), np.sum((clean - heard) ** 2)
    if signal == 0:
        raise ArgumentError("reference is empty or silent; expected a signal to measure the noise against.")
    return float("inf") if noise == 0 else float(10 * np.log10(signal / noise))


def _check_curve(value: float, name: str, low: float) -> None:
    check_number(value, name, "a number")
    if not low < value < np.inf:
        raise ArgumentError(f"{name}={value!r}; expected a finite number above {low:g}.")


def _magnitude(y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    samples = as_samples(y).astype(np.float64)
    return np.minimum(np.abs(samples), 1.0), np.sign(samples)


def _codes(z: NDArray[np.float64], bits: int) -> NDArray[np.unsignedinteger]:
    """Codes 0 to 2**bits - 1 for levels in [-1, 1]."""
    check_int(bits, "bits", 2, 16)
    return np.floor((z + 1) / 2 * (2**bits - 1) + 0.5).astype(np.uint8 if bits <= 8 else np.uint16)


def _levels(codes: ArrayLike, bits: int) -> NDArray[np.float64]:
    """Levels in [-1, 1] for codes 0 to 2**bits - 1."""
    check_int(bits, "bits", 2, 16)
    return as_codes(codes, 0, 2**bits - 1) / (2**bits - 1) * 2 - 1
