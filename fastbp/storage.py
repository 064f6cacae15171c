"""The .fbp file: named tensors and a description, in the safetensors layout, never code.

::

    8 bytes    length of the header, unsigned, little-endian
    header     JSON (UTF-8), padded with spaces so that the data starts at a multiple of 64 bytes:
               {"__metadata__": {"crc32": "...", "fastbp": "<JSON>", "format": "1"},
                "dense_1/kernel": {"dtype": "F32", "shape": [40, 64], "data_offsets": [0, 10240]}, ...}
    data       the tensors, little-endian, C order, one after the other, larger items first so that each is aligned

Any safetensors reader opens it. ``crc32`` is over the JSON of ``[tensors, fastbp]`` and the data, so that a changed bit
is an error and not a slightly different network.
"""

import io
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._atomic import regular_mode, replacing
from fastbp._file_kinds import kind_of
from fastbp.errors import ArgumentError, ArgumentTypeError, ModelFileError

Path = str | os.PathLike[str]

DTYPES = {"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "|u1"}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
FORMAT = "1"
ALIGNMENT = 64
MAX_HEADER = 100_000_000  # bytes; the limit of safetensors
MAX_TENSOR = 2**40  # bytes, axes of length 0 counted as 1
MAX_AXES = 32
METADATA_KEYS = {"crc32", "fastbp", "format"}


class ModelFileAccessError(ModelFileError, OSError):
    """A model file cannot be read or written for a reason of the system: a full disk, a folder in its place, ..."""


class ModelFileNotFoundError(ModelFileAccessError, FileNotFoundError):
    """A model file, or the folder it is to be written to, does not exist."""


class ModelFilePermissionError(ModelFileAccessError, PermissionError):
    """A model file may not be read or written."""


ACCESS_ERRORS: dict[type, type[ModelFileAccessError]] = {
    FileNotFoundError: ModelFileNotFoundError,
    PermissionError: ModelFilePermissionError,
}


NOT_OURS = "Give a file that fastbp saved, such as `fastbp train ... -o model.fbp` writes, or a fresh copy of it."


class _Flaw(Exception):
    """What is wrong with a file, and what to do about it; `read` adds its name."""

    def __init__(self, found: str, advice: str = "It is damaged: copy it again, or save the model again.") -> None:
        super().__init__(f"{found}. {advice}")
        self.found = found


class _Tensor(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


def write(
    path: Path, tensors: Mapping[str, ArrayLike], metadata: Mapping[str, Any], *, allow_nonfinite: bool = False
) -> None:
    """Write tensors and metadata so that at any moment, come what may, `path` is the old file or the new one, whole.

    A temporary file beside it is written, forced to disk and renamed; a process killed meanwhile leaves it behind
    (``.fbp-*.tmp``), any other failure removes it. A file that is replaced keeps its permissions, a symbolic link its
    target.

    Parameters
    ----------
    path
        The file.
    tensors
        Arrays of float64, float32, float16, int64, int32 or uint8, by name.
    metadata
        What JSON can hold; NumPy scalars and arrays become numbers and lists.
    allow_nonfinite
        Whether NaN and infinity may be written; `read` must then be told to accept them.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A tensor or the metadata is not of the kind that can be stored.
    ModelFileAccessError
        The system refuses: no such folder, no permission, no space, ... It is an OSError as well.
    """
    path = _checked_path(path)
    parts = _parts(tensors, metadata, allow_nonfinite)
    with _system_errors("write", path), replacing(path) as file:
        for part in parts:
            file.write(part)


def dumps(tensors: Mapping[str, ArrayLike], metadata: Mapping[str, Any], *, allow_nonfinite: bool = False) -> bytes:
    """What `write` would write; parameters and errors as there."""
    return b"".join(_parts(tensors, metadata, allow_nonfinite))


def loads(content: bytes, *, allow_nonfinite: bool = False) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """`read` of the content of a file; parameters, results and errors as there."""
    try:
        return _parse(io.BytesIO(content), len(content), allow_nonfinite)
    except _Flaw as flaw:
        raise ModelFileError(f"Cannot read the content of a model file: {flaw}") from None


def write_bytes(path: Path, contents: bytes, what: str = "model file") -> None:
    """Write a file of another kind, which errors call `what`, with the care, and the errors, of `write`.

    Raises
    ------
    ArgumentError, ArgumentTypeError, ModelFileAccessError
        As `write`.
    """
    path = _checked_path(path)
    with _system_errors("write", path, what), replacing(path) as file:
        file.write(contents)


def read(path: Path, *, allow_nonfinite: bool = False) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write` wrote, and refuse all else; nothing in a file can run or import anything.

    Parameters
    ----------
    path
        The file.
    allow_nonfinite
        Whether tensors may hold NaN and infinity.

    Returns
    -------
    tensors : dict of str to ndarray
        New arrays of the machine's byte order, which the caller owns.
    metadata : dict
        As JSON gives it back: lists for tuples, strings for keys.

    Raises
    ------
    ModelFileError
        The file is not a .fbp file, is damaged or cut off, holds non-finite values, or is of another format version.
    ModelFileAccessError
        The system refuses: no such file, no permission, ... It is an OSError as well.
    """
    path = _checked_path(path)
    with _system_errors("read", path):
        regular_mode(path)
        with open(path, "rb") as file:
            try:
                return _parse(file, os.fstat(file.fileno()).st_size, allow_nonfinite)
            except _Flaw as flaw:
                raise ModelFileError(f"Cannot read the model file {path!r}: {flaw}") from None


def _checked_path(path: Path) -> str:
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise ArgumentTypeError(f"A model file is given as a str or a pathlib.Path; got {path!r}.") from None
    if not text or "\0" in text:
        raise ArgumentError(f"{text!r} cannot be the name of a file.")
    return text


@contextmanager
def _system_errors(verb: str, path: str, what: str = "model file") -> Iterator[None]:
    try:
        yield
    except ModelFileError:
        raise
    except OSError as error:
        kind = ACCESS_ERRORS.get(type(error), ModelFileAccessError)
        raise kind(f"Cannot {verb} the {what} {path!r}: {error.strerror or error}.") from error


# Writing


def _parts(tensors: Mapping[str, ArrayLike], metadata: Mapping[str, Any], allow_nonfinite: bool) -> list[Any]:
    """Header and data, larger items first."""
    arrays = {name: _storable(name, tensor, allow_nonfinite) for name, tensor in tensors.items()}
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    return [_header(arrays, _encoded(metadata)), *(array.data for array in arrays.values())]


def _storable(name: str, tensor: ArrayLike, allow_nonfinite: bool) -> NDArray[Any]:
    """The tensor as a C-contiguous little-endian array."""
    if not isinstance(name, str) or name == "__metadata__" or not name.isprintable():
        raise ArgumentError(f'The name of a tensor is a printable string other than "__metadata__"; got {name!r}.')
    array = np.asarray(tensor)
    dtype = array.dtype.newbyteorder("<")
    if dtype not in CODES:
        kinds = ", ".join(str(known) for known in CODES)
        raise ArgumentTypeError(f"The tensor {name!r} is of type {array.dtype}; a model file can hold {kinds}.")
    extent = _extent(array.shape, dtype)
    if array.ndim > MAX_AXES or extent > MAX_TENSOR:
        raise ArgumentError(f"The tensor {name!r} of shape {array.shape} is too large for a model file.")
    if not (allow_nonfinite or _is_finite(array)):
        raise ArgumentError(f"The tensor {name!r} holds NaN or infinity, so it is not saved.")
    return np.asarray(array, dtype, order="C")


def _extent(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Bytes of such a tensor, were none of its axes empty."""
    return math.prod(max(length, 1) for length in shape) * dtype.itemsize


def _is_finite(array: NDArray[Any]) -> bool:
    """Whether all values are finite, found without a temporary of the array's size."""
    if array.size == 0 or array.dtype.kind != "f":
        return True
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def _encoded(metadata: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(dict(metadata), default=_plain, separators=(",", ":"))
        json.loads(text, object_pairs_hook=_unique)
    except _Flaw as flaw:
        raise ArgumentError(f"The metadata of a model file cannot be written as JSON: {flaw.found}.") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentTypeError(f"The metadata of a model file must be what JSON can hold: {error}.") from error
    return text


def _plain(value: object) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{value!r} is of type {type(value).__name__}")


def _header(arrays: Mapping[str, NDArray[Any]], text: str) -> bytes:
    """Length and header of a file with these tensors and this metadata."""
    entries: dict[str, Any] = {}
    stop = 0
    for name, array in arrays.items():
        start, stop = stop, stop + array.nbytes
        entries[name] = {"dtype": CODES[array.dtype], "shape": array.shape, "data_offsets": [start, stop]}
    crc = _header_crc(entries, text)
    for array in arrays.values():
        crc = zlib.crc32(array.data, crc)
    metadata = {"crc32": f"{crc:08x}", "fastbp": text, "format": FORMAT}
    header = json.dumps({"__metadata__": metadata, **entries}, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    if len(header) > MAX_HEADER:
        raise ArgumentError(f"The metadata takes {len(header)} bytes; a model file can hold {MAX_HEADER}.")
    return len(header).to_bytes(8, "little") + header


def _header_crc(entries: Mapping[str, Any], text: str) -> int:
    return zlib.crc32(json.dumps([entries, text], sort_keys=True).encode())


# Reading


def _parse(file: BinaryIO, size: int, allow_nonfinite: bool) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    header, n_data = _read_header(file, size)
    crc, text = _read_metadata(header.pop("__metadata__", None))
    tensors = sorted((_entry(name, entry) for name, entry in header.items()), key=lambda t: (t.start, t.stop))
    _refuse_gaps(tensors, n_data)
    found = _header_crc(header, text)
    arrays: dict[str, NDArray[Any]] = {}
    for tensor in tensors:
        arrays[tensor.name] = _read_tensor(file, tensor)
        found = zlib.crc32(arrays[tensor.name].data, found)
    if crc != f"{found:08x}":
        raise _Flaw(f"Its contents do not match its checksum ({found:08x} instead of {_short(crc)})")
    for name, array in arrays.items():
        if not (allow_nonfinite or _is_finite(array)):
            raise _Flaw(
                f"Its tensor {_short(name)} holds NaN or infinity", "Train the model again, or use an earlier copy."
            )
    metadata = _json(text, "metadata", object_pairs_hook=_unique)
    return {name: a.astype(a.dtype.newbyteorder("="), copy=False) for name, a in arrays.items()}, metadata


def _read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The header, and how many bytes of data come after it."""
    head = file.read(8)
    kind = kind_of(head)
    if kind and not head.endswith(bytes(4)):  # the length that a .fbp file begins with has no more than four bytes
        raise _Flaw(f"It is {kind}, not a .fbp file", NOT_OURS)
    if size < 8:
        raise _Flaw(f"It has {size} bytes, less than any .fbp file", NOT_OURS)
    n_header = int.from_bytes(head, "little")
    if n_header > min(size - 8, MAX_HEADER):
        raise _Flaw(f"It is not a .fbp file, or cut off: it has {size} bytes, its header by its own account {n_header}",
                    NOT_OURS)  # fmt: skip
    raw = file.read(n_header)
    if len(raw) != n_header or not raw.startswith(b"{"):
        raise _Flaw("It is not a .fbp file, or damaged: it has no JSON header", NOT_OURS)
    return _json(raw, "header", object_pairs_hook=_unique, parse_constant=_refuse_constant), size - 8 - n_header


def _json(text: str | bytes, what: str, **options: Callable[..., Any]) -> dict[str, Any]:
    try:
        value = json.loads(text if isinstance(text, str) else text.decode(), **options)  # type: ignore[arg-type]
    except (ValueError, RecursionError) as error:
        raise _Flaw(f"Its {what} is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise _Flaw(f"Its {what} is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Flaw(f"The key {_short(name)} occurs twice")
        found[name] = value
    return found


def _refuse_constant(name: str) -> None:
    raise _Flaw(f"Its header holds {name}")


def _read_metadata(metadata: object) -> tuple[str, str]:
    """Checksum and description."""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("fastbp"), str):
        raise _Flaw("It is a safetensors file without fastbp's metadata", "Only files that fastbp saved can be loaded.")
    if metadata.get("format") != FORMAT:
        raise _Flaw(
            f"It is of format {_short(metadata.get('format'))}; this fastbp reads format {FORMAT!r}",
            "Upgrade fastbp (pip install -U fastbp), or save the model again with this version.",
        )
    if set(metadata) != METADATA_KEYS or not isinstance(metadata["crc32"], str):
        raise _Flaw(f"Its metadata has the keys {_short(sorted(metadata))} instead of {sorted(METADATA_KEYS)}")
    return metadata["crc32"], metadata["fastbp"]


def _entry(name: str, entry: object) -> _Tensor:
    """One tensor of the header, if it makes sense by itself."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _Flaw(f"The entry of tensor {_short(name)} does not have just dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise _Flaw(f"Tensor {_short(name)} is of the unknown type {_short(code)}; known are {', '.join(DTYPES)}")
    dtype = np.dtype(DTYPES[code])
    if not _are_lengths(shape) or len(shape) > MAX_AXES or _extent(shape, dtype) > MAX_TENSOR:
        raise _Flaw(f"Tensor {_short(name)} has the impossible shape {_short(shape)}")
    if not _are_lengths(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Flaw(f"Tensor {_short(name)} has the impossible data_offsets {_short(offsets)}")
    start, stop = offsets
    n_bytes = math.prod(shape) * dtype.itemsize
    if stop - start != n_bytes:
        raise _Flaw(
            f"Tensor {_short(name)} of type {code} and shape {shape} needs {n_bytes} bytes, but has {stop - start}"
        )
    return _Tensor(name, dtype, tuple(shape), start, stop)


def _are_lengths(value: object) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n <= MAX_TENSOR for n in value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:76]} ..."


def _refuse_gaps(tensors: list[_Tensor], n_data: int) -> None:
    """Of the tensors in their order in the file, data must follow on data, from the first byte to the last."""
    end = 0
    for tensor in tensors:
        if tensor.start != end:
            flaw = "overlaps the one before it" if tensor.start < end else "leaves a hole before it"
            raise _Flaw(f"Tensor {_short(tensor.name)} {flaw}: it starts at byte {tensor.start} instead of {end}")
        end = tensor.stop
    if end != n_data:
        flaw = "is cut off" if end > n_data else "has bytes after the last tensor"
        raise _Flaw(f"It {flaw}: there are {n_data} bytes of data, and {end} are needed")


def _read_tensor(file: BinaryIO, tensor: _Tensor) -> NDArray[Any]:
    array = np.empty(tensor.shape, tensor.dtype)
    if array.nbytes and file.readinto(array.data.cast("B")) != array.nbytes:  # type: ignore[attr-defined]
        raise _Flaw(f"It ended within tensor {_short(tensor.name)}: it got shorter while it was read")
    return array
