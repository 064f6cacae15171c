"""Training, validation and test files, so that no group is in two of them."""

from dataclasses import replace

import numpy as np

from fastbp.corpus.listing import SPLITS, Listing
from fastbp.errors import ArgumentError


def split(listing: Listing, valid: float = 0.2, test: float = 0.2, seed: int = 0) -> Listing:
    """Divide a listing into training, validation and test files; a listing that has splits is returned as it is.

    No group (a file without groups is its own) is ever in two splits. Largest group first, each goes to the split
    that so far holds the smallest part of its due of that group's labels; groups of equal size come in seeded order. So
    every label is spread as `valid` and `test` ask, as well as the groups allow.

    Parameters
    ----------
    listing : Listing
    valid, test : float, optional
        Shares of the files; the rest, which must not be empty, is for training. 0 leaves a split out.
    seed : int, optional

    Raises
    ------
    ArgumentError
        The shares are out of range, or there are fewer groups than splits.
    """
    if listing.splits is not None:
        return listing
    if not (valid >= 0 and test >= 0 and valid + test < 1):
        raise ArgumentError(f"valid={valid} and test={test} must be at least 0, and less than 1 together.")
    shares = {name: share for name, share in zip(SPLITS, (1 - valid - test, valid, test)) if share > 0}
    names, group_of = np.unique(listing.files if listing.groups is None else listing.groups, return_inverse=True)
    if len(names) < len(shares):
        raise ArgumentError(
            f"{len(names)} group(s) cannot fill the splits {', '.join(shares)}: no group may be in two of them. "
            "Give more groups (speakers, tracks), or leave a split out with valid=0 or test=0."
        )
    label_of = np.unique(listing.labels, return_inverse=True)[1]
    counts = np.zeros((len(names), label_of.max() + 1))
    np.add.at(counts, (group_of, label_of), 1)
    placed = _place(counts / counts.sum(0), np.array(list(shares.values())), seed)
    return replace(listing, splits=np.array(list(shares))[placed][group_of])


def _place(parts: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """The split of each group. parts (n_groups, n_labels): the group's part of each label; shares (n_splits,)."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    order = rng.permutation(len(parts))
    order = order[np.argsort(-parts[order].sum(1), kind="stable")]
    held = np.zeros((len(shares), parts.shape[1]))
    placed = np.zeros(len(parts), dtype=np.intp)
    for group in order:
        fullness = np.round((held / shares[:, None]) @ parts[group], 12)
        placed[group] = np.lexsort((-shares, fullness))[0]
        held[placed[group]] += parts[group]
    return placed
