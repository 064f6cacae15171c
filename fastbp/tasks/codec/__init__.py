"""Codec: sounds in few bits."""

from fastbp.tasks.codec.estimator import Codec
from fastbp.tasks.codec.streams import Decoder, Encoder

__all__ = ["Codec", "Decoder", "Encoder"]
