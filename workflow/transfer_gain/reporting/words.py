"""Format numbers and names for sentences, tables and the text alternatives of figures."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transfer_gain.methods import records
from transfer_gain.names import FROM_SCRATCH

if TYPE_CHECKING:
    import pandas as pd

MINUS = "−"


def method(name: str, backbone: str) -> str:
    """Return a method and its backbone: "transfer from vgg16"."""
    words = records.method(name).label
    return words if backbone == FROM_SCRATCH else f"{words} from {backbone}"


def named(row: "pd.Series") -> str:
    """Return the method of a row with the columns method and backbone, see `method`."""
    return method(row["method"], row["backbone"])


def accuracy(value: float) -> str:
    """Return an accuracy: "0.853"."""
    return f"{value:.3f}"


def score(value: float, low: float, high: float) -> str:
    """Return a score with its interval, if there is one: "0.853 [0.841, 0.865]"."""
    return accuracy(value) + interval(low, high, accuracy)


def points(value: float) -> str:
    """Return a difference of accuracies in percentage points, signed: 0.182 as "+18.2"."""
    text = f"{100 * value:+.1f}".replace("-", MINUS)
    return text[1:] if float(text[1:]) == 0 else text


def count(value: float) -> str:
    """Return a number of images: "6,000", or "12.5" if it is small and not a whole number."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def times(value: float) -> str:
    """Return a ratio: "4.8"."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}"


def margin(value: float) -> str:
    """Return a difference of scores that matters: 0.02 as "2 points"."""
    return f"{100 * value:.2g} points"


def probability(value: float) -> str:
    """Return a probability, never as certain: "0.65"."""
    return f"{min(max(value, 0.01), 0.99):.2f}"


def duration(minutes: float) -> str:
    """Return a time that a person works: "40 minutes", "5 hours"."""
    if minutes < 90:
        return f"{minutes:.0f} minutes"
    hours = minutes / 60
    return f"{hours:.0f} hours" if hours >= 10 else f"{hours:.1f} hours".replace(".0", "")


def p_value(value: float) -> str:
    """Return a p-value: "p = 0.031", "p < 0.001"."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def interval(low: float, high: float, show) -> str:
    """Return " [low, high]" with both ends formatted by `show`, or "" if there is no interval.

    An open end is 0 or infinite: " [above 4.2]", " [below 9]".
    """
    if math.isnan(low) or math.isnan(high):
        return ""
    if math.isinf(high):
        return " [open]" if low == 0 else f" [above {show(low)}]"
    return (
        f" [below {show(high)}]"
        if low == 0 and show in (count, times)
        else (f" [{show(low)}, {show(high)}]")
    )


def listed(items: Sequence[str], last: str = "and") -> str:
    """Join items for a sentence: "a, b and c"."""
    *first, final = items
    return f"{', '.join(first)} {last} {final}" if first else final


def sentence(text: str) -> str:
    """Capitalize the first letter of a text and add a full stop."""
    return f"{text[0].upper()}{text[1:]}."
