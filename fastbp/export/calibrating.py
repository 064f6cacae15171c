"""Rows that a network gets in use, out of whatever names them: what int8 needs to know the range of every layer."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError, AudioError
from fastbp.network import Sequential

Labelled = tuple[NDArray[Any], NDArray[Any] | None]


def calibration_rows(model: Any, source: Any) -> Labelled:
    """Inputs x (n_rows, n_in) of a model, not yet scaled, and class numbers (n_rows,), if they are known.

    Parameters
    ----------
    model
        A `Sequential`, `AudioClassifier` or `Segmenter`.
    source
        x or (x, y); for a network also a file: `.npz` with x and perhaps y, or `.npy`; for a classifier what its
        `fit` takes: a folder of class folders, a CSV file, a listing, of which the split "test" is not touched.

    Raises
    ------
    ArgumentError, ArgumentTypeError, AudioError, OSError
        There is nothing that can be used; see `fastbp.corpus.read`.
    """
    if isinstance(source, tuple) and len(source) == 2:
        return source
    if isinstance(source, np.ndarray):
        return source, None
    if isinstance(model, Sequential):
        return _from_file(Path(source)) if isinstance(source, (str, os.PathLike)) else (source, None)
    from fastbp.export.operations import classifier_of

    return _windows(classifier_of(model), source)


def _from_file(path: Path) -> Labelled:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found, None
        with found:
            return found["x"], found.get("y")
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArgumentError(
            f"{path} cannot be used to calibrate a network ({error}): give a .npz file of numpy.savez with x "
            "(n_rows, n_in), and perhaps y, or a .npy file."
        ) from error


def _windows(classifier: Any, source: Any) -> Labelled:
    """Features, not yet scaled, of the windows of labelled sounds, and their class numbers."""
    from fastbp.extraction import extract, warn_of_failures
    from fastbp.tasks.network import Rows
    from fastbp.tasks.sources import read_listing

    listing = read_listing(source)
    if listing.splits is not None:
        listing = listing.select(listing.splits != "test")
    windows = classifier.windows_
    found = extract(listing.files.tolist(), windows, windows.pipeline.sr, title="files", verbose=0)
    warn_of_failures(found.failures, len(listing))
    known = np.unique(listing.labels)
    if len(unknown := np.setdiff1d(known, classifier.classes_)):
        raise ArgumentError(f"The model does not know {unknown.tolist()}; it knows {classifier.classes_.tolist()}.")
    rows = Rows.of(found, listing.labels, classifier.classes_)
    if rows is None:
        raise AudioError(f"None of the {len(listing)} files can be used to calibrate: {found.failures}.")
    return rows.x, rows.y
