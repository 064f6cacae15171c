"""What libraries can do, besides being fast: ``python -m bench.facts`` (or ``python -m bench.facts formats licence``).

A question is put to each library that is installed by trying it, or, those of *api*, by looking up the part that has
it. A dash: there is nothing to try. Answers are of the versions printed with them.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.sounds import SR, sound
from fastbp.cli.tables import table

Answers = Mapping[str, Callable[[], Any]]  # by library
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # where it is not named like the module

# -- an optimizer of a package that is installed, but not imported ----------------------------------------------------

ELSEWHERE = """
from fastbp.hookspecs import hookimpl
from fastbp.optimizers import SGD

@hookimpl
def register_optimizers(register):
    register("elsewhere", SGD)

def for_others():
    return "found"
"""
ENTRY_POINTS = "[fastbp]\nelsewhere = elsewhere\n" + "".join(
    f"[{name}_optimizers]\nelsewhere = elsewhere:for_others\n" for name in ("thinc", "keras", "torch", "sklearn")
)


def install_elsewhere(folder: Path) -> None:
    """A package that has an optimizer, as pip would leave it."""
    info = folder / "elsewhere-1.0.dist-info"
    info.mkdir()
    (folder / "elsewhere.py").write_text(ELSEWHERE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    sys.path.append(str(folder))


def fastbp_optimizer() -> str:
    from fastbp import registry

    registry.look_up("optimizer", "elsewhere")
    return "by its name"


def thinc_optimizer() -> str:
    from thinc import registry

    return "by its name" if registry.optimizers.get("elsewhere") else "not"


def keras_optimizer() -> str:
    import keras

    class Own(keras.optimizers.SGD):
        pass

    try:
        keras.optimizers.get("elsewhere")
    except ValueError:
        return "as an object" if isinstance(keras.optimizers.get(Own()), Own) else "not"
    return "by its name"


def torch_optimizer() -> str:
    import torch

    class Own(torch.optim.SGD):
        pass

    Own(torch.nn.Linear(2, 2).parameters(), 0.1).step()
    return "as an object"


def sklearn_optimizer() -> str:
    from sklearn.neural_network import MLPClassifier

    try:
        MLPClassifier(solver="elsewhere").fit([[0.0], [1.0]], [0, 1])
    except ValueError:
        return "not"
    return "by its name"


OPTIMIZERS: Answers = {
    "fastbp": fastbp_optimizer,
    "sklearn": sklearn_optimizer,
    "keras": keras_optimizer,
    "torch": torch_optimizer,
    "thinc": thinc_optimizer,
}

# -- scikit-learn's checks of estimators ------------------------------------------------------------------------------


def passed(estimator: Any) -> str:
    """How many of scikit-learn's checks pass, of those that are run."""
    from sklearn.utils.estimator_checks import check_estimator

    found = [check["status"] for check in check_estimator(estimator, on_skip=None, on_fail=None)]
    return f"{found.count('passed')} of {len(found) - found.count('skipped')}"


def keras_estimator() -> Any:
    import keras

    def model(X: Any, y: Any) -> Any:
        top = keras.layers.Dense(y.shape[1] if y.ndim > 1 else 1, activation="softmax")
        made = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(8, activation="relu"), top])
        made.compile("adam", "categorical_crossentropy")
        return made

    return import_module("keras.wrappers").SKLearnClassifier(model, fit_kwargs={"epochs": 5, "verbose": 0})


ESTIMATORS: Answers = {
    "fastbp": lambda: passed(import_module("fastbp.sklearn").DenseClassifier()),
    "sklearn": lambda: passed(import_module("sklearn.neural_network").MLPClassifier()),
    "keras": lambda: passed(keras_estimator()),
    "torch": lambda: "-",
    "thinc": lambda: "-",
}

# -- files of sound ---------------------------------------------------------------------------------------------------

FORMATS = {  # suffix: soundfile's format and subtype
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def sound_files(folder: Path) -> list[Path]:
    """A second of sound in each format; in AAC, too, where PyAV is there to write it."""
    import soundfile

    paths = [folder / f"sound.{suffix}" for suffix in FORMATS]
    for path, (kind, subtype) in zip(paths, FORMATS.values()):
        soundfile.write(path, 0.5 * sound(1), SR, subtype, format=kind)
    return [*paths, *([in_aac(folder / "sound.m4a")] if find_spec("av") else [])]


def in_aac(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=SR)
        frame = av.AudioFrame.from_ndarray(0.5 * sound(1)[None], format="fltp", layout="mono")
        frame.sample_rate = SR
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return path


def formats(read: Callable[[str], Any]) -> str:
    """The suffixes of files whose samples come back."""
    with tempfile.TemporaryDirectory() as folder:
        return " ".join(path.suffix[1:] for path in sound_files(Path(folder)) if reads(read, path)) or "none"


def reads(read: Callable[[str], Any], path: Path) -> bool:
    try:
        return len(read(str(path))) > 0
    except Exception:
        return False


def with_opensmile(path: str) -> Any:
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.GeMAPSv01b, opensmile.FeatureLevel.LowLevelDescriptors, loglevel=0)
    return smile.process_file(path)


READERS: Answers = {
    "fastbp": lambda: formats(lambda path: import_module("fastbp.audio").load(path)[0]),
    "librosa": lambda: formats(lambda path: import_module("librosa").load(path, sr=None)[0]),
    "torchaudio": lambda: formats(lambda path: import_module("torchaudio").load(path)[0]),
    "opensmile": lambda: formats(with_opensmile),
    "essentia": lambda: formats(lambda path: import_module("essentia.standard").MonoLoader(filename=path)()),
}

# -- how much of it there is ------------------------------------------------------------------------------------------


def public_functions(module: str) -> int:
    found = import_module(module)
    return sum(callable(getattr(found, name)) for name in dir(found) if not name.startswith("_"))


def smile_names() -> str:
    import opensmile
    from opensmile import FeatureLevel, FeatureSet

    low = opensmile.Smile(FeatureSet.ComParE_2016, FeatureLevel.LowLevelDescriptors).num_features
    functionals = opensmile.Smile(FeatureSet.ComParE_2016, FeatureLevel.Functionals).num_features
    return f"{len(FeatureSet)} sets; ComParE_2016: {low} curves, {functionals:,} statistics of them"


FEATURES: Answers = {
    "fastbp": lambda: f"{len(import_module('fastbp.registry').names('feature'))} features",
    "librosa": lambda: f"{public_functions('librosa.feature')} functions in librosa.feature",
    "torchaudio": lambda: f"{len(import_module('torchaudio.transforms').__all__)} transforms of all kinds",
    "opensmile": smile_names,
    "essentia": lambda: f"{len(import_module('essentia.standard').algorithmNames())} algorithms of all kinds",
}

# -- licences ---------------------------------------------------------------------------------------------------------


def licence(distribution: str) -> str:
    """As its text, or else its metadata, calls it."""
    found = metadata.distribution(distribution)
    said = found.metadata
    texts = [file.read_text() for file in found.files or () if re.search("licen[sc]e", file.name, re.I)]
    titles = [title for text in texts for title in re.findall(r"This (\w[\w ]+ License) Agreement", text or "")]
    classifiers = [line.rsplit(" :: ", 1)[1] for line in said.get_all("Classifier") or () if "License" in line]
    return next(iter([*titles, *(said.get_all("License-Expression") or ()), *classifiers, said.get("License") or "?"]))


LIBRARIES = ("fastbp", "sklearn", "keras", "torch", "thinc", "librosa", "torchaudio", "opensmile", "essentia")
LICENCES: Answers = {name: lambda name=name: licence(DISTRIBUTIONS.get(name, name)) for name in LIBRARIES}

# -- what a part of the API has ---------------------------------------------------------------------------------------

API: dict[str, dict[str, str]] = {
    "convolution": {"keras": "keras.layers.Conv1D", "torch": "torch.nn.Conv1d", "thinc": "thinc.api.expand_window"},
    "recurrence": {"keras": "keras.layers.LSTM", "torch": "torch.nn.LSTM", "thinc": "thinc.api.LSTM"},
    "attention": {"keras": "keras.layers.MultiHeadAttention", "torch": "torch.nn.MultiheadAttention"},
    "autograd": {"torch": "torch.autograd.grad"},
    "GPU": {"keras": "keras.distribution", "torch": "torch.cuda", "thinc": "thinc.api.require_gpu"},
    "ONNX": {"fastbp": "fastbp.export.to_onnx", "keras": "keras.Model.export", "torch": "torch.onnx.export"},
    "C": {"fastbp": "fastbp.export.to_c", "torch": "torch._inductor.aoti_compile_and_package"},
    "librosa": {
        "fastbp": "fastbp.features.presets.LIBROSA",
        "torchaudio": "torchaudio.functional.melscale_fbanks",
        "essentia": "essentia.standard.MelBands",
    },
    "Kaldi": {"fastbp": "fastbp.features.presets.KALDI", "torchaudio": "torchaudio.compliance.kaldi"},
    "streams": {
        "fastbp": "fastbp.features.Pipeline.stream",
        "librosa": "librosa.stream",
        "essentia": "essentia.streaming.VectorInput",
    },
    "training": {"fastbp": "fastbp.tasks.AudioClassifier", "torchaudio": "torch.nn.Module"},
    "pretrained": {
        "torchaudio": "torchaudio.pipelines.WAV2VEC2_BASE",
        "essentia": "essentia.standard.TensorflowInputMusiCNN",
    },
}


def look_up(name: str) -> str:
    """The dotted name, if something is called so."""
    parts = name.split(".")
    module = next(".".join(parts[:n]) for n in range(len(parts), 0, -1) if importable(".".join(parts[:n])))
    found = import_module(module)
    for part in parts[module.count(".") + 1 :]:
        found = getattr(found, part)
    return name


def importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


# -- asking -----------------------------------------------------------------------------------------------------------

QUESTIONS: dict[str, Answers] = {
    "optimizers": OPTIMIZERS,
    "estimators": ESTIMATORS,
    "formats": READERS,
    "features": FEATURES,
    "licence": LICENCES,
    **{what: {name: lambda part=part: look_up(part) for name, part in has.items()} for what, has in API.items()},
}
GROUPS = {"api": tuple(API)}


def answer(library: str, ask: Callable[[], Any]) -> str:
    """What it says, or why it says nothing."""
    if find_spec(library) is None:
        return "not installed"
    try:
        return str(ask())
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def version(library: str) -> str:
    try:
        return f"{library} {metadata.version(DISTRIBUTIONS.get(library, library))}"
    except metadata.PackageNotFoundError:
        return library


def answers(question: str) -> list[list[str]]:
    """Rows of one question."""
    with tempfile.TemporaryDirectory() as folder:
        if question == "optimizers":
            install_elsewhere(Path(folder))
        return [[question, version(name), answer(name, ask)] for name, ask in QUESTIONS[question].items()]


def in_process(question: str) -> None:
    """Print its rows from a process of its own, where nothing has been imported."""
    environment = {**os.environ, "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "torch"), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "bench.facts", "--here", question]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    print(done.stdout, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", help=f"{', '.join([*QUESTIONS, *GROUPS])} (default: all)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    asked = [each for name in given.questions or QUESTIONS for each in GROUPS.get(name, (name,))]
    if unknown := set(asked) - set(QUESTIONS):
        parser.error(f"no question is called {', '.join(sorted(unknown))}")
    for question in asked:
        if given.here:
            with contextlib.redirect_stdout(sys.stderr):  # what libraries have to say
                rows = answers(question)
            print(table(("", "library", "answer"), rows, left=3))
        else:
            in_process(question)


if __name__ == "__main__":
    main()
