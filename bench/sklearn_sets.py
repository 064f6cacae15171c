"""fastbp.sklearn beside scikit-learn's own networks, on data sets that come with scikit-learn, in turns.

``python -m bench.sklearn_sets`` prints for each set the median time of a fit with the same parameters on scaled
features, how many times fastbp's scikit-learn's is in the same round (of wall-clock and of processor time, which other
work on the machine disturbs less), epochs, and accuracy or R^2 on held-out rows over as many splits and seeds.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastbp
from fastbp.sklearn import DenseClassifier, DenseRegressor

PAIRS = {"classifier": (DenseClassifier, MLPClassifier), "regressor": (DenseRegressor, MLPRegressor)}
SETS: dict[str, tuple[Callable[..., Any], str]] = {
    "iris": (datasets.load_iris, "classifier"),
    "wine": (datasets.load_wine, "classifier"),
    "breast_cancer": (datasets.load_breast_cancer, "classifier"),
    "digits": (datasets.load_digits, "classifier"),
    "diabetes": (datasets.load_diabetes, "regressor"),
}
OPTIONS = {"diabetes": {"learning_rate_init": 0.01}}  # which no default learns in 200 epochs
REPEATS = 2  # fits in a turn, of which the faster one counts
HEADER = (
    f"{'set':14} {'rows':>5} {'fastbp':>9} {'sklearn':>9} {'wall ratio':>15} {'processor':>15} {'epochs':>8}"
    f"  {'score (fastbp, sklearn)':>32}"
)


class Fit(NamedTuple):
    """One fit: seconds by the clock and of the processor, epochs, and the score on rows held out."""

    seconds: float
    processor: float
    epochs: int
    score: float


def fit(model: Any, parts: list[np.ndarray]) -> Fit:
    """Scale and fit as a user would; only the fit of the network is timed."""
    x_train, x_test, y_train, y_test = parts
    scaler = StandardScaler()
    rows = scaler.fit_transform(x_train)
    times = []
    for _ in range(REPEATS):
        start, started = time.perf_counter(), time.process_time()
        model.fit(rows, y_train)
        times.append((time.perf_counter() - start, time.process_time() - started))
    return Fit(*min(times), model.n_iter_, make_pipeline(scaler, model).score(x_test, y_test))


def line(name: str, rounds: int, **given: Any) -> str:
    """Both in turns: a row of the table."""
    load, what = SETS[name]
    x, y = load(return_X_y=True)
    turns = []
    for seed in range(rounds):
        labels = y if what == "classifier" else None
        parts = train_test_split(x, y, random_state=seed, stratify=labels)
        options = {"random_state": seed, **OPTIONS.get(name, {}), **given}
        turns.append([fit(kind(**options), parts) for kind in PAIRS[what]])
    ours, theirs = zip(*turns)
    wall, processor = (_ratios([getattr(b, of) / getattr(a, of) for a, b in turns]) for of in ("seconds", "processor"))
    times = [f"{statistics.median(f.seconds for f in fits) * 1e3:6.1f} ms" for fits in (ours, theirs)]
    epochs = "/".join(f"{statistics.median(f.epochs for f in fits):.0f}" for fits in (ours, theirs))
    scores = [np.array([f.score for f in fits]) for fits in (ours, theirs)]
    both = ", ".join(f"{s.mean():.4f} ± {s.std(ddof=1):.4f}" for s in scores)
    return f"{name:14} {len(parts[0]):5} {times[0]} {times[1]} {wall:>15} {processor:>15} {epochs:>8}  {both:>32}"


def _ratios(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def same_bits(name: str) -> bool:
    """Whether a seed gives the same weights again, and with another number of threads."""
    load, what = SETS[name]
    x, y = load(return_X_y=True)
    fits = [PAIRS[what][0](random_state=0, max_iter=30, n_jobs=n).fit(x, y) for n in (1, 1, 2)]
    return all((other.network_.params == fits[0].network_.params).all() for other in fits)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=7, help="splits and seeds, each with a turn for both (default: 7)"
    )
    parser.add_argument("--solver", default="adam", choices=["adam", "sgd", "lbfgs"])
    parser.add_argument("--early-stopping", action="store_true", help="hold out a tenth of the rows and watch it")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    given = {"solver": options.solver, "early_stopping": options.early_stopping}
    print(f"{given}, {fastbp.get_threads()} threads, {options.rounds} rounds\n{HEADER}")
    for name in SETS:
        print(line(name, options.rounds, **given), "" if same_bits(name) else "OTHER BITS", flush=True)


if __name__ == "__main__":
    main()
