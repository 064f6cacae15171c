"""How the commands print: tables, percentages, headings. Plain text wherever the output is not a terminal."""

import os
import shlex
import sys
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """Aligned columns under a header: the first `left` to the left, the rest, being numbers, to the right.

    No line ends with spaces.
    """
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    sizes = [max(map(len, column)) for column in zip(*cells)]
    lines = [
        "  ".join(cell.ljust(size) if i < left else cell.rjust(size) for i, (cell, size) in enumerate(zip(row, sizes)))
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def indented(text: str, by: int = 2) -> str:
    """Every line of the text moved to the right."""
    return "\n".join(" " * by + line if line else line for line in text.splitlines())


def percent(part: float) -> str:
    """``98.7%``; 100% is said of the whole alone."""
    return f"{part:.1%}" if part == 1 or part < 0.9995 else "99.9%"


def count(n: int, thing: str, things: str = "") -> str:
    """``1 file``, ``1,240 files``."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def as_typed(*words: object) -> str:
    """A command as one types it, in the quotes of the system's shell."""
    texts = [str(word) for word in words]
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline(texts)
    return shlex.join(texts)


def heading(text: str) -> str:
    """Bold in a terminal (unless NO_COLOR is set)."""
    bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\033[1m{text}\033[0m" if bold else text
