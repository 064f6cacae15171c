"""What the results come from: features, network, versions, and how to get them again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastbp.features import Pipeline, default_pipeline
from fastbp.report.html import Markup, section, table, tag
from fastbp.tasks import classifier_file
from fastbp.versions import gather

if TYPE_CHECKING:
    from fastbp.network import Sequential
    from fastbp.tasks import AudioClassifier
    from fastbp.tasks.estimator import Estimator
    from fastbp.tasks.windows import Windows


def windows_section(windows: "Windows") -> Markup:
    """What the network of a classifier sees of a sound."""
    return features_section(windows.pipeline, f"Windows of {windows.window:g} s every {windows.hop:g} s", "window")


def features_section(pipeline: Pipeline, seen: str, each: str) -> Markup:
    """What is `seen` of a sound, in numbers for `each` of them."""
    text = (
        f"{seen} at {pipeline.sr:,} Hz, frames every {1000 * pipeline.hop_length / pipeline.sr:.4g} ms, "
        f"{pipeline.n_features:,} numbers for each {each}."
    )
    rows = [[feature.name, f"{feature.n_features:,}"] for feature in pipeline.features]
    settings = [tag("pre", repr(part)) for part in (*pipeline.features, *pipeline.steps)]
    details = tag("details", tag("summary", "All parameters"), *settings)
    return section("Features", tag("p", text), table("Columns of a frame", ["feature", "columns"], rows), details)


def network_section(network: "Sequential", more: str = "", title: str = "Network") -> Markup:
    """The layers, and `more` to be said of them."""
    text = f"{network.n_in:,} inputs, {network.count_params():,} parameters, {network.params.nbytes / 1024:.1f} KiB."
    layers = table("Layers", ["layer", "kind", "outputs", "weights"], network.layer_table(), "pairs")
    return section(title, tag("p", text, more), layers)


def origins_section(command: str, code: str = "") -> Markup:
    """How to make it again, with what."""
    found = gather()
    libraries = ", ".join(f"{name} {version}" for name, version in found["libraries"].items() if version)
    rows = [
        ["fastbp", found["fastbp"]],
        ["Python", f"{found['python']} on {found['platform']}"],
        ["libraries", libraries],
        ["kernels", f"{found['build']}, {found['precision']}"],
        ["threads", found["threads"]],
        ["written", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")],
    ]
    trained = [tag("p", "The model was trained as"), tag("pre", code)] if code else []
    written = [tag("p", "This page was written by"), tag("pre", command)] if command else []
    return section("To get this again", *trained, *written, table("Versions", ["what", "which"], rows, "text"))


def job_code(model: "Estimator", sources: str = '"sounds/"', **settings: Any) -> str:
    """Python that makes such a model; only the sounds it learned from have to be named."""
    name = type(model).__name__
    given = ", ".join(f"{key}={value!r}" for key, value in {**model.get_params(), **settings}.items())
    return f"from fastbp.tasks import {name}\n\nmodel = {name}({given}).fit({sources})"


def training_code(model: "AudioClassifier") -> str:
    """Python that makes such a classifier; only the sounds it learned from have to be named."""
    settings = [f"{name}={value!r}" for name, value in classifier_file.settings(model).items()]
    return (
        "from fastbp.features import *\nfrom fastbp.tasks import AudioClassifier\n\n"
        f"features = {_pipeline(model.windows_.pipeline)}\n"
        f'model = AudioClassifier({", ".join(["features", *settings])}).fit("sounds/")'
    )


def _pipeline(pipeline: Pipeline) -> str:
    usual = default_pipeline(pipeline.sr).get_config() == pipeline.get_config()
    return f"default_pipeline({pipeline.sr})" if usual else repr(pipeline)
