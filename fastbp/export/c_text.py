"""Pieces of C: numbers, tables, and the functions of the templates."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike

MARK = re.compile(r"^/\* == (\w+) == \*/\n", re.M)
TYPES = {"f": "float", "b": "int8_t", "h": "int16_t"}


@cache
def snippets(template: str) -> dict[str, str]:
    """The functions of a template by name."""
    text = (files("fastbp") / "templates" / f"{template}.c.template").read_text(encoding="utf-8")
    _, *parts = MARK.split(text)
    return dict(zip(parts[::2], (part.strip() + "\n" for part in parts[1::2])))


def comment(text: str) -> str:
    """Text that may stand in a comment: nothing in it ends or begins one, or continues a line."""
    plain = "".join(c if c.isascii() and c.isprintable() and c != "\\" else "_" for c in text)
    return re.sub(r"([*/?])(?=[*/?])", r"\1 ", plain)


def number(value: float) -> str:
    """A float32 as C has it, to the last bit."""
    text = np.format_float_positional(np.float32(value), unique=True, trim="0")
    return (text if len(text) < 16 else np.format_float_scientific(np.float32(value), unique=True)) + "f"


def table(name: str, values: ArrayLike) -> str:
    """A constant array: of float, of int8_t where it is that, or of int16_t."""
    array = np.asarray(values)
    if array.dtype.kind == "i" and array.itemsize > 2:
        array = array.astype(np.int16)
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    words = [number(value) if array.dtype.kind == "f" else str(value) for value in array.ravel()]
    return f"static const {TYPES[array.dtype.char]} {name}[{array.size}] = {{\n{lines(words)}\n}};\n"


def lines(words: Sequence[str]) -> str:
    """Words in indented lines, with commas."""
    per_line = max(1, 112 // max(map(len, words), default=1))
    starts = range(0, len(words), per_line)
    return "\n".join(f"    {', '.join(words[start : start + per_line])}," for start in starts)
