"""Sound in and out: files, resampling, framing and quantisation.

Nothing here imports soundfile or soxr before a function needs it.
"""

from fastbp.audio.containers import AudioInfo
from fastbp.audio.errors import AudioFileNotFoundError, AudioPermissionError
from fastbp.audio.finding import find
from fastbp.audio.framing import frame, n_frames
from fastbp.audio.g711 import g711_decode, g711_encode
from fastbp.audio.quantize import (
    Quantizer,
    alaw_decode,
    alaw_encode,
    dequantize,
    mulaw_decode,
    mulaw_encode,
    quantize,
    snr_db,
)
from fastbp.audio.reading import info, load
from fastbp.audio.resampling import resample
from fastbp.audio.streaming import blocks
from fastbp.audio.writing import save

__all__ = [
    "AudioFileNotFoundError",
    "AudioInfo",
    "AudioPermissionError",
    "Quantizer",
    "alaw_decode",
    "alaw_encode",
    "blocks",
    "dequantize",
    "find",
    "frame",
    "g711_decode",
    "g711_encode",
    "info",
    "load",
    "mulaw_decode",
    "mulaw_encode",
    "n_frames",
    "quantize",
    "resample",
    "save",
    "snr_db",
]
