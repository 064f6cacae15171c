"""A store of features: many rows on disk with what they belong to, to train from without loading them."""

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.errors import ArgumentError
from fastbp.frames import Frames, Runs
from fastbp.store_files import FORMAT, MANIFEST, StoreError, check_rows, open_rows, read_json, shard_paths

if TYPE_CHECKING:
    from fastbp.corpus.listing import Listing
    from fastbp.features import Pipeline


class Store:
    """Features of sounds, written by `fastbp.corpus.extract`, as memory maps: opening one reads no rows.

    Parameters
    ----------
    path
        Its folder.
    verify
        Read all rows now and hold them against their checksums; otherwise only sizes and descriptions are checked.

    Attributes
    ----------
    path : Path
    settings : dict
        How the rows were made: "features" (configuration), "sr" (Hz), "window" and "hop" (seconds or None), "dtype" ...
    listing : fastbp.corpus.Listing
        The sounds, one row each: files, labels, groups, splits and further columns.
    lengths, starts : numpy.ndarray of int64, (n_sounds,)
        Number of rows of each sound, and the first of them in `x`.
    failures : dict of str to str
        Why sounds could not be used, by file; they are not in `listing`.

    Raises
    ------
    StoreError
        It is not a store, not finished, damaged or truncated.

    Examples
    --------
    >>> store = fastbp.corpus.extract("sounds/", fastbp.features.LogMel(), "sounds.store").split(seed=0)
    >>> train, valid = store.select(split="train"), store.select(split="valid")
    >>> model.fit(train, validation_data=(valid.x, valid.y))
    """

    def __init__(self, path: str | os.PathLike[str], verify: bool = False) -> None:
        from fastbp.corpus.listing import Listing

        self.path = Path(path)
        manifest = read_manifest(self.path)
        self.settings: dict[str, Any] = manifest["settings"]
        self._shards, described = _open_shards(self.path, len(manifest["cuts"]) - 1, self.settings["dtype"])
        self.listing: Listing = _joined([part["sounds"] for part in described])
        self.lengths = np.array([length for part in described for length in part["lengths"]], np.int64)
        self.failures = {file: reason for part in described for file, reason in part["failures"]}
        self._first = np.cumsum(self.lengths) - self.lengths
        if verify:
            self.verify()

    def __len__(self) -> int:
        return len(self.listing)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first row of each sound in `x`, (n_sounds,)."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def x(self) -> Frames:
        """All rows, (n_rows, n_features): like an array, but read where and when it is indexed."""
        return Frames(self._shards, Runs(self._first, self.lengths))

    @cached_property
    def y(self) -> NDArray[np.int32]:
        """The number of the class of each row, (n_rows,): its place in `classes`."""
        numbers = np.unique(self.listing.labels, return_inverse=True)[1]
        if not len(self) or (self.listing.labels.astype(str) == "").any():
            raise ArgumentError(f"{self.path} has sounds without labels: give targets, fit(store.x, y).")
        return self.per_row(numbers.astype(np.int32))

    @property
    def classes(self) -> NDArray[Any]:
        """The different labels, sorted."""
        return self.listing.classes

    @property
    def n_rows(self) -> int:
        """Number of rows of all sounds."""
        return int(self.lengths.sum())

    @property
    def n_features(self) -> int:
        """Number of columns of `x`."""
        return self.x.shape[1]

    @property
    def files(self) -> NDArray[np.str_]:
        """The file of each sound."""
        return self.listing.files

    @property
    def labels(self) -> NDArray[Any]:
        """The label of each sound."""
        return self.listing.labels

    @property
    def groups(self) -> NDArray[np.str_] | None:
        """The group (speaker, track, ...) of each sound, if they have any."""
        return self.listing.groups

    @property
    def splits(self) -> NDArray[np.str_] | None:
        """The split of each sound, if it has been split."""
        return self.listing.splits

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """What else is known of each sound, by name."""
        return self.listing.columns

    @property
    def pipeline(self) -> "Pipeline":
        """The pipeline that made the rows, for use on other sounds."""
        from fastbp.features import Pipeline, feature_class

        config = self.settings["features"]
        if self.settings["kind"] == "pipeline":
            return Pipeline.from_config(config)
        if not self.settings["kind"].startswith("feature "):
            raise ArgumentError(f"The rows of {self.path} were made by {self.settings['kind']}, which is no pipeline.")
        return Pipeline(feature_class(self.settings["kind"].removeprefix("feature ")).from_config(config))

    def utterance(self, number: int) -> NDArray[Any]:
        """The rows of a sound, (n_rows, n_features), as they lie on disk: a read-only view of the memory map."""
        if not -len(self) <= number < len(self):
            raise IndexError(f"sound {number} is out of bounds for {len(self)} sounds")
        first, length = int(self._first[number]), int(self.lengths[number])
        shard = int(np.searchsorted(self.x.ends, first, side="right"))
        start = first - int(self.x.ends[shard]) + len(self._shards[shard])
        return self._shards[shard][start : start + length]

    def per_row(self, values: ArrayLike) -> NDArray[Any]:
        """A value of each sound, repeated for each of its rows: targets for `fit(store.x, store.per_row(ages))`."""
        values = np.asarray(values)
        if values.shape[:1] != (len(self),):
            raise ArgumentError(f"One value for each of the {len(self)} sounds is needed; got shape {values.shape}.")
        return np.repeat(values, self.lengths, axis=0)

    def select(self, **wanted: Any) -> "Store":
        """The sounds that have these values, as a store on the same files.

        Parameters
        ----------
        **wanted
            `label=`, `split=`, `group=`, `file=` or a further column: a value, or a list of those allowed.

        Raises
        ------
        ArgumentError
            There is no such column, or no sound is left.
        """
        own = {"file": self.files, "label": self.labels, "group": self.groups, "split": self.splits}
        table = {**self.columns, **{name: values for name, values in own.items() if values is not None}}
        if unknown := [name for name in wanted if name not in table]:
            raise ArgumentError(f"{self.path} has no {', '.join(unknown)}; it has {', '.join(table)}.")
        keep = np.ones(len(self), dtype=bool)
        for name, value in wanted.items():
            allowed = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
            keep &= np.isin(table[name].astype(str), [str(item) for item in allowed])
        if not keep.any():
            raise ArgumentError(f"No sound of {self.path} is left by {wanted}.")
        return self._with(self.listing.select(keep), keep)

    def split(self, valid: float = 0.2, test: float = 0.2, seed: int = 0) -> "Store":
        """The store with a split for each sound, no group in two of them; see `fastbp.corpus.split`."""
        from fastbp.corpus.splitting import split

        if "copy" in self.columns:
            raise ArgumentError(f"{self.path} holds augmented copies of its training sounds; keep the splits it has.")
        return self._with(split(self.listing, valid, test, seed), np.ones(len(self), dtype=bool))

    def verify(self) -> None:
        """Read all rows and hold them against their checksums; StoreError if any is not what was written."""
        for number in range(len(read_manifest(self.path)["cuts"]) - 1):
            check_rows(self.path, number, self.settings["dtype"])

    def __repr__(self) -> str:
        shape = f"{self.n_rows} x {self.n_features} {self.settings['dtype']}"
        return f"Store({str(self.path)!r}: {len(self)} sounds, {shape})"

    def _with(self, listing: "Listing", keep: NDArray[np.bool_]) -> "Store":
        other = object.__new__(Store)
        other.path, other.settings, other.failures = self.path, self.settings, self.failures
        other._shards = self._shards
        other.listing, other.lengths, other._first = listing, self.lengths[keep], self._first[keep]
        return other


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a store; StoreError if there is none that this version can read."""
    if not (folder / MANIFEST).is_file():
        raise StoreError(f"{folder} is not a store of features: it has no {MANIFEST}. fastbp.corpus.extract makes one.")
    manifest = read_json(folder / MANIFEST)
    if manifest.get("format") != FORMAT:
        raise StoreError(
            f"{folder} is a store of format {manifest.get('format')}; this fastbp reads {FORMAT}. Upgrade it."
        )
    return manifest


def _open_shards(folder: Path, n_shards: int, dtype: str) -> tuple[list[NDArray[Any]], list[dict[str, Any]]]:
    """Memory maps and descriptions of all shards."""
    missing = [number for number in range(n_shards) if not shard_paths(folder, number)[1].is_file()]
    if missing:
        raise StoreError(
            f"{folder} is not finished: {n_shards - len(missing)} of {n_shards} shards are done. "
            "Run fastbp.corpus.extract again with the same arguments, which goes on from there."
        )
    shards, described = zip(*(open_rows(folder, number, dtype) for number in range(n_shards)))
    if not any(part["lengths"] for part in described):
        raise StoreError(f"{folder} holds no rows: none of its sounds could be used, see failures.csv in it.")
    widths = {part["n_features"] for part in described if part["lengths"]}
    if len(widths) > 1:
        raise StoreError(f"{folder} has shards of {sorted(widths)} columns; its features must give one number of them.")
    return [shard for shard in shards if len(shard)], list(described)


def _joined(parts: list[dict[str, Any]]) -> "Listing":
    """The listing of the sounds of all shards."""
    from fastbp.corpus.listing import Listing

    def column(*keys: str) -> Any:
        cells: list[Any] = []
        for part in parts:
            value: Any = part
            for key in keys:
                value = value[key]
            if value is None:
                return None
            cells += value
        return np.array(cells)

    columns = {name: column("columns", name) for name in parts[0]["columns"]}
    return Listing(column("files"), column("labels"), column("groups"), column("splits"), columns)
