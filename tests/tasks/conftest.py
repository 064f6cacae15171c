import shutil

import numpy as np
import pytest
from classifier_settings import SMALL, SR
from codec_sounds import clips as codec_clips

from fastbp import audio, datasets
from fastbp.tasks import AudioClassifier, Codec


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """One cache for all these tests, and not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTBP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def clips():
    """Speech-like and music-like clips in memory."""
    return datasets.make_music_speech(48, duration=1.5, sr=SR, groups_per_class=8)


@pytest.fixture(scope="session")
def sounds(clips, tmp_path_factory):
    """The clips in class folders, with manifest.csv."""
    return clips.write(tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="session")
def others(tmp_path_factory):
    """Clips of speakers and tracks that no training has heard."""
    made = datasets.make_music_speech(24, duration=1.5, sr=SR, seed=77, groups_per_class=6)
    return made.write(tmp_path_factory.mktemp("others"))


@pytest.fixture(scope="session")
def fitted(sounds):
    """A classifier that must not be changed."""
    return AudioClassifier(**SMALL).fit(sounds, verbose=0)


@pytest.fixture(scope="session")
def noise(tmp_path_factory):
    """Folders "low" and "high" of noise of few high or few low frequencies: told apart by the smallest network."""
    root, rng = tmp_path_factory.mktemp("noise"), np.random.default_rng(3)
    for label, kernel in {"low": [0.5, 0.5], "high": [0.5, -0.5]}.items():
        (root / label).mkdir()
        for i in range(6):
            y = np.convolve(rng.standard_normal(SR), kernel, "same")
            audio.save(root / label / f"{i}.wav", (0.1 * y).astype(np.float32), SR)
    return root


@pytest.fixture
def spoilt(noise, tmp_path):
    """The noise folders with files that cannot be used among them."""
    root = tmp_path / "spoilt"
    shutil.copytree(noise, root)
    data = (root / "low" / "0.wav").read_bytes()
    bad = {"text": b"this is no sound\n" * 99, "truncated": data[: len(data) // 2], "empty": b""}
    for name, content in bad.items():
        (root / "low" / f"{name}.wav").write_bytes(content)
    audio.save(root / "high" / "silent.wav", np.zeros(SR, np.float32), SR)
    return root


@pytest.fixture(scope="session")
def training():
    """Waveforms to learn from."""
    return codec_clips(1, 12)


@pytest.fixture(scope="session")
def codec(training):
    """A codec that must not be changed."""
    return Codec(epochs=2, max_rows=50_000).fit(training, verbose=0)
