"""Classifiers written as C, ONNX and NumPy, from the samples of a window on."""

import ctypes
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from fastbp import corpus, datasets, export
from fastbp.errors import ArgumentError, FastbpError, NotBuiltError
from fastbp.export.operations import program_of, shape_of
from fastbp.features import (
    MFCC,
    RMS,
    Context,
    Feature,
    LogMel,
    MelSpectrogram,
    Pipeline,
    Pooling,
    SpectralBandwidth,
    SpectralCentroid,
    SpectralContrast,
    SpectralEntropy,
    SpectralFlatness,
    SpectralFlux,
    SpectralKurtosis,
    SpectralRolloff,
    SpectralSkewness,
    SpectralSlope,
    Spectrogram,
    Tonnetz,
    ZeroCrossingRate,
    default_pipeline,
)
from fastbp.tasks import AudioClassifier, Segmenter, broadcast_settings

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
SR = 8000
needs_compiler = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return datasets.make_music_speech(12, duration=1.5, sr=SR, seed=0).write(tmp_path_factory.mktemp("clips"))


def trained(clips, features=None, **options):
    settings = {"sr": SR, "hidden": (8,), "epochs": 3, "window": 0.5, "augment": None, **options}
    return AudioClassifier(features, **settings).fit(clips, cache=False, verbose=0)


@pytest.fixture(scope="module")
def classifier(clips):
    return trained(clips)


def sounds(model, n=4):
    """Windows (n, n_samples) of sound, one of them very soft."""
    n_samples = program_of(model, features=True).n_samples
    clips = datasets.make_music_speech(n, duration=2.0, sr=SR, seed=7).waveforms
    y = np.stack([clip[:n_samples] for clip in clips]).astype(np.float32)
    return y * np.array([1e-4, *[1] * (n - 1)], np.float32)[:, None]


def expected(model, y):
    """Features (n, n_features), and answers, of windows y."""
    rows = np.concatenate([model.windows_.pipeline(window) for window in y])
    return rows, model.network_.predict(model.scaling_(rows))


class Compiled:
    """The functions of a file of C, called on windows."""

    def __init__(self, model, path, **options):
        path = path.with_suffix(".c")
        self.program = program_of(model, features=True)
        export.to_c(model, path, **options)
        subprocess.run(["gcc", *STRICT, "-O0", "-shared", "-fPIC", path, "-o", f"{path}.so", "-lm"], check=True)
        self.library, self.name, self.front = ctypes.CDLL(f"{path}.so"), path.stem, self.program.front
        self.work = np.full(self.front.n_frames * self.front.n_columns, np.nan, np.float32)

    def call(self, name, y, number, n_out, result=None):
        function, floats = self.library[f"{self.name}_{name}"], np.ctypeslib.ndpointer(np.float32, flags="C")
        function.argtypes, function.restype = [floats, ctypes.c_float, floats, floats], result
        out = np.full(n_out, np.nan, np.float32)
        return function(np.ascontiguousarray(y), number, self.work, out), out

    def features(self, y):
        target, gains = self.front.target, np.ones(len(y))
        if target:
            levels = {"rms": lambda w: np.sqrt(np.mean(w.astype(np.float64) ** 2)), "peak": lambda w: np.abs(w).max()}
            gains = [target / levels[self.front.normalize](window) for window in y]
        return np.stack([self.call("features", w, gain, self.program.n_in)[1] for w, gain in zip(y, gains)])

    def predict(self, y):
        found = [self.call("predict", window, 0.0, self.program.n_out, ctypes.c_int) for window in y]
        assert all(code == 0 for code, _ in found)
        return np.stack([answer for _, answer in found])


class Written:
    """The functions of a file of Python."""

    def __init__(self, model, path, **options):
        export.to_numpy(model, path, **options)
        names = {}
        exec(path.read_text(), names)
        self.features = lambda y: np.concatenate([names["features"](window) for window in y])
        self.predict = lambda y: np.stack([names["predict_sound"](window) for window in y])


class Session:
    """The graph in a file of ONNX; its features are those that give the network's outputs."""

    features = None

    def __init__(self, model, path, **options):
        pytest.importorskip("onnx")
        runtime = pytest.importorskip("onnxruntime")
        export.to_onnx(model, path, **options)
        self.session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.predict = lambda y: self.session.run(None, {"samples": y})[0]


WAYS = [pytest.param(Compiled, marks=needs_compiler), Written, Session]


def assert_same(model, written, y):
    """Features to 3e-6 of themselves or 1e-5 of their deviation over training, answers to 1e-6."""
    rows, answers = expected(model, y)
    if written.features is not None:
        assert (np.abs(written.features(y) - rows) <= 3e-6 * np.abs(rows) + 1e-5 * model.scaling_.std).all()
    assert np.abs(written.predict(y) - answers).max() < 1e-6


@pytest.mark.parametrize("way", WAYS)
def test_the_default_features(way, classifier, tmp_path):
    assert_same(classifier, way(classifier, tmp_path / "model"), sounds(classifier))


SHORT = {"sr": SR, "n_fft": 256, "win_length": 200, "hop_length": 80}
SHAPES = (
    SpectralCentroid,
    SpectralBandwidth,
    SpectralSkewness,
    SpectralKurtosis,
    SpectralSlope,
    SpectralEntropy,
    SpectralFlatness,
    SpectralRolloff,
    SpectralFlux,
)
TAILS = (SpectralSkewness, SpectralKurtosis)  # whose own tails float32 does not know to 1e-5
OF_SHAPES = {shape.name: ["mean", "std"] + ["p10", "skewness", "kurtosis"] * (shape not in TAILS) for shape in SHAPES}
MOMENTS = Pooling(["mean", "std", "min", "max", "delta_mean", "delta_std"])
PIPELINES = {
    "one, peak": Pipeline([LogMel(**SHORT, n_mels=12)], Pooling(["median", "p0", "p100", "p75-p25"]), normalize="peak"),
    "moments": Pipeline([MFCC(**SHORT, n_mels=20, lifter=22.0), RMS(**SHORT), ZeroCrossingRate(**SHORT)], MOMENTS),
    "lags": Pipeline(
        [LogMel(**SHORT, n_mels=12), ZeroCrossingRate(**SHORT)], Pooling(["mean", "lag1", "lag3-lag10", "lag999"])
    ),
    "broadcast": default_pipeline(SR, wide=True),
    "shapes": Pipeline([shape(**SHORT) for shape in SHAPES], Pooling(OF_SHAPES), normalize="rms"),
    "powers": Pipeline([shape(**SHORT, power=2) for shape in (*SHAPES, SpectralFlux)], normalize="rms"),
    "bins": Pipeline([Spectrogram(**SHORT), MelSpectrogram(**SHORT, n_mels=9, power=1)], normalize="rms"),
    "contrast": Pipeline([SpectralContrast(**SHORT, floor=1e-3), Spectrogram(**SHORT, power=1)], normalize="rms"),
    "no spectrum": Pipeline([RMS(**SHORT), ZeroCrossingRate(**SHORT, framing="snip")], MOMENTS),
    "htk": Pipeline([LogMel(**SHORT, n_mels=12, mel_scale="htk", window="hamming", log="whisper")], normalize="rms"),
    "kaldi": Pipeline([LogMel(preset="kaldi", **SHORT, n_mels=12)]),
}
for _name, _pipeline in PIPELINES.items():
    if not _pipeline.steps:
        PIPELINES[_name] = Pipeline([*_pipeline.features, Pooling()], normalize=_pipeline.normalize)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PIPELINES)
def test_other_features(way, name, clips, tmp_path):
    if way is Session and name == "kaldi":
        pytest.skip("has no form in ONNX")
    model = trained(clips, PIPELINES[name])
    assert_same(model, way(model, tmp_path / "model"), sounds(model))


@pytest.mark.parametrize("way", WAYS)
def test_columns_that_do_not_change_have_no_correlation(way, classifier, clips, tmp_path):
    model = trained(clips, Pipeline([RMS(**SHORT), ZeroCrossingRate(**SHORT)], Pooling(["std", "lag2"])), epochs=1)
    n_samples = program_of(model, features=True).n_samples
    y = np.resize(np.float32([0.5, -0.5]), (1, n_samples))
    assert (expected(model, y)[0] == 0).all()
    assert_same(model, way(model, tmp_path / "model"), y)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["shapes", "powers"])
def test_silence_inside_a_window(way, name, clips, tmp_path):
    model = trained(clips, PIPELINES[name])
    y = sounds(model)
    n = y.shape[1] // 3
    y[0, :n], y[1, n : 2 * n], y[2, n:] = 0, 0, 0
    assert_same(model, way(model, tmp_path / "model"), y)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wide", [False, True])
def test_windows_of_one_frame(way, wide, clips, tmp_path):
    model = trained(clips, default_pipeline(SR, wide), window=0.01, epochs=1)
    assert_same(model, way(model, tmp_path / "model"), sounds(model))


@pytest.fixture(scope="module")
def broadcast(clips):
    return trained(clips, **{**broadcast_settings(SR), "augment": None})


@pytest.mark.parametrize("way", WAYS)
def test_three_networks_that_became_one(way, broadcast, tmp_path):
    assert shape_of(program_of(broadcast)).endswith("-24-3")
    assert_same(broadcast, way(broadcast, tmp_path / "model"), sounds(broadcast))


def test_the_network_alone(classifier, tmp_path):
    export.to_numpy(classifier, tmp_path / "model.py", features=False)
    names = {}
    exec((tmp_path / "model.py").read_text(), names)
    assert "features" not in names
    rows, answers = expected(classifier, sounds(classifier))
    assert np.abs(names["predict"](rows) - answers).max() < 1e-6


def test_a_segmenter_is_its_classifier(classifier, tmp_path):
    reports = [export.to_c(m, tmp_path / "model.c") for m in (classifier, Segmenter(classifier))]
    assert reports[0] == reports[1]
    with pytest.raises(NotBuiltError):
        export.to_c(Segmenter(), tmp_path / "model.c")


@needs_compiler
def test_silence_and_a_level_of_ones_own(classifier, tmp_path):
    written, y = Compiled(classifier, tmp_path / "model"), sounds(classifier)[1]
    code, _ = written.call("predict", 0 * y, 0.0, 2, ctypes.c_int)
    assert code == 1
    assert written.call("predict", np.full_like(y, np.nan), 0.0, 2, ctypes.c_int)[0] == 1
    level = 3 * np.sqrt(np.mean(y.astype(np.float64) ** 2))
    code, found = written.call("predict", y, level, 2, ctypes.c_int)
    _, features = written.call("features", y, 0.1 / level, written.program.n_in)
    assert code == 0
    assert np.abs(found - classifier.network_.predict(classifier.scaling_(features[None]))[0]).max() < 5e-6


@pytest.mark.parametrize("way", WAYS)
def test_int8(way, classifier, clips, tmp_path):
    written, y = way(classifier, tmp_path / "model", calibrate=clips), sounds(classifier)
    assert 0 < np.abs(written.predict(y) - expected(classifier, y)[1]).max() < 0.05


def test_int8_is_calibrated_on_what_is_no_test(classifier, clips):
    listing = corpus.split(corpus.read(clips), seed=0)
    x, y = export.calibration_rows(classifier, listing)
    assert len(x) == len(y) < len(export.calibration_rows(classifier, clips)[0])
    tested = export.calibration_rows(classifier, replace(listing.part("test"), splits=None))[0]
    assert not (x[:, None] == tested).all(axis=2).any()
    with pytest.raises((FastbpError, OSError), match="nowhere"):
        export.calibration_rows(classifier, "nowhere")


class Own(Feature):
    name = "own"

    def __init__(self, preset="fastbp", **given):
        super().__init__(preset, given)

    def compute(self, y, n_frames):
        return np.ones((n_frames, 1), np.float32)


WRONG = {
    "own": ([Own(sr=SR)], r"Own \('own'\)"),
    "tonnetz": ([Tonnetz(**SHORT)], r"Tonnetz \('tonnetz'\): only Spectrogram, Mel"),
    "framing": ([LogMel(**SHORT, framing="center")], "framing='center' of LogMel"),
    "top_db": ([LogMel(**SHORT, top_db=80.0)], r"top_db=80\.0 of LogMel"),
    "deltas": ([MFCC(**SHORT, n_mels=20, deltas=1)], "deltas=1 of MFCC"),
    "energy": ([MFCC(preset="kaldi", **SHORT)], "use_energy=True of MFCC"),
    "windows": ([RMS(**SHORT), RMS(**{**SHORT, "win_length": 180})], "win_length"),
    "spectra": ([LogMel(**SHORT), MelSpectrogram(**SHORT, window="hamming")], "window, of which they have several"),
    "steps": ([LogMel(**SHORT), Context(1, 1)], "the steps context, pooling"),
    "statistic": ([LogMel(**SHORT), Pooling(["slope"])], "the statistic .slope'"),
}


@pytest.mark.parametrize(("items", "told"), WRONG.values(), ids=WRONG)
def test_features_without_a_form_are_named(items, told, clips, tmp_path):
    pooled = items if isinstance(items[-1], Pooling) else [*items, Pooling()]
    model = trained(clips, Pipeline(pooled), epochs=1)
    with pytest.raises(ArgumentError, match=told):
        export.to_c(model, tmp_path / "model.c")
    export.to_c(model, tmp_path / "model.c", features=False)


def test_what_only_some_can_write(clips, tmp_path):
    model = trained(clips, Pipeline([LogMel(**{**SHORT, "n_fft": 240}), Pooling()]), epochs=1)
    with pytest.raises(ArgumentError, match=r"n_fft=240: in C it must be a power of two.*--no-features"):
        export.to_c(model, tmp_path / "model.c")
    assert_same(model, Written(model, tmp_path / "model.py"), sounds(model))
    pytest.importorskip("onnx")
    model = trained(clips, PIPELINES["kaldi"], epochs=1)
    with pytest.raises(ArgumentError, match="remove_dc or pre_emphasis: ONNX"):
        export.to_onnx(model, tmp_path / "model.onnx")


def test_classes_with_names_of_any_kind(clips, tmp_path):
    model = trained(clips, default_pipeline(SR), epochs=1)
    model.classes_ = np.array(['*/ int x; "/*??/', 'é\\\n\0"""\\'])
    y = sounds(model)
    assert_same(model, Written(model, tmp_path / "model.py"), y)
    if shutil.which("gcc"):
        assert_same(model, Compiled(model, tmp_path / "model"), y)


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_and_tells(cli, classifier, clips, tmp_path):
    classifier.save(tmp_path / "model.fbp")
    words = ["export", tmp_path / "model.fbp", "--c", tmp_path / "a.c", "--numpy", tmp_path / "a.py", "--name", "kind"]
    code, out, err = cli(*words, "--int8", "--calibrate", clips)
    assert (code, err) == (0, "")
    assert out.count("features and network 198-8-2, 1,610 weights (1.6 KiB, int8)") == 2
    assert re.search(r"int8 on \d+ rows: .* accuracy \d\.\d{4} becomes \d\.\d{4}\n", out)
    assert "int kind_predict(" in (tmp_path / "a.c").read_text()
    if shutil.which("cc") and shutil.which("size"):
        assert "KiB of code and constants" in out


def test_the_command_writes_networks(cli, classifier, tmp_path):
    classifier.network_.save(tmp_path / "net.fbp")
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).normal(size=(20, 198)))
    words = ["--numpy", tmp_path / "net.py", "--int8", "--calibrate", tmp_path / "rows.npz"]
    code, out, _ = cli("export", tmp_path / "net.fbp", *words)
    assert code == 0
    assert "network 198-8-2" in out
    assert "of the decisions stay" in out


def test_the_command_without_features(cli, classifier, tmp_path):
    pytest.importorskip("onnx")
    classifier.save(tmp_path / "model.fbp")
    code, out, _ = cli("export", tmp_path / "model.fbp", "--no-features", "--onnx", tmp_path / "a.onnx")
    assert code == 0
    assert "a.onnx: network 198-8-2" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Nothing to write"),
        (["--c", "a.c", "--int8"], "--int8 needs --calibrate DATA"),
        (["--c", "a.c", "--calibrate", "sounds"], "--calibrate goes with --int8"),
        (["--numpy", "a.py", "--name", "a"], "--name goes with --c"),
        (["--c", "no/such/folder/a.c"], "No such file or directory"),
    ],
)
def test_the_command_complains_in_one_line(cli, classifier, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    classifier.save("model.fbp")
    code, out, err = cli("export", "model.fbp", *words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert told in err
