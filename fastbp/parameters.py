"""One flat float32 vector for all tensors of a network; every named tensor is a view of it."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
ALIGNMENT = 64  # bytes; every tensor starts on such a boundary, the padding between stays zero


def aligned_zeros(shape: int | tuple[int, ...]) -> Float32:
    """float32 zeros (shape) whose memory starts on a 64-byte boundary."""
    n = math.prod(shape) if isinstance(shape, tuple) else shape
    memory = np.zeros(n * 4 + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + n * 4].view(np.float32).reshape(shape)


def padded(n: int) -> int:
    """n floats rounded up to whole 64-byte blocks."""
    return -(-n // 16) * 16


class FlatTensors(Mapping[str, Float32]):
    """A flat vector and the named tensors in it: a mapping from names to views.

    Parameters
    ----------
    shapes
        Shape of each tensor by name, in order.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)
        self.places: dict[str, int] = {}
        end = 0
        for name, shape in self.shapes.items():
            self.places[name] = end
            end += padded(math.prod(shape))
        self.vector = aligned_zeros(end)

    def __getitem__(self, name: str) -> Float32:
        shape, start = self.shapes[name], self.places[name]
        return self.vector[start : start + math.prod(shape)].reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def blocks(self) -> NDArray[np.intp]:
        """Start, rows and columns of each tensor, (n_tensors, 3); a vector has one row."""
        rows = [(self.places[name], math.prod(shape[:-1]), shape[-1]) for name, shape in self.shapes.items()]
        return np.array(rows, np.intp).reshape(-1, 3)
