"""Rank backbones before anything is trained on them, and tell how well the ranks predicted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from threadpoolctl import threadpool_limits

from transfer_gain.data import store
from transfer_gain.metrics import Metric

# Penalties, for images whose features have a mean square norm of 1.
ALPHAS = tuple(10.0**exponent for exponent in range(-4, 3))
# The solution takes time and memory that grow with the square of the number of images.
MAX_IMAGES = 1000
# Of three ranks and fewer, a correlation tells nothing.
FEWEST_BACKBONES = 4
SCORES: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "left_out_accuracy": accuracy_score,
    "left_out_balanced_accuracy": balanced_accuracy_score,
}


class LeftOut(NamedTuple):
    """What a ridge classifier predicts for images that it was not fitted to.

    Attributes:
        values: float64 (images, classes), the prediction for each image by all others.
        alpha: the penalty, of those given the one with the least squared error.
    """

    values: np.ndarray
    alpha: float


def leave_one_out(
    features: np.ndarray, labels: np.ndarray, alphas: tuple[float, ...] = ALPHAS
) -> LeftOut:
    """Fit a ridge classifier to all images but one, for each image, in closed form.

    One decomposition of the Gram matrix serves all images and penalties (Rifkin and Lippert, Notes
    on regularized least squares, 2007; scikit-learn's RidgeCV). Classes are regressed on as 1 for
    an image's own and -1 for the others, with an intercept.

    Args:
        features: (images, features); all are divided by one number.
        labels: int (images,), of two classes or more.
        alphas: weights of the sum of squared coefficients, > 0.
    """
    norm = np.sqrt(np.mean(np.sum(np.square(features, dtype=np.float64), axis=1)))
    targets = 2.0 * (labels[:, None] == np.unique(labels)) - 1
    # With any scoring, scikit-learn keeps the predictions instead of their errors.
    ridge = RidgeCV(list(alphas), scoring="neg_mean_squared_error", store_cv_results=True)
    with threadpool_limits(1):  # the last bits of a sum depend on the number of threads
        ridge.fit(features / (norm or 1), targets)
    values = ridge.cv_results_[:, :, list(alphas).index(ridge.alpha_)]
    return LeftOut(values, float(ridge.alpha_))


def score(features: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Score how well the features of a backbone separate the classes.

    Returns:
        One row: images, features (their number), alpha, left_out_accuracy and
        left_out_balanced_accuracy of the class with the largest value of `leave_one_out`.
    """
    found = leave_one_out(features, labels)
    predicted = np.unique(labels)[found.values.argmax(axis=1)]
    about = {"images": len(labels), "features": features.shape[1], "alpha": found.alpha}
    scores = {name: float(score(labels, predicted)) for name, score in SCORES.items()}
    return pd.DataFrame([about | scores])


def score_files(
    features: Path | str, samples: Path | str, output: Path | str, *, names: Mapping[str, str]
) -> None:
    """Score a backbone on the images of the first replicate, reading and writing files.

    Args:
        features: file of a dataset's features.
        samples: file of a fraction's samples.
        output: file to write, see `score`.
        names: dataset, backbone and fraction, for the row.

    Raises:
        StoreError: an input is corrupt.
    """
    place = {**names, "fraction": float(names["fraction"])}
    sample = first_images(store.read_rows(samples), MAX_IMAGES)
    index = store.read_index(features)
    wanted = np.flatnonzero(index["image_id"].isin(sample["image_id"]))
    labels = index["label"].to_numpy(np.int32)[wanted]
    scored = score(store.read_arrays(features, wanted), labels)
    store.write_rows(pd.DataFrame([place]).join(scored), output)


def first_images(samples: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the images of the first replicate, of each class the same share if they are many.

    Args:
        samples: columns replicate, image_id and label, in the order of drawing.
        most: how many images may remain; of a class, at least two.
    """
    first = samples[samples["replicate"] == 0]
    share = min(1.0, most / len(first))
    counts = (first.groupby("label")["label"].transform("size") * share).astype(int).clip(lower=2)
    return first[first.groupby("label").cumcount() < counts]


def ranks(scores: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Rank the backbones of each dataset, the best first.

    Args:
        scores: rows of `score` with dataset, backbone and fraction.
        metric: if it is the balanced accuracy, this ranks; otherwise the accuracy does.

    Returns:
        The rows with a column `rank`; ties share the better rank.
    """
    by = f"left_out_{metric.name}"
    by = by if by in SCORES else "left_out_accuracy"
    rank = scores.groupby("dataset", sort=False)[by].rank(ascending=False, method="min")
    ranked = scores.assign(rank=rank.astype("int64"), ranked_by=by)
    of_dataset = [rows.sort_values("rank") for _, rows in ranked.groupby("dataset", sort=False)]
    return pd.concat(of_dataset, ignore_index=True)


def rank_quality(ranked: pd.DataFrame, selected: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Tell how well the ranks predicted which backbone is best.

    Args:
        ranked: rows of `ranks`.
        selected: table `selected`.
        metric: the metric that is compared.

    Returns:
        Per dataset, method on features and protocol, at the fraction of the ranks: the number of
        backbones; Spearman's correlation of the ranking score and the metric over backbones, empty
        if they are too few; the backbone that was ranked first, the one that was best, and how much
        worse the first was (`lost`, in the metric).
    """
    compared = ranked.merge(selected, on=["dataset", "backbone", "fraction"])
    keys = ["dataset", "method", "protocol"]
    rows = []
    for names, own in compared.groupby(keys, sort=False):
        means = own.groupby("backbone", sort=False).agg({"rank": "first", metric.name: "mean"})
        if len(means) < 2:
            continue
        goodness = metric.sign * means[metric.name]
        correlation = np.nan
        if len(means) >= FEWEST_BACKBONES and min(means.nunique()) > 1:
            correlation = float(spearmanr(-means["rank"], goodness).statistic)
        first, best = means["rank"].idxmin(), goodness.idxmax()
        rows.append(
            dict(zip(keys, names, strict=True))
            | {
                "fraction": own["fraction"].iloc[0],
                "backbones": len(means),
                "spearman": correlation,
                "ranked_first": first,
                "best": best,
                "lost": float(goodness[best] - goodness[first]),
            }
        )
    columns = [*keys, "fraction", "backbones", "spearman", "ranked_first", "best", "lost"]
    return pd.DataFrame(rows, columns=columns)
