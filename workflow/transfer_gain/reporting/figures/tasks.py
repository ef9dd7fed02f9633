"""Example one-shot tasks and the network's predictions."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.few_shot import scoring
from transfer_gain.reporting.figures.style import (
    class_label,
    colors,
    footnote,
    paper_style,
    show_image,
)


def plot_tasks(
    tasks: pd.DataFrame, pixels: np.ndarray, classes: Sequence[str], dataset: str
) -> Figure:
    """Draw example tasks: the query, the candidates, and the network's predictions.

    Args:
        tasks: rows of `siamese.show_tasks`.
        pixels: uint8 (images, side, side, 1 or 3), in the order of `tasks`.
        classes: names by label.
        dataset: name of the dataset.
    """
    count, width = tasks["task"].nunique(), tasks["position"].nunique()
    with paper_style():
        figure, grid = plt.subplots(
            count, width, figsize=(1.05 * width, 1.32 * count), squeeze=False
        )
        for axes in grid.ravel():
            axes.set(xticks=[], yticks=[])
        for row, image in zip(tasks.itertuples(), pixels, strict=True):
            axes = grid[row.task, row.position]
            show_image(axes, image)
            name = class_label(classes[row.label])
            label = name if row.position == 0 else f"{name}\n{row.p_same:.3f}"
            axes.set_xlabel(label, fontsize="x-small", labelpad=1)
        for task, line in enumerate(grid):
            given = tasks[(tasks["task"] == task) & (tasks["position"] > 0)]
            p_same = given.sort_values("position")["p_same"].to_numpy()
            is_solved = scoring.solved(p_same)
            line[0].set_ylabel("solved" if is_solved else "failed", fontsize="small")
            for chosen in np.flatnonzero(p_same == p_same.max()):
                color = colors(10)[2 if chosen == 0 else 3]
                for side in line[1 + chosen].spines.values():
                    side.set(color=color, linewidth=2.5)
        grid[0][0].set_title("query", fontsize="small")
        grid[0][1].set_title("same class", fontsize="small")
        title = f"{dataset}: one-shot tasks and the trained network's predictions"
        figure.suptitle(title, y=0.97)
        figure.subplots_adjust(left=0.05, right=1, bottom=0.06, top=0.93, wspace=0.08, hspace=0.45)
        footnote(
            figure,
            "Below each candidate: the probability that it is of the query's class. Frame: the "
            "highest probability, green if correct, red if wrong.\nA tie counts as a failure. "
            "Classes unseen in training, first replicate, epoch_unit pass. The network does not "
            "see the order of the candidates.",
        )
    return figure
