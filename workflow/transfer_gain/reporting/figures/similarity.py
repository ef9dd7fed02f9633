"""Similarity of all pairs of classes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from transfer_gain.evaluation import similarity
from transfer_gain.reporting.figures.style import class_label, footnote, paper_style


def plot_similarity(table: pd.DataFrame) -> Figure:
    """Plot the similarity of all pairs of classes as two heat maps, ordered by clustering.

    Args:
        table: rows of table `similarity`.
    """
    distances = similarity.matrix(table, "feature_distance")
    order = similarity.clustered(distances.where(~np.eye(len(distances), dtype=bool), 0))
    shown = {
        "feature_distance": ("distance of features (MMD)", "cividis_r"),
        "p_same": ('mean probability "same" (Siamese network)', "cividis"),
    }
    names = (name.split(": ", 1) for name in order)
    labels = [f"{dataset}: {class_label(class_name)}" for dataset, class_name in names]
    side = 1.4 + 0.24 * len(order)
    with paper_style():
        figure, panels = plt.subplots(
            1, 2, figsize=(2 * side + 1, side), sharey=True, layout="constrained"
        )
        for axes, (column, (label, palette)) in zip(panels, shown.items(), strict=True):
            values = similarity.matrix(table, column).loc[order, order]
            if column == "feature_distance":  # zero from itself, by definition
                values = values.where(~np.eye(len(order), dtype=bool))
            sns.heatmap(
                values,
                cmap=palette,
                square=True,
                linewidths=0.3,
                xticklabels=labels,
                yticklabels=labels,
                cbar_kws={"label": label, "shrink": 0.7},
                ax=axes,
            )
            axes.grid(visible=False)
            axes.set_title(label)
        figure.suptitle("Similarity of classes, ordered by clustering of the feature distances")
        images = table["images"].min()
        footnote(
            figure,
            f"{images} images per class. The network is from the first approach, epoch_unit pass, "
            "first replicate. Its diagonal compares different images of the same class.",
        )
    return figure
