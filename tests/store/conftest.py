import pytest
from store_sounds import LOGMEL, write_sounds

from fastbp import corpus
from fastbp.corpus import extracting


@pytest.fixture(scope="session")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(extracting, "SHARD_BYTES", 12_000)


@pytest.fixture
def store(sounds, tmp_path, small_shards):
    return corpus.extract(sounds, LOGMEL, tmp_path / "store", verbose=0)
