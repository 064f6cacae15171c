"""Corpora: which sound files there are, with labels, groups and splits, and stores of the features of many of them.

Listings come from folders, tables, lists and archives (`read`); making one decodes nothing. `extract` works out the
features of a listing into a `Store`, which networks are trained from without loading it.
"""

from fastbp.corpus.extracting import extract
from fastbp.corpus.folders import from_folder
from fastbp.corpus.listing import SPLIT_NAMES, SPLITS, Listing
from fastbp.corpus.members import Member
from fastbp.corpus.parquet import from_parquet
from fastbp.corpus.reading import MANIFEST, from_paths, read
from fastbp.corpus.splitting import split
from fastbp.corpus.tables import from_audiofolder, from_csv
from fastbp.corpus.tars import from_webdataset
from fastbp.store import Store

__all__ = [
    "MANIFEST",
    "SPLITS",
    "SPLIT_NAMES",
    "Listing",
    "Member",
    "Store",
    "extract",
    "from_audiofolder",
    "from_csv",
    "from_folder",
    "from_parquet",
    "from_paths",
    "from_webdataset",
    "read",
    "split",
]
