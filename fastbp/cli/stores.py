"""`fastbp features` of a whole corpus: a store of features to train from."""

import argparse
from typing import TYPE_CHECKING

from fastbp.cli.options import Arguments, add_augment, augmented, positive, whole
from fastbp.cli.tables import count
from fastbp.errors import ArgumentError

if TYPE_CHECKING:
    from fastbp.features import Feature


def add_options(parser: argparse.ArgumentParser) -> None:
    """How to make a store."""
    group = parser.add_argument_group("the features of a corpus")
    group.add_argument("--pool", action="store_true", help="a row a sound: mean and deviation (default: a row a frame)")
    group.add_argument("--window", metavar="SECONDS", type=positive, help="a row a window of this length, pooled")
    add_augment(group, "NAME,NAME,...: what sounds in the split train are also heard through")
    group.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="type to keep (float32)")
    group.add_argument("--threads", metavar="N", type=whole(1), help="use at most N threads")
    group.add_argument("--strict", action="store_true", help="stop at a file that cannot be used")


def run(arguments: Arguments, feature: "Feature") -> None:
    """Make the store, or go on with it, and say what is in it."""
    from fastbp import corpus
    from fastbp.features import Pipeline, Pooling

    if arguments.output is None:
        raise ArgumentError(f"{arguments.file} is a corpus: name a folder for the store of its features with -o.")
    store = corpus.extract(
        arguments.file,
        Pipeline(feature, Pooling()) if arguments.pool or arguments.window else feature,
        arguments.output,
        window=arguments.window,
        n_jobs=arguments.threads,
        dtype=arguments.dtype,
        augment=augmented(arguments) if arguments.augment or arguments.copies else None,
        strict=arguments.strict,
    )
    print(f"{arguments.output}: {count(len(store), 'sound')}, {count(store.n_rows, 'row')} x "
          f"{count(store.n_features, 'column')}, {store.x.dtype}, {store.x.nbytes / 1e6:,.1f} MB")  # fmt: skip
    if store.failures:
        print(f"{count(len(store.failures), 'file')} could not be used: see {arguments.output / 'failures.csv'}")
