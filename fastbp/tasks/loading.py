"""The model of any job out of its file."""

from os import PathLike
from typing import Any

from fastbp import storage, tasks
from fastbp.errors import ModelFileError

JOBS = ("AudioClassifier", "Codec", "Denoiser", "KeywordRecognizer", "Segmenter")


def load_job(path: str | PathLike[str]) -> Any:
    """What the class of the job would load.

    Raises
    ------
    ModelFileError
        The file is damaged, or holds no model of a job.
    UnknownNameError, OSError
        It needs a plug-in that is not installed; it cannot be read.
    """
    _, config = storage.read(path, allow_nonfinite=True)
    name = "Segmenter" if "segmenter" in config else config.get("task")
    if name not in JOBS:
        kind = name or config.get("kind") or "thing of unknown kind"
        raise ModelFileError(f"{path} is a fastbp file, but holds a {kind}; expected one of {', '.join(JOBS)}.")
    return getattr(tasks, name).load(path)
