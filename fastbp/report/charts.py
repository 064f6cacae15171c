"""Curves as inline SVG, in the colours of the page."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fastbp.report.html import Markup, tag

WIDTH, HEIGHT = 340, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 34  # margins
MOST_VALUE = 1e300  # what lies beyond cannot be scaled, and is a gap as NaN is
MEASURED = "measured"  # the name of a curve that is alone
MOST_POINTS = 400  # of a curve: more than there are pixels
Curves = Mapping[str, NDArray[np.float64]]
Place = Callable[[float], float]


def line_chart(name: str, curves: Curves, at: Sequence[float], over: str = "epoch") -> Markup:
    """A figure of one result by what rises, epochs at least; values that are not finite are gaps."""
    curves = {part: np.where(np.abs(values) < MOST_VALUE, values, np.nan) for part, values in curves.items()}
    told = describe(name, curves, at, over)
    finite = np.concatenate([values[np.isfinite(values)] for values in curves.values()])
    if not len(finite):
        return tag("figure", tag("figcaption", f"{name}: no value is finite"))
    x_ticks, y_ticks = ticks(at[0], at[-1], 6, whole=True), ticks(finite.min(), finite.max(), 5)
    x_span = (at[0], max(at[-1], at[0] + 1))
    y_span = (min(y_ticks[0], finite.min()), max(y_ticks[-1], finite.max()))
    at_x, at_y = _scale(x_span, LEFT, WIDTH - RIGHT), _scale(y_span, HEIGHT - BOTTOM, TOP)
    marks = [*_y_axis(y_ticks, at_y), *_x_axis(x_ticks, at_x, over), *_best(name, curves, at, at_x)]
    lines = [_curve(part, values, at, at_x, at_y) for part, values in sorted(curves.items())]
    drawn = tag("svg", *marks, *lines, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=told)
    keys = map(_key, sorted(curves)) if set(curves) != {MEASURED} else ()
    return tag("figure", tag("figcaption", tag("strong", name), " ", *keys), drawn)


def describe(name: str, curves: Curves, at: Sequence[float], over: str) -> str:
    """A sentence for those who do not see the picture."""
    parts = [f"{part} from {values[0]:.4g} to {values[-1]:.4g}" for part, values in sorted(curves.items())]
    return f"{name} over {over} {at[0]:.4g} to {at[-1]:.4g}: {'; '.join(parts)}"


def ticks(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """Round numbers from about `low` to about `high`, at most so many, 1, 2 or 5 times a power of 10 apart."""
    span = float(high - low) or abs(float(high)) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    steps = [factor * power for factor in (1, 2, 5, 10, 20)]
    step = next(step for step in steps if span / step <= most - 1 and (not whole or step >= 1))
    first, last = math.floor(low / step), math.ceil(high / step)
    found = [float(f"{i * step:.12g}") for i in range(first, last + 1)]
    return [tick for tick in found if low <= tick <= high] if whole else found


def _scale(span: tuple[float, float], start: float, stop: float) -> Place:
    low, high = span
    factor = (stop - start) / ((high - low) or 1.0)
    return lambda value: round(start + (float(value) - low) * factor, 1)


def _curve(part: str, values: NDArray[np.float64], at: Sequence[float], at_x: Place, at_y: Place) -> Markup:
    """A path that breaks where there is no value; one value alone is a dot."""
    kept = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS)).round().astype(int))
    steps, pen = [], "M"
    for i in kept.tolist():
        if math.isfinite(values[i]):
            steps.append(f"{pen}{at_x(at[i])} {at_y(values[i])}")
        pen = "L" if math.isfinite(values[i]) else "M"
    if len(values) == 1:
        return tag("circle", cx=at_x(at[0]), cy=at_y(values[0]), r=3, class_=f"curve {part}")
    return tag("path", d="".join(steps), class_=f"curve {part}")


def _best(name: str, curves: Curves, at: Sequence[float], at_x: Place) -> list[Markup]:
    """A line at the epoch of the lowest validation loss."""
    if name != "loss" or not np.isfinite(curves.get("validation", np.array([]))).any():
        return []
    x = at_x(at[int(np.nanargmin(curves["validation"]))])
    return [tag("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="best")]


def _y_axis(values: Sequence[float], at_y: Place) -> list[Markup]:
    lines = [tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at_y(v), y2=at_y(v), class_="axis") for v in values]
    names = [tag("text", f"{v:.5g}", x=LEFT - 6, y=at_y(v) + 4, text_anchor="end") for v in values]
    return [*lines, *names]


def _x_axis(values: Sequence[float], at_x: Place, over: str) -> list[Markup]:
    names = [tag("text", f"{v:g}", x=at_x(v), y=HEIGHT - BOTTOM + 15, text_anchor="middle") for v in values]
    label = tag("text", over, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 4, text_anchor="middle")
    return [*names, label]


def _key(part: str) -> Markup:
    line = tag("line", x1=0, x2=24, y1=5, y2=5, class_=f"curve {part}")
    return tag("span", tag("svg", line, viewBox="0 0 24 10", aria_hidden="true"), " ", part, class_="key")
