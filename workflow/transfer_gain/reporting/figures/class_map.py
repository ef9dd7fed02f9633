"""Map of all classes by the distance of their features."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.evaluation import similarity
from transfer_gain.reporting.figures.style import class_label, colors, paper_style

MARKERS = "osD^vP"


def plot_class_map(table: pd.DataFrame, seed: int) -> Figure:
    """Plot all classes as points whose distances approximate the feature distances.

    Args:
        table: rows of table `similarity`.
        seed: seed of the multidimensional scaling.
    """
    points = similarity.placed(similarity.matrix(table, "feature_distance"), seed)
    datasets = list(dict.fromkeys([*table["dataset_a"], *table["dataset_b"]]))
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 5))
        for dataset, color, marker in zip(
            datasets, colors(len(datasets)), (MARKERS * len(datasets))[: len(datasets)], strict=True
        ):
            own = points[points.index.str.startswith(f"{dataset}: ")]
            axes.plot(own["x"], own["y"], marker, color=color, label=dataset)
            for name, point in own.iterrows():
                label = class_label(name.removeprefix(f"{dataset}: "))
                axes.annotate(label, point, (4, 3), textcoords="offset points", fontsize="x-small")
        axes.set(
            aspect="equal",
            xlabel="the axes have no meaning; only distances count",
            title="Map of the classes by the distance of their features (MMD)",
        )
        axes.set(xticks=[], yticks=[])
        axes.margins(0.12)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
