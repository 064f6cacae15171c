"""A page into its file, and what is asked of every report."""

import os
from pathlib import Path
from typing import Any

from fastbp import storage
from fastbp.errors import ArgumentError
from fastbp.report.html import Markup, page
from fastbp.report.style import STYLE

PathLike = str | os.PathLike[str]


def write_page(path: PathLike, title: str, *sections: Markup) -> Path:
    """Replace the file by the page of these sections."""
    storage.write_bytes(path, page(title, STYLE, *sections), "report")
    return Path(path)


def check_worst(worst: Any) -> None:
    """Refuse what is no number of files."""
    if isinstance(worst, bool) or not hasattr(worst, "__index__") or worst < 0:
        raise ArgumentError(f"worst is a number of files, at least 0; got {worst!r}.")
