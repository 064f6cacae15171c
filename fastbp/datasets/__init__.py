"""Sets to start from: real telephone recordings, synthetic speech and music, and tables of numbers."""

from fastbp.datasets.phone import FetchError, cache_dir, fetch_phone_audio
from fastbp.datasets.synthetic import SoundSet, make_music_speech
from fastbp.datasets.tables import make_blobs, make_regression

__all__ = [
    "FetchError",
    "SoundSet",
    "cache_dir",
    "fetch_phone_audio",
    "make_blobs",
    "make_music_speech",
    "make_regression",
]
