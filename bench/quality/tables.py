"""A table of figures over seeds, and the command that prints it: the frame of every script of this folder."""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Table:
    """Named columns and rows, printed as Markdown; what a reader must know stands in the notes."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([f"### {self.title}", *self.notes, table])


Make = Callable[[Path, Sequence[int], str], Table | list[Table]]


def over_seeds(figures: Sequence[float], digits: int = 3) -> str:
    """Median, and the range where there are several."""
    median = f"{statistics.median(figures):.{digits}f}"
    return median if len(figures) == 1 else f"{median} ({min(figures):.{digits}f} to {max(figures):.{digits}f})"


def run(make: Make, description: str | None) -> None:
    """Read the options that all scripts share, and print what make(data, seeds, split) gives."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    show(make, parser.parse_args())


def add_options(parser: argparse.ArgumentParser) -> None:
    """--data, --seeds and --split."""
    parser.add_argument("--data", type=Path, required=True, help="folder with MANIFEST.csv")
    parser.add_argument("--seeds", type=int, default=3, help="how many (3); figures are medians, least and most beside")
    parser.add_argument("--split", default="test", help="which split to judge (test)")


def show(make: Make, options: argparse.Namespace) -> None:
    """Print the tables of one script."""
    made = make(options.data, range(options.seeds), options.split)
    for table in [made] if isinstance(made, Table) else made:
        print(f"{table}\n", flush=True)
