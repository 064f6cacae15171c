"""Pictures: what they show is checked on the figure, that they are pictures on the file."""

import subprocess
import sys

import numpy as np
import pytest

from fastbp import features, plots
from fastbp.errors import ArgumentError
from fastbp.train import History

pytest.importorskip("matplotlib")

HISTORY = {
    "loss": [1.0, 0.5, 0.4],
    "accuracy": [0.5, 0.8, 0.9],
    "val_loss": [1.1, 0.7, 0.8],
    "val_accuracy": [0.4, 0.7, 0.8],
    "learning_rate": [0.1, 0.1, 0.1],
}
MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
FEATURES = [
    features.LogMel(),
    features.LogMel(preset="kaldi"),
    features.LogMel(n_mels=128, n_fft=512),
    features.MelSpectrogram(preset="librosa"),
    features.MFCC(deltas=2),
    features.Spectrogram(),
    features.Spectrogram(power=1),
    features.Frames(),
    features.Frames(normalize="none"),
    features.RMS(),
    features.RMS(log="db"),
    features.ZeroCrossingRate(),
]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that would be saved."""
    figures = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure))
    return figures


@pytest.fixture(scope="module")
def tone():
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)).astype(np.float32)


@pytest.mark.parametrize("suffix", MAGIC)
def test_every_kind_of_picture_is_written(tmp_path, suffix):
    curves = plots.plot_history(HISTORY, tmp_path / f"curves{suffix}")
    confusion = plots.plot_confusion([[3, 1], [0, 4]], ["music", "speech"], tmp_path / f"confusion{suffix}")
    assert [path.read_bytes()[: len(MAGIC[suffix])] for path in (curves, confusion)] == [MAGIC[suffix]] * 2


def test_history_shows_every_curve_and_the_best_epoch(tmp_path, drawn):
    plots.plot_history(HISTORY, tmp_path / "a.png")
    loss, accuracy = drawn[0].axes
    assert [loss.get_ylabel(), accuracy.get_ylabel(), loss.get_xlabel()] == ["loss", "accuracy", "epoch"]
    curves = {line.get_label(): line for line in loss.lines}
    np.testing.assert_array_equal(curves["training"].get_data(), [[1, 2, 3], HISTORY["loss"]])
    np.testing.assert_array_equal(curves["validation"].get_data(), [[1, 2, 3], HISTORY["val_loss"]])
    assert curves["lowest in validation: epoch 2"].get_xdata()[0] == 2
    assert [line.get_label() for line in accuracy.lines] == ["training", "validation"]


def test_history_object_of_one_epoch_without_validation(tmp_path, drawn):
    history = History()
    history.append(0, {"loss": 0.5, "confusion_matrix": np.eye(2)})
    plots.plot_history(history, tmp_path / "a.png")
    (axes,) = drawn[0].axes
    assert [line.get_marker() for line in axes.lines] == ["o"]


@pytest.mark.parametrize(
    ("matrix", "names", "texts"),
    [
        ([[3, 1], [0, 4]], ["music", "speech"], ["3\n75.0%", "1\n25.0%", "0\n0.0%", "4\n100.0%"]),
        ([[1000, 0], [0, 0]], ["a", "speech over music"], ["1,000\n100.0%", "0\n0.0%", "0\n0.0%", "0\n0.0%"]),
        ([[7]], [5], ["7\n100.0%"]),
    ],
)
def test_confusion_shows_counts_and_shares(tmp_path, drawn, matrix, names, texts):
    plots.plot_confusion(matrix, names, tmp_path / "confusion.png")
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.texts] == texts
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [str(name) for name in names]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "predicted")


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: f"{feature.name}-{feature.preset}")
def test_features_have_a_time_axis_and_units(tmp_path, drawn, tone, feature):
    plots.plot_features(feature(tone), tmp_path / "feature.png", feature, title="tone")
    axes, *colours = drawn[0].axes
    assert (axes.get_xlabel(), axes.get_title()) == ("time (s)", "tone")
    assert axes.get_ylabel()
    assert len(colours) == (feature.n_features > 1)
    assert all(bar.get_ylabel() for bar in colours)
    left, right = axes.get_xlim()
    assert left <= 0
    assert right == pytest.approx(len(tone) / feature.sr, abs=0.05)


def test_a_tone_is_brightest_at_its_frequency(tmp_path, drawn, tone):
    feature = features.Spectrogram()
    plots.plot_features(feature(tone), tmp_path / "feature.png", feature)
    (image,) = drawn[0].axes[0].images
    bottom, top = image.get_extent()[2:]
    shown = image.get_array()
    row = int(np.argmax(shown[:, shown.shape[1] // 2]))
    hz = bottom + (row + 0.5) * (top - bottom) / len(shown)
    assert hz == pytest.approx(440, abs=16000 / 512)
    assert shown.max() == pytest.approx(0)
    assert shown.min() >= -plots.DB_RANGE - 1e-3


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: f"{feature.name}-{feature.preset}")
def test_silence_can_be_drawn(tmp_path, feature):
    assert plots.plot_features(feature(np.zeros(8000, np.float32)), tmp_path / "silence.png", feature).stat().st_size


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda path: plots.plot_history({}, path / "a.png"), "no epochs"),
        (lambda path: plots.plot_history(HISTORY, path / "a.bmp2"), "kind of picture"),
        (lambda path: plots.plot_confusion([[1, 2]], ["a", "b"], path / "a.png"), r"2 classes.*\(1, 2\)"),
        (lambda path: plots.plot_confusion([[1, -2], [0, 0]], ["a", "b"], path / "a.png"), "counts"),
        (lambda path: plots.plot_features(np.ones((3, 4)), path / "a.png", features.LogMel()), r"\(n_frames, 80\)"),
        (lambda path: plots.plot_features(np.ones((0, 80)), path / "a.png", features.LogMel()), r"\(0, 80\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, draw, words):
    with pytest.raises(ArgumentError, match=words):
        draw(tmp_path)
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        plots.plot_history(HISTORY, tmp_path / "nowhere" / "a.png")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(plots.MissingExtraError, match=r"pip install 'fastbp\[plots\]'"):
        plots.plot_history(HISTORY, tmp_path / "a.png")


def test_pyplot_is_not_imported(tmp_path):
    code = (
        "import sys; from fastbp import plots; assert 'matplotlib' not in sys.modules; "
        f"plots.plot_history({{'loss': [1, 2]}}, {str(tmp_path / 'a.png')!r}); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
