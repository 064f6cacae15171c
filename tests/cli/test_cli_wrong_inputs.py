"""What users give by mistake: every command says in one line what is wrong, and leaves nothing half done behind."""

import numpy as np
import pytest
import soundfile
from cli_process import program

from fastbp import audio

SR = 8000


@pytest.fixture(scope="module")
def here(tmp_path_factory, trained):
    """Files of the wrong kinds, models of two kinds, and a sound that is right."""
    here = tmp_path_factory.mktemp("wrong")
    (here / "m.fbp").write_bytes(trained[0].read_bytes())
    y = np.random.default_rng(0).normal(0, 0.1, SR).astype(np.float32)
    audio.save(here / "ok.wav", y, SR)
    soundfile.write(here / "stereo.wav", np.stack([np.tile(y, 6)] * 2, 1), 44100, subtype="PCM_24")
    (here / "text.wav").write_text("hello")
    (here / "cut.wav").write_bytes((here / "ok.wav").read_bytes()[:3000])
    soundfile.write(here / "nan.wav", np.where(np.arange(SR) == 9, np.nan, y), SR, subtype="FLOAT")
    (here / "empty").mkdir()
    (here / "one" / "a").mkdir(parents=True)
    audio.save(here / "one" / "a" / "1.wav", y, SR)
    (here / "file").write_text("x")
    return here


@pytest.fixture(autouse=True)
def there(here, monkeypatch):
    monkeypatch.chdir(here)


def complaint(cli, *words):
    """The one line that a command ends with."""
    code, _, err = cli(*words)
    assert code == 1, err
    assert err.count("\n") == 1, err
    assert err.startswith("fastbp: ")
    assert "an error in fastbp" not in err
    assert "[Errno" not in err
    return err


TRAINING = ("train", "train-words", "train-codec")


@pytest.mark.parametrize("source", ["nowhere", "empty", "one", "text.wav"])
@pytest.mark.parametrize("command", TRAINING)
def test_training_on_what_is_no_corpus(cli, here, command, source):
    if (command, source) == ("train-codec", "one"):
        pytest.skip("a codec needs no classes")
    assert source in complaint(cli, command, source, "-o", "x.fbp")
    assert not (here / "x.fbp").exists()


@pytest.mark.parametrize("sources", [("nowhere", "one"), ("empty", "one"), ("one", "text.wav")])
def test_training_a_denoiser_on_what_is_none(cli, sources):
    complaint(cli, "train-denoiser", *sources, "-o", "x.fbp")


@pytest.mark.parametrize("file", ["text.wav", "cut.wav", "nan.wav", "nowhere.wav"])
@pytest.mark.parametrize(
    "words", [["predict", "m.fbp"], ["segment", "m.fbp"], ["features"], ["quantize", "--bits", "8", "-o", "x.wav"]]
)
def test_sounds_that_are_none(cli, here, words, file):
    assert file in complaint(cli, *words, file)
    assert not (here / "x.wav").exists()


@pytest.mark.parametrize("words", [["predict", "m.fbp"], ["segment", "m.fbp"], ["features"]])
def test_any_rate_and_channels_will_do(cli, words):
    assert cli(*words, "stereo.wav")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["spot", "m.fbp", "ok.wav"],
        ["denoise", "m.fbp", "ok.wav", "-o", "x.wav"],
        ["encode", "m.fbp", "ok.wav", "-o", "x.fbc"],
    ],
)
def test_the_model_of_another_job(cli, words):
    told = complaint(cli, *words)
    assert "m.fbp is a fastbp file, but holds an AudioClassifier, not a" in told
    assert "`fastbp predict` read it." in told


@pytest.mark.parametrize(
    "words",
    [
        ["train", "one", "-o", "file/x.fbp"],
        ["train-words", "one", "-o", "file/x.fbp"],
        ["train-denoiser", "one", "one", "-o", "file/x.fbp"],
        ["train-codec", "one", "-o", "file/x.fbp"],
        ["features", "ok.wav", "-o", "file/x.npy"],
        ["quantize", "ok.wav", "--bits", "8", "-o", "file/x.wav"],
        ["segment", "m.fbp", "ok.wav", "-o", "file/x"],
        ["segment", "m.fbp", "ok.wav", "-o", "file"],
        ["export", "m.fbp", "--c", "file/x.c"],
        ["report", "m.fbp", "-o", "file/x.html"],
        ["demo", "--synthetic", "--out", "file/x"],
    ],
)
def test_an_output_below_a_file(cli, words):
    assert "file" in complaint(cli, *words)


@pytest.mark.parametrize(
    ("words", "room"),
    [
        (["features", "ok.wav", "-o", "x.npy"], 4096),
        (["quantize", "ok.wav", "--bits", "8", "-o", "x.wav"], 4096),
        (["quantize", "ok.wav", "--bits", "8", "-o", "x.wav"], 16),
        (["export", "m.fbp", "--c", "x.c"], 4096),
        (["report", "m.fbp", "-o", "x.html"], 4096),
    ],
)
@pytest.mark.posix("limits no sizes")
def test_a_disk_that_is_full(here, words, room):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    before = sorted(path.name for path in here.iterdir())
    done = program(*words, preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "File too large" in done.stderr
    assert sorted(path.name for path in here.iterdir()) == before
