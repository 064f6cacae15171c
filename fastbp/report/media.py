"""Pictures and sounds inside the page, as data URIs."""

import base64
import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SECONDS = 10.0  # of a sound, at most: some 40 kB as MP3
MOST_COLUMNS = 600  # of a picture
PLAYER_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz; those of MP3
DB_RANGE = 80.0
DARK_TO_LIGHT = ((8, 8, 24), (72, 24, 112), (180, 54, 96), (248, 148, 72), (255, 246, 200))


def png(levels: ArrayLike, palette: ArrayLike) -> bytes:
    """A picture of numbers of colours, uint8 (height, width), in colours (n, 3)."""
    pixels, colours = np.asarray(levels, np.uint8), np.asarray(palette, np.uint8)
    height, width = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1)  # 0: no filter
    header = np.array([width, height], ">u4").tobytes() + bytes([8, 3, 0, 0, 0])  # 8 bits, indexed
    parts = {b"IHDR": header, b"PLTE": colours.tobytes(), b"IDAT": zlib.compress(rows.tobytes(), 9), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts.items())


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def palette(*anchors: tuple[int, int, int], n: int = 64) -> NDArray[np.uint8]:
    """Colours (n, 3) that go evenly from anchor to anchor."""
    at = np.linspace(0, len(anchors) - 1, n)
    channels = [np.interp(at, range(len(anchors)), channel) for channel in zip(*anchors)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def heat_map(shares: NDArray[Any], *colours: tuple[int, int, int]) -> str:
    """Picture of values from 0 to 1, (height, width)."""
    levels = (np.clip(shares, 0, 1) * 63).round()
    return uri("image/png", png(levels, palette(*colours)))


def spectrogram(y: NDArray[np.float32], sr: int) -> str:
    """Picture of the log-mel spectrogram of y (n_samples,): 0 to sr / 2 Hz upwards, 80 dB from dark to light."""
    from fastbp.features import LogMel

    hop = max(sr // 100, -(-len(y) // MOST_COLUMNS))
    length = max(round(0.032 * sr), hop)
    feature = LogMel(sr=sr, win_length=length, n_fft=1 << (length - 1).bit_length(), hop_length=hop, n_mels=64,
                     fmin=0.0, fmax=sr / 2, log="db", framing="center")  # fmt: skip
    values = feature(y)
    return heat_map(1 + (values.T[::-1] - values.max()) / DB_RANGE, *DARK_TO_LIGHT)


def player_source(y: NDArray[np.float32], sr: int) -> str:
    """The sound y (n_samples,), as MP3 where libsndfile writes it, else as WAV of 16 bits; clipped at full scale."""
    import soundfile

    from fastbp import audio

    rate = max(rate for rate in PLAYER_RATES if rate <= max(min(sr, 16000), PLAYER_RATES[0]))
    samples = np.clip(audio.resample(y, sr, rate), -1, 1)
    kind = "MP3" if "MP3" in soundfile.available_formats() else "WAV"
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format=kind)
    return uri({"MP3": "audio/mpeg", "WAV": "audio/wav"}[kind], content.getvalue())


def uri(kind: str, content: bytes) -> str:
    """The content as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
