"""Similarity of classes and datasets: distances between samples of features."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial import distance
from sklearn.manifold import MDS
from threadpoolctl import threadpool_limits

from transfer_gain.evaluation.statistics import holm
from transfer_gain.few_shot.inputs import ClassSamples
from transfer_gain.seeds import generator

# Enough that p-values can stay small after Holm adjustment over all pairs of a table.
PERMUTATIONS = 9999
WHOLE = "*"  # stands for all classes of a dataset
PAIR = ["dataset_a", "class_a", "dataset_b", "class_b"]
SIMILARITY = [
    *PAIR,
    *["images", "p_same", "siamese_distance", "feature_distance", "p_value", "p_holm"],
    "frechet_distance",
]


class Discrepancy(NamedTuple):
    """A distance, and the p-value of the test that both samples have the same distribution."""

    distance: float
    p_value: float


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared distances between the rows of a and the rows of b, float64."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(squares, 0)


def bandwidth(samples: Sequence[np.ndarray]) -> float:
    """Return the median distance between all images, as the bandwidth of the kernel of `mmd`.

    Sharing one bandwidth makes the distances of all pairs of samples comparable.
    """
    pooled = np.concatenate(samples)
    squares = squared_distances(pooled, pooled)
    return float(np.sqrt(np.median(squares[np.triu_indices(len(pooled), 1)])))


def mmd(
    a: np.ndarray,
    b: np.ndarray,
    width: float,
    rng: np.random.Generator,
    permutations: int = PERMUTATIONS,
) -> Discrepancy:
    """Return the maximum mean discrepancy of two samples, with a permutation test.

    The distance is the square root of the biased estimate of MMD² with a Gaussian kernel (Gretton
    et al., 2012, equation 5). It is zero for identical samples and never negative. The test
    permutes images between samples. Sample sizes stay the same, so all permutations share the bias
    of the estimate.

    Args:
        a: (images, features).
        b: (images, features).
        width: bandwidth of the kernel, > 0.
        rng: draws the permutations.
        permutations: number of permutations; the p-value is at least 1 / (permutations + 1).
    """
    pooled = np.concatenate([a, b])
    kernel = np.exp(-squared_distances(pooled, pooled) / (2 * width**2))
    weights = np.concatenate([np.full(len(a), 1 / len(a)), np.full(len(b), -1 / len(b))])
    drawn = rng.permuted(np.tile(weights, (permutations, 1)), axis=1)
    squared = float(weights @ kernel @ weights)
    under_null = np.einsum("pi,pi->p", drawn @ kernel, drawn)
    # The tolerance covers rounding errors, such as between identical samples.
    as_large = (under_null >= squared - 1e-12).sum()
    return Discrepancy(float(np.sqrt(max(squared, 0))), (1 + as_large) / (1 + permutations))


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Fréchet distance between normal distributions fitted to two samples.

    With covariances A and B, this is |mean difference|² + tr(A) + tr(B) - 2 tr((A B)^(1/2)) (Dowson
    & Landau, 1982). The last trace is the sum of the singular values of the product of the centered
    samples, so the largest matrix to decompose is (images, images). The estimate is biased upwards
    for few images: compare samples of the same size only.

    Args:
        a: (images, features), two images or more.
        b: (images, features).
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    left, right = ((sample - sample.mean(axis=0)) / np.sqrt(len(sample) - 1) for sample in (a, b))
    shared = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    squared = shift @ shift + (left**2).sum() + (right**2).sum() - 2 * shared
    return float(max(squared, 0))


def compare(samples: ClassSamples, probabilities: pd.DataFrame, study_seed: int) -> pd.DataFrame:
    """Compare all pairs of classes, and all pairs of whole datasets.

    Args:
        samples: images of each class, the same number for all classes.
        probabilities: dataset_a, class_a, dataset_b, class_b, p_same of all pairs of classes.
        study_seed: the study's seed.

    Returns:
        Columns `SIMILARITY`, one row per unordered pair. Class "*" stands for a whole dataset; its
        p_same is the mean over pairs of classes. `siamese_distance` is 1 - p_same,
        `feature_distance` is the maximum mean discrepancy, and `p_holm` is its p-value,
        Holm-adjusted over the whole table.
    """
    names = list(zip(samples.datasets, samples.classes, strict=True))
    groups = dict(zip(names, samples.features, strict=True))
    width = bandwidth(samples.features)
    datasets = list(dict.fromkeys(samples.datasets))
    wholes = {
        (dataset, WHOLE): np.concatenate([groups[name] for name in names if name[0] == dataset])
        for dataset in datasets
    }
    p_same = _p_same(probabilities)
    rows = []
    for some in (groups, wholes):
        for a, b in itertools.combinations_with_replacement(some, 2):
            rng = generator(study_seed, *a, *b, "permutations")
            discrepancy = mmd(some[a], some[b], width, rng)
            rows.append(
                {
                    **dict(zip(PAIR, (*a, *b), strict=True)),
                    "images": len(some[a]),
                    "p_same": p_same[a, b],
                    "siamese_distance": 1 - p_same[a, b],
                    "feature_distance": discrepancy.distance,
                    "p_value": discrepancy.p_value,
                    "frechet_distance": frechet(some[a], some[b]),
                }
            )
    table = pd.DataFrame(rows)
    # A class is not tested against itself.
    tested = (
        table[["dataset_a", "class_a"]].to_numpy() != table[["dataset_b", "class_b"]].to_numpy()
    )
    table["p_holm"] = holm(table["p_value"].where(tested.any(axis=1)))
    return table[SIMILARITY]


def _p_same(probabilities: pd.DataFrame) -> dict[tuple, float]:
    """Return p_same by pair of (dataset, class), in both orders, including whole datasets."""
    found = {}
    for a_dataset, a_class, b_dataset, b_class, value in probabilities[[*PAIR, "p_same"]].values:
        found[(a_dataset, a_class), (b_dataset, b_class)] = value
        found[(b_dataset, b_class), (a_dataset, a_class)] = value
    whole = pd.Series(found).groupby(lambda pair: (pair[0][0], pair[1][0])).mean()
    return found | {((a, WHOLE), (b, WHOLE)): value for (a, b), value in whole.items()}


def matrix(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a column of the class rows of `compare` as a symmetric matrix.

    Returns:
        Rows and columns "dataset: class", in the table's order.
    """
    rows = table[table["class_a"] != WHOLE]
    a = rows["dataset_a"] + ": " + rows["class_a"]
    b = rows["dataset_b"] + ": " + rows["class_b"]
    names = list(dict.fromkeys([*a, *b]))
    values = pd.DataFrame(np.nan, index=names, columns=names)
    for name_a, name_b, value in zip(a, b, rows[column], strict=True):
        values.loc[name_a, name_b] = values.loc[name_b, name_a] = value
    return values


def clustered(distances: pd.DataFrame) -> list[str]:
    """Return the names of a distance matrix in the order of average-linkage clustering."""
    condensed = distance.squareform(distances.to_numpy(), checks=False)
    linkage = hierarchy.linkage(condensed, "average", optimal_ordering=True)
    return [distances.index[leaf] for leaf in hierarchy.leaves_list(linkage)]


def placed(distances: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return points in the plane whose distances approximate the given ones (SMACOF).

    Returns:
        Columns x and y, and the index of `distances`.
    """
    scaling = MDS(metric="precomputed", init="classical_mds", n_init=1, random_state=seed)
    with threadpool_limits(1):
        points = scaling.fit_transform(distances.to_numpy())
    return pd.DataFrame(points, index=distances.index, columns=["x", "y"])
