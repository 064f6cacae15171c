"""`fastbp export`: a trained model as ONNX, C or Python."""

from typing import Any

from fastbp.cli.options import Arguments, add_command, model_file
from fastbp.errors import ArgumentError

KINDS = {"onnx": "to_onnx", "c": "to_c", "numpy": "to_numpy"}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "export",
        run,
        "MODEL [--onnx OUT] [--c OUT] [--numpy OUT] [options]",
        "write a model as ONNX, C or Python",
        "Write a trained model for use without fastbp: as ONNX, as one file of C99 that needs math.h alone, or as one "
        "file of Python that needs NumPy alone. What an AudioClassifier does before its network is included.",
        [
            "fastbp export model.fbp --onnx model.onnx",
            "fastbp export model.fbp --c model.c --int8 --calibrate sounds/",
            "fastbp export network.fbp --c net.c --int8 --calibrate rows.npz",
        ],
    )
    parser.add_argument("model", metavar="MODEL", type=model_file, help="model file (.fbp)")
    parser.add_argument("--onnx", metavar="OUT", help="ONNX, opset 17 (needs the onnx package)")
    parser.add_argument("--c", metavar="OUT", help="C99")
    parser.add_argument("--numpy", metavar="OUT", help="Python")
    parser.add_argument("--int8", action="store_true", help="weights of 8 bits; needs --calibrate")
    parser.add_argument("--calibrate", metavar="DATA",
                        help="what the model will see: sounds as for `fastbp train`, for a network a .npz with x "
                        "and y; what int8 costs is stated on it")  # fmt: skip
    parser.add_argument("--no-features", action="store_true", help="the network (and its scaling) alone")
    parser.add_argument("--name", metavar="NAME", help="beginning of the names in C (default: from the file's name)")


def run(arguments: Arguments) -> None:
    """Write every kind that is asked for, and say what it is."""
    from fastbp import export

    _check(arguments)
    model = export.load(arguments.model)
    options: dict[str, Any] = {"features": False if arguments.no_features else None}
    if arguments.calibrate:
        options["calibrate"] = export.calibration_rows(model, arguments.calibrate)
    for kind, writer in KINDS.items():
        if (path := getattr(arguments, kind)) is not None:
            more = {"name": arguments.name} if kind == "c" else {}
            print(getattr(export, writer)(model, path, **options, **more))
            if kind == "c" and (size := export.flash(path)) is not None:
                print(f"compiled for size here, it takes {size / 1024:.1f} KiB of code and constants")


def _check(arguments: Arguments) -> None:
    if not any(getattr(arguments, kind) for kind in KINDS):
        raise ArgumentError("Nothing to write: give --onnx OUT, --c OUT or --numpy OUT.")
    if arguments.int8 and not arguments.calibrate:
        raise ArgumentError("--int8 needs --calibrate DATA, from which it takes the range of every layer.")
    if arguments.calibrate and not arguments.int8:
        raise ArgumentError("--calibrate goes with --int8.")
    if arguments.name and not arguments.c:
        raise ArgumentError("--name goes with --c.")
