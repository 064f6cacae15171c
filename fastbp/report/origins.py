"""What the results come from: features, network, versions, and how to get them again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastbp.features import Pipeline, default_pipeline
from fastbp.report.html import Markup, section, table, tag
from fastbp.tasks import classifier_file
from fastbp.versions import gather

if TYPE_CHECKING:
    from fastbp.network import Sequential
    from fastbp.tasks import AudioClassifier
    from fastbp.tasks.windows import Windows


def features_section(windows: "Windows") -> Markup:
    """What the network sees of a sound."""
    pipeline = windows.pipeline
    text = (
        f"Windows of {windows.window:g} s every {windows.hop:g} s at {pipeline.sr:,} Hz, frames every "
        f"{1000 * pipeline.hop_length / pipeline.sr:.4g} ms, {pipeline.n_features:,} numbers for each window."
    )
    rows = [[feature.name, f"{feature.n_features:,}"] for feature in pipeline.features]
    settings = [tag("pre", repr(part)) for part in (*pipeline.features, *pipeline.steps)]
    details = tag("details", tag("summary", "All parameters"), *settings)
    return section("Features", tag("p", text), table("Columns of a frame", ["feature", "columns"], rows), details)


def network_section(network: "Sequential") -> Markup:
    """The layers."""
    text = f"{network.n_in:,} inputs, {network.count_params():,} parameters, {network.params.nbytes / 1024:.1f} KiB."
    layers = table("Layers", ["layer", "kind", "outputs", "weights"], network.layer_table(), "pairs")
    return section("Network", tag("p", text), layers)


def origins_section(command: str, model: "AudioClassifier | None" = None) -> Markup:
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
    code = [tag("pre", command)] if command else []
    trained = [] if model is None else [tag("p", "The model was trained as"), tag("pre", training_code(model))]
    if code:
        code.insert(0, tag("p", "This page was written by"))
    return section("To get this again", *trained, *code, table("Versions", ["what", "which"], rows, "text"))


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
