"""How good the default classifier is on real recordings, where they are to be had."""

import os
from pathlib import Path

import pytest

from fastbp.tasks import AudioClassifier

DATA = Path(os.environ.get("FASTBP_TEST_DATA") or Path(__file__).resolve().parents[2] / "../shared/data")
MANIFEST = DATA / "MANIFEST.csv"
TWO = {"task": "music_speech", "label": ["speech", "music"]}
FOUR = {"task": ["music_speech", "noise"], "label": ["speech", "music", "speech_music", "noise"]}


@pytest.mark.skipif(not MANIFEST.is_file(), reason="needs the recordings in FASTBP_TEST_DATA")
@pytest.mark.parametrize(("where", "measure", "least"), [(TWO, "accuracy", 0.93), (FOUR, "macro_f1", 0.75)])
def test_default_settings_on_speakers_and_tracks_never_heard(where, measure, least):
    """The median of three seeds, so that luck in one of them decides nothing."""
    models = [AudioClassifier(seed=seed).fit(MANIFEST, where=where, verbose=0) for seed in range(3)]
    found = [getattr(model.evaluate(MANIFEST, where=where), measure) for model in models]
    assert sorted(found)[1] >= least
