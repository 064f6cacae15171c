"""Sound in and out: files, resampling, framing and quantisation.

Nothing here imports soundfile or soxr before a function needs it.
"""

from fastbp.audio.containers import AudioInfo
from fastbp.audio.errors import AudioFileNotFoundError, AudioPermissionError
from fastbp.audio.finding import find
from fastbp.audio.framing import frame, n_frames
from fastbp.audio.quantise import (
    alaw_decode,
    alaw_encode,
    dequantise,
    mulaw_decode,
    mulaw_encode,
    quantise,
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
    "alaw_decode",
    "alaw_encode",
    "blocks",
    "dequantise",
    "find",
    "frame",
    "info",
    "load",
    "mulaw_decode",
    "mulaw_encode",
    "n_frames",
    "quantise",
    "resample",
    "save",
    "snr_db",
]
