"""`fastbp bench`: every registered optimizer, loss or feature beside the others."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli.options import Arguments, add_command, sizes
from fastbp.cli.tables import table

if TYPE_CHECKING:
    from fastbp.benchmarks import Case, Problem, Training

KINDS = {"optimizers": "optimizer", "losses": "loss", "features": "feature"}
DEFAULT_SIZES = (1_000, 100_000, 1_000_000, 10_000_000)
NO_CHECKOUT = """fastbp bench optimizers, losses and features compare all that is registered here, plug-ins included.
The comparison with other libraries needs them, and a checkout of fastbp: run fastbp bench in its folder."""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "bench",
        run,
        "[{optimizers,losses,features} [NAME ...]] [options]",
        "compare optimizers, losses or features",
        "Measure every registered optimizer, loss or feature, those of plug-ins included: speed, memory, and how soon "
        "a small net has learned synthetic sounds and those of --data. Without a kind, and in a checkout, fastbp "
        "beside other libraries.",
        [
            "fastbp bench optimizers",
            "fastbp bench optimizers adam lion --sizes 1000,50000000 --plot lion.png",
            "fastbp bench features --data recordings/ --json",
        ],
    )
    parser.add_argument("kind", nargs="?", choices=KINDS, help="what to compare")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of these alone")
    parser.add_argument("--sizes", type=sizes, help="numbers of parameters (default: 1000 to 10 million)")
    parser.add_argument("--data", metavar="DIR", type=Path, default=os.environ.get("FASTBP_DATA"),
                        help="folder with a manifest.csv of real sounds (default: $FASTBP_DATA)")  # fmt: skip
    parser.add_argument("--no-training", action="store_true", help="speed and memory alone")
    parser.add_argument("--json", action="store_true", help="as JSON, with the curves of the trainings")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw the trainings against time: .png, .svg or .pdf")


def run(arguments: Arguments) -> int | None:
    """Measure, and print tables, or JSON."""
    if arguments.kind is None:
        return _other_libraries()
    found = measure(arguments)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        _print_speed(arguments.kind, found)
        for problem, trainings in found["training"].items():
            _print_training(arguments.kind, problem, trainings)
    if arguments.plot:
        from fastbp import plots

        plots.plot_trainings(found["training"], arguments.plot)
    return None


def _other_libraries() -> int:
    """The report of the checkout that this is run in."""
    if not Path("bench", "report.py").is_file():
        print(NO_CHECKOUT)
        return 1
    return subprocess.run([sys.executable, "-m", "bench.report"], check=False).returncode


def measure(arguments: Arguments) -> dict[str, Any]:
    """All figures: of speed and memory by name, of trainings by problem and name."""
    from fastbp import benchmarks, cpu_info, registry

    kind = KINDS[arguments.kind]
    names = arguments.names or benchmarks.names(kind)
    for name in names:
        registry.look_up(kind, name)
    options = {"sizes": arguments.sizes or DEFAULT_SIZES} if kind == "optimizer" else {}
    cases = list(benchmarks.CASES[kind](**options))
    problems = [] if arguments.no_training else benchmarks.make_problems(arguments.data)
    return {
        "kind": kind,
        "machine": cpu_info(),
        "unit": cases[0].unit,
        "speed": {name: _speed(cases, name) for name in names},
        "memory": {name: benchmarks.MEMORY[kind](name) for name in names},
        "training": {problem.name: _trainings(kind, names, problem) for problem in problems},
    }


def _speed(cases: Sequence["Case"], name: str) -> dict[str, float]:
    """Time for an amount of work, by column: in nano- or microseconds, as the unit says."""
    from fastbp.benchmarks import seconds_of

    scale = {"ns": 1e9, "µs": 1e6}
    return {case.column: seconds_of(case.prepare(name)) / case.amount * scale[case.unit[:2]] for case in cases}


def _trainings(kind: str, names: Sequence[str], problem: "Problem") -> dict[str, Any]:
    from fastbp.benchmarks import TRAININGS

    return {name: _figures(TRAININGS[kind](name, problem)) for name in names}


def _figures(training: "Training") -> dict[str, Any]:
    return {
        "monitor": training.monitor,
        "limit": training.limit,
        "learned": training.learned,
        "learning_rate": training.learning_rate,
        "epochs": len(training.values),
        "seconds": training.seconds,
        "values": training.values,
    }


# -- as tables -----------------------------------------------------------------------------------------------------


def _print_speed(title: str, found: dict[str, Any]) -> None:
    rows = [
        [name, *(f"{value:.3g}" for value in own.values()), *(f"{value:g}" for value in found["memory"][name].values())]
        for name, own in found["speed"].items()
    ]
    speed, memory = (next(iter(found[what].values())) for what in ("speed", "memory"))
    print(f"{title}: {found['unit']}, and memory\n{table(('', *speed, *memory), rows)}")


def _print_training(title: str, problem: str, trainings: dict[str, Any]) -> None:
    """Who has learned first comes first; of the others, where they got."""
    first = next(iter(trainings.values()))
    sign = "under" if first["monitor"] == "loss" else "of"
    rows = sorted((_training_row(name, own) for name, own in trainings.items()), key=lambda row: row[0])
    print(f"\n{title}: a training {first['monitor']} {sign} {first['limit']:g} on {problem}")
    print(table(("", "rate", "epochs", "seconds", first["monitor"]), [row[1] for row in rows]))


def _training_row(name: str, own: dict[str, Any]) -> tuple[tuple[bool, float], list[str]]:
    seconds, value = (own[what][-1] if own["values"] else float("nan") for what in ("seconds", "values"))
    cells = [f"{own['epochs']}", f"{seconds:.3f}"] if own["learned"] else ["-", "-"]
    better = seconds if own["learned"] else -value if own["monitor"] == "accuracy" else value
    return (not own["learned"], better), [name, f"{own['learning_rate']:g}", *cells, f"{value:.3g}"]
