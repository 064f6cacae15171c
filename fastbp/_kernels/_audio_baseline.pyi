"""Types of the audio kernels; every build has the same ones."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex64]
PadMode = Literal["constant", "reflect", "symmetric", "edge"]

CONTEXT_SIZES: dict[str, int]
LANES: int
MOMENTS: tuple[str, ...]
PAD_MODES: dict[str, int]
PCM_CODINGS: dict[str, int]
REDUCTIONS: dict[str, int]

class RealFFT:
    n_fft: int
    n_bins: int
    step: int
    def __init__(self, n_fft: int) -> None: ...
    def forward(self, x: FloatArray) -> NDArray[np.complex64]: ...

class ComplexFFT:
    n: int
    n_conv: int
    at: NDArray[np.int32]
    def __init__(self, n: int) -> None: ...

class Banded:
    n_rows: int
    n_in: int
    def __init__(self, matrix: ArrayLike) -> None: ...

class SpectralPlan:
    n_fft: int
    hop_length: int
    win_length: int
    offset: int
    n_out: int
    def __init__(
        self,
        n_fft: int,
        hop_length: int,
        window: ArrayLike,
        *,
        offset: int = 0,
        pad_mode: PadMode = "constant",
        remove_mean: bool = False,
        pre_emphasis: float = 0.0,
        power: int = 2,
        mel: ArrayLike | None = None,
        log: tuple[float, float, float] | None = None,
        dct: ArrayLike | None = None,
        energy: tuple[float, float] | None = None,
    ) -> None: ...
    def run(self, y: FloatArray, n_frames: int, first: int = 0) -> FloatArray: ...

class Reduction:
    n_out: int
    def __init__(
        self,
        kind: str,
        n_bins: int,
        *,
        power: int = 1,
        hz_per_bin: float = 1.0,
        parameter: float = 0.0,
        matrix: ArrayLike | None = None,
        log: tuple[float, float, float] | None = None,
        extremes: ArrayLike | None = None,
    ) -> None: ...

class ReductionPlan(SpectralPlan):
    def __init__(
        self,
        reductions: Sequence[Reduction],
        n_fft: int,
        hop_length: int,
        window: ArrayLike,
        *,
        offset: int = 0,
        pad_mode: PadMode = "constant",
        remove_mean: bool = False,
        pre_emphasis: float = 0.0,
    ) -> None: ...

class StftPlan(SpectralPlan):
    def transform(self, y: FloatArray, n_frames: int, first: int = 0) -> ComplexArray: ...

class ConstantQPlan(StftPlan):
    def __init__(
        self,
        basis: ArrayLike,
        n_fft: int,
        hop_length: int,
        window: ArrayLike,
        *,
        offset: int = 0,
        pad_mode: PadMode = "constant",
    ) -> None: ...

class InversePlan:
    n_fft: int
    hop_length: int
    offset: int
    def __init__(self, n_fft: int, hop_length: int, window: ArrayLike, *, offset: int = 0) -> None: ...
    def run(self, spectrum: ComplexArray, n_samples: int) -> FloatArray: ...

class FrameStream:
    frame: int
    start: int
    @property
    def n_samples(self) -> int: ...
    @property
    def held(self) -> FloatArray: ...
    def __init__(
        self,
        plan: SpectralPlan,
        span: int,
        least: int,
        n_behind: int,
        loudest: float,
        convert: Callable[[Any], FloatArray],
    ) -> None: ...
    def push(self, chunk: ArrayLike) -> FloatArray: ...
    def rest(self, n_new: int) -> FloatArray: ...
    def restore(self, held: FloatArray, start: int, frame: int) -> None: ...

class FrameReader:
    win_length: int
    hop_length: int
    offset: int
    def __init__(
        self, win_length: int, hop_length: int, *, offset: int = 0, pad_mode: PadMode = "constant"
    ) -> None: ...
    def frames(self, y: FloatArray, n_frames: int, scale: float = 1.0) -> FloatArray: ...
    def rms(self, y: FloatArray, n_frames: int) -> FloatArray: ...
    def zero_crossing_rate(self, y: FloatArray, n_frames: int, threshold: float = 1e-10) -> FloatArray: ...

def radices(n: int) -> list[int]: ...
def project(x: FloatArray, w: Banded, floor: float = ...) -> FloatArray: ...
def peak(y: FloatArray) -> float: ...
def delta(x: FloatArray, taps: FloatArray, inside: bool = False) -> FloatArray: ...
def moments(x: FloatArray) -> NDArray[np.float64]: ...
def pcm_samples(content: bytes | bytearray | memoryview, coding: int) -> FloatArray: ...
def read_pcm(fd: int, position: int, n: int, coding: int) -> FloatArray: ...
def mix(x: FloatArray) -> FloatArray: ...
def griffin_lim_update(
    x: ComplexArray, rebuilt: ComplexArray, previous: ComplexArray, magnitude: FloatArray, momentum: float
) -> None: ...
def median_filter(x: FloatArray, width: int, axis: int) -> FloatArray: ...
def soft_mask(x: FloatArray, reference: FloatArray, power: float = 2.0, neither: float = 0.5) -> FloatArray: ...
def spectral_peaks(x: FloatArray, first: int, end: int, threshold: float) -> tuple[FloatArray, FloatArray]: ...
def fast_length(n: int) -> int: ...
def biquads(x: FloatArray, sos: DoubleArray, state: DoubleArray) -> FloatArray: ...
def shaped_codes(
    x: DoubleArray, dither: DoubleArray, taps: DoubleArray, errors: DoubleArray, bits: int
) -> NDArray[np.int32]: ...
def filtered_energy(x: FloatArray, sos: DoubleArray, state: DoubleArray, marks: NDArray[np.int64]) -> DoubleArray: ...
def pcen(
    x: FloatArray,
    state: FloatArray,
    scale: float,
    smooth: float,
    gain: float,
    bias: float,
    power: float,
    eps: float,
) -> FloatArray: ...
def voice_ratios(x: FloatArray, state: FloatArray, rise: float, bias: float, floor: float) -> FloatArray: ...

class LinearPrediction:
    win_length: int
    hop_length: int
    offset: int
    order: int
    def __init__(
        self, order: int, hop_length: int, window: ArrayLike, *, offset: int = 0, pad_mode: PadMode = "constant"
    ) -> None: ...
    def burg(self, y: FloatArray, n_frames: int) -> FloatArray: ...
    def autocorrelation(self, y: FloatArray, n_frames: int) -> FloatArray: ...

class YinPlan:
    win_length: int
    hop_length: int
    offset: int
    min_period: int
    max_period: int
    n_lags: int
    def __init__(
        self,
        win_length: int,
        hop_length: int,
        min_period: int,
        max_period: int,
        *,
        offset: int = 0,
        pad_mode: PadMode = "constant",
    ) -> None: ...
    def differences(self, y: FloatArray, n_frames: int) -> FloatArray: ...
    def f0(self, y: FloatArray, n_frames: int, sr: float, threshold: float) -> FloatArray: ...
    def track(
        self,
        y: FloatArray,
        n_frames: int,
        sr: float,
        fmin: float,
        prior: DoubleArray,
        no_trough: float,
        switching: float,
        bins_per_octave: int,
        n_bins: int,
        reach: int,
    ) -> tuple[NDArray[np.int64], FloatArray]: ...

class ContextModel:
    n_symbols: int
    def __init__(self, kernels: Sequence[ArrayLike], biases: Sequence[ArrayLike], frequencies: ArrayLike) -> None: ...
    def classes(self, contexts: NDArray[np.int16]) -> NDArray[np.uint8]: ...

class PacketCoder:
    def __init__(
        self,
        levels: ContextModel,
        bins: ContextModel,
        edges: ArrayLike,
        position: ArrayLike,
        threshold: float,
        shift: float,
        bin_price: float,
        level_price: float,
    ) -> None: ...
    def encode(self, wanted: FloatArray, x: FloatArray) -> tuple[bytes, NDArray[np.uint8], NDArray[np.int16]]: ...
    def decode(
        self, content: NDArray[np.uint8] | bytes, n_channels: int, n_frames: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int16]]: ...
    def contexts(
        self, levels: NDArray[np.uint8], q: NDArray[np.int16]
    ) -> tuple[NDArray[np.int16], NDArray[np.int16]]: ...
