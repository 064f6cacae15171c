import numpy as np
import pytest
from cli_process import program

from fastbp import audio, datasets, registry


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """A folder of synthetic clips with a manifest."""
    return datasets.make_music_speech(40, duration=2.0, groups_per_class=5).write(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    audio.save(path, 0.3 * np.sin(2 * np.pi * 440 * np.arange(12000) / 8000), 8000)
    return path


@pytest.fixture(autouse=True)
def without_plugins(monkeypatch):
    """Whatever is installed around here is not looked at."""
    monkeypatch.setenv("FASTBP_PLUGINS", "")
    monkeypatch.delenv("FASTBP_DEBUG", raising=False)
    registry.reload()
    yield
    registry.reload()


@pytest.fixture(scope="session")
def trained(clips, tmp_path_factory):
    """A model file trained on `clips`, and what training printed."""
    model = tmp_path_factory.mktemp("trained") / "model.fbp"
    done = program("train", clips, "-o", model, "--epochs", 30, "--hidden", "16", "--no-cache", "--threads", 1)
    assert done.returncode == 0, done.stderr
    return model, done
