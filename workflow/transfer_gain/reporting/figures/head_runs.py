"""What the figures of the heads of one dataset and backbone share."""

import numpy as np
import pandas as pd

from transfer_gain.evaluation.statistics import mean_interval


def subject(rows: pd.DataFrame) -> str:
    """Return the dataset and backbone of rows in words: "clothes, features of vgg16"."""
    return f"{rows['dataset'].iloc[0]}, features of {rows['backbone'].iloc[0]}"


def describe(configuration: pd.Series) -> str:
    """Return a head's layers and activation in words: "hidden layers (100, 50), sigmoid"."""
    units = configuration["layers"].replace("-", ", ")
    noun = "layers" if "," in units else "layer"
    return f"hidden {noun} ({units}), {configuration['activation']}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: "3 replicates"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def intervals_by(
    rows: pd.DataFrame, by: str, column: str, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> pd.DataFrame:
    """Return the mean and interval of a column over replicates, for each value of `by`."""
    return (
        rows.groupby(by)[column]
        .apply(
            lambda values: pd.Series(
                mean_interval(values, bounds=bounds), index=["mean", "low", "high"]
            )
        )
        .unstack()
    )
