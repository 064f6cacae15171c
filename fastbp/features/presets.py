"""Conventions of the libraries we agree with, as data. "*" holds for every feature, a feature's name for that alone.

Sources: librosa 0.11 (McFee et al.), torchaudio 2, Kaldi's feat/ (Povey et al.), Whisper (Radford et al. 2022).
"""

from typing import Any, TypedDict

from fastbp.errors import ArgumentError
from fastbp.features.constant_q import C1

KALDI_EPSILON = 1.1920928955078125e-07  # of a float32, Kaldi's floor of energies


class Conventions(TypedDict, total=False):
    """Keyword arguments beyond those of librosa; every one has a default in the preset.

    window : "hann", "hamming", "blackman" (periodic), "hann_symmetric", "hamming_symmetric", "povey" (symmetric, as
        Kaldi's), "rectangular"
    framing : "start" (frame t starts at t * hop_length; a clip shorter than a frame is one, zero-padded), "center"
        (librosa: frame t is centred at t * hop_length), "center_hops" (the same without the last frame), "snip" (Kaldi:
        as "start", but too short is an error), "hops" (Kaldi's snip_edges=False)
    pad_mode : "constant", "reflect", "symmetric", "edge": samples outside the clip
    scale : factor on the samples (Kaldi: 32768)
    remove_dc, pre_emphasis : per frame, before the window, as in Kaldi
    power : 1 (magnitude) or 2
    mel_scale : "slaney", "htk" (triangles in Hz), "kaldi" (triangles in mel); mel_norm : "slaney" or "none"
    log : "db", "ln", "log10", "whisper"; floor : smallest power before the logarithm
    top_db : nothing is further below the clip's maximum than this, in dB; 0: no limit
    relative : subtract each frame's mean over bands, which leaves nothing of the level
    dct_norm : "ortho" or "htk"; lifter : cepstral lifter, 0: none; lifter_start : index of the lifter at coefficient 0
    first_mfcc : 1 leaves coefficient 0 out; use_energy : coefficient 0 is the log energy
    delta : "regression" (HTK, torchaudio) or "savgol" (librosa); delta_width : frames, odd
    normalize : "none", "peak" or "rms" of the clip
    norm : "max", "sum", "euclidean" or "none" of a frame
    filter_scale, sparsity : factor on the lengths of constant-Q filters, fraction of them neglected
    lag : frames between which onsets rise; aggregate : "mean" or "none" (over the frames of the clip)
    """

    window: str
    framing: str
    pad_mode: str
    scale: float
    remove_dc: bool
    pre_emphasis: float
    power: int
    mel_scale: str
    mel_norm: str
    log: str
    floor: float
    top_db: float
    relative: bool
    dct_norm: str
    lifter: float
    lifter_start: int
    first_mfcc: int
    use_energy: bool
    delta: str
    delta_width: int
    normalize: str
    norm: str
    filter_scale: float
    sparsity: float
    lag: int
    aggregate: str


FASTBP: dict[str, Any] = {
    "sr": 16000,
    "n_fft": 512,
    "win_length": 400,
    "hop_length": 160,
    "window": "hann",
    "framing": "start",
    "pad_mode": "constant",
    "scale": 1.0,
    "remove_dc": False,
    "pre_emphasis": 0.0,
    "power": 2,
    "n_mels": 80,
    "fmin": 0.0,
    "fmax": None,
    "mel_scale": "slaney",
    "mel_norm": "slaney",
    "log": "db",
    "floor": 1e-10,
    "top_db": 0.0,
    "relative": False,
    "n_mfcc": 13,
    "first_mfcc": 0,
    "use_energy": False,
    "dct_norm": "ortho",
    "lifter": 0.0,
    "lifter_start": 0,
    "deltas": 0,
    "delta": "regression",
    "delta_width": 5,
    "normalize": "peak",
    "n_filters": 64,
    "n_lfcc": 20,
    "n_gfcc": 20,
    "n_plp": 13,
    "order": 12,
    "method": "burg",
    "gain": 0.98,
    "bias": 2.0,
    "exponent": 0.5,
    "time_constant": 0.4,
    "eps": 1e-6,
    "full_scale": 2.0**31,
    "smoother_start": "first",
    "trough_threshold": 0.1,
    "resolution": 0.1,
    "max_transition_rate": 35.92,
    "switch_prob": 0.01,
    "no_trough_prob": 0.01,
    "threshold": 0.15,
    "hangover": 0.2,
    "roll_percent": 0.85,
    "n_bands": None,
    "quantile": 0.02,
    "n_chroma": 12,
    "tuning": 0.0,
    "norm": "max",
    "n_bins": None,
    "n_octaves": None,
    "bins_per_octave": 12,
    "filter_scale": 1.0,
    "sparsity": 0.01,
    "lag": 1,
    "start_bpm": 120.0,
    "std_bpm": 1.0,
    "ac_size": 8.0,
    "max_tempo": 320.0,
    "aggregate": "mean",
}
LIBROSA = FASTBP | {
    "smoother_start": "ones",
    "sr": 22050,
    "n_fft": 2048,
    "win_length": None,
    "hop_length": 512,
    "framing": "center",
    "n_mels": 128,
    "top_db": 80.0,
    "n_mfcc": 20,
    "lifter_start": 1,
    "delta": "savgol",
    "delta_width": 9,
    "tuning": "auto",
}
KALDI = FASTBP | {
    "window": "povey",
    "framing": "snip",
    "pad_mode": "symmetric",
    "scale": 32768.0,
    "remove_dc": True,
    "pre_emphasis": 0.97,
    "n_mels": 23,
    "fmin": 20.0,
    "mel_scale": "kaldi",
    "mel_norm": "none",
    "log": "ln",
    "floor": KALDI_EPSILON,
    "use_energy": True,
    "lifter": 22.0,
}
TORCHAUDIO = FASTBP | {
    "n_filters": 128,
    "n_lfcc": 40,
    "n_fft": 400,
    "win_length": None,
    "hop_length": 200,
    "framing": "center",
    "pad_mode": "reflect",
    "n_mels": 128,
    "mel_scale": "htk",
    "mel_norm": "none",
    "top_db": 80.0,
    "n_mfcc": 40,
}
WHISPER = FASTBP | {
    "n_fft": 400,
    "framing": "center_hops",
    "pad_mode": "reflect",
    "log": "whisper",
    "top_db": 80.0,
}
_PITCH = {"fmin": 65.0, "fmax": 2093.0}  # C2 to C7
_LONG = {"n_fft": 1024, "win_length": 1024}  # two periods of fmin at 16 kHz
_SAME_EVERYWHERE: dict[str, dict[str, Any]] = {
    "rms": {"log": "none"},
    "gfcc": {"fmin": 50.0},
    "pcen": {"power": 1},
    "vad": {"n_mels": 24, "fmin": 100.0},
    "lpc": {"window": "rectangular"},
    "yin": _PITCH,
    "pyin": _PITCH,
}
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "fastbp": {"*": FASTBP, **_SAME_EVERYWHERE, "yin": _PITCH | _LONG, "pyin": _PITCH | _LONG},
    "librosa": {"*": LIBROSA, **_SAME_EVERYWHERE, "zcr": {"pad_mode": "edge"}},
    "kaldi": {"*": KALDI, **_SAME_EVERYWHERE, "pcen": {"power": 1, "full_scale": 2.0**16}},
    "torchaudio": {"*": TORCHAUDIO, **_SAME_EVERYWHERE},
    "whisper": {"*": WHISPER, **_SAME_EVERYWHERE},
}


_MAGNITUDES = {"power": 1}
_PITCH_CLASSES = {"fmin": C1, "bins_per_octave": 36}
# of single features whatever the preset
FEATURES: dict[str, dict[str, Any]] = {
    "spectral_centroid": _MAGNITUDES,
    "spectral_bandwidth": _MAGNITUDES,
    "spectral_rolloff": _MAGNITUDES,
    "spectral_contrast": _MAGNITUDES | {"fmin": 200.0},
    "spectral_flux": _MAGNITUDES,
    "spectral_slope": _MAGNITUDES,
    "spectral_skewness": _MAGNITUDES,
    "spectral_kurtosis": _MAGNITUDES,
    "cqt": {"fmin": C1, "tuning": 0.0},
    "chroma_cqt": _PITCH_CLASSES,
    "tonnetz": _PITCH_CLASSES,
}


def defaults(preset: str, feature: str) -> dict[str, Any]:
    """Every parameter of `preset` for the feature called `feature`."""
    if preset not in PRESETS:
        raise ArgumentError(f"preset={preset!r} is unknown; use one of {', '.join(PRESETS)}.")
    table = PRESETS[preset]
    return table["*"] | FEATURES.get(feature, {}) | table.get(feature, {})
