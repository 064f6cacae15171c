"""Which function writes the page of which job."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from fastbp.errors import ArgumentTypeError

JOBS = {
    "Segmenter": ("classifying", "report_segmenter"),
    "KeywordRecognizer": ("words", "report_words"),
    "Denoiser": ("denoising", "report_denoiser"),
    "Codec": ("coding", "report_codec"),
}


def report_of(model: Any) -> Callable[..., Path]:
    """The function that writes the page of such a model.

    Raises
    ------
    ArgumentTypeError
        There is none.
    """
    for kind in type(model).__mro__:
        if kind.__name__ in JOBS:
            module, name = JOBS[kind.__name__]
            return getattr(import_module(f"fastbp.report.{module}"), name)
    raise ArgumentTypeError(f"There is no report of a {type(model).__name__}; of {', '.join(JOBS)} there is.")
