"""`fastbp features`: of a sound, and of a corpus."""

import numpy as np
import pytest

import fastbp
from fastbp import audio


def test_features_describes(cli, tone):
    code, out, _ = cli("features", tone)
    assert code == 0
    assert "1.50 s, 8000 Hz, 1 channel, resampled to 16000 Hz" in out
    assert "logmel (fastbp): 148 frames, one every 10 ms, x 80 columns" in out


def test_features_writes_what_the_library_gives(cli, tone, tmp_path):
    out = tmp_path / "out.npy"
    words = ["--feature", "mfcc", "--preset", "librosa", "--sr", "8000", "--set", "n_mfcc=7", "--set", "fmax=3000.5"]
    assert cli("features", tone, "-o", out, *words)[0] == 0
    expected = fastbp.features.MFCC(preset="librosa", sr=8000, n_mfcc=7, fmax=3000.5)(audio.load(tone)[0])
    np.testing.assert_array_equal(np.load(out), expected)


def test_features_draws(cli, tone, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = cli("features", tone, "-o", tmp_path / "out.png")
    assert (code, "written to" in out) == (0, True)
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--feature", "mfc"], "Did you mean 'mfcc'?"),
        (["--preset", "librossa"], "preset='librossa' is unknown"),
        (["--set", "n_mells=3"], "has no parameter n_mells"),
        (["--set", "n_mels=3.5"], "n_mels=3.5"),
        (["-o", "out.txt"], "must end in .npy"),
        (["-o", "nowhere/out.npy"], "nowhere"),
    ],
)
def test_features_complains_in_one_line(cli, tone, words, expected):
    code, _, err = cli("features", tone, *words)
    assert code == 1
    assert expected in err
    assert err.startswith("fastbp: ")
    assert err.count("\n") == 1


def test_features_of_a_corpus_go_into_a_store(cli, clips, tmp_path):
    words = ["features", clips, "-o", tmp_path / "store", "--sr", 8000, "--set", "n_mels=12", "--dtype", "float16"]
    code, out, err = cli(*words)
    assert (code, err) == (0, "")
    store = fastbp.corpus.Store(tmp_path / "store", verify=True)
    assert f"{tmp_path / 'store'}: 40 sounds, {store.n_rows:,} rows x 12 columns, float16, 0.1 MB\n" in out
    feature = fastbp.features.LogMel(sr=8000, n_mels=12)
    assert np.array_equal(store.utterance(7), feature(audio.load(store.files[7], sr=8000)[0]).astype(np.float16))
    assert cli(*words)[:2] == (0, out)
    code, _, err = cli(*words, "--pool")
    assert (code, "was begun with other arguments" in err) == (1, True)


def test_features_of_a_corpus_with_broken_files(cli, tone, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    words = ["features", tmp_path, "--window", 0.5]
    code, out, err = cli(*words, "-o", tmp_path / "store")
    assert code == 0
    assert "1 sound, 3 rows x 160 columns" in out
    assert f"1 file could not be used: see {tmp_path / 'store' / 'failures.csv'}" in out
    assert "broken.wav" in err
    assert cli(*words, "-o", tmp_path / "strict", "--strict")[0] == 1
    assert "with -o" in cli(*words)[2]
