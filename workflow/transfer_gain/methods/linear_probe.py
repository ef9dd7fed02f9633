"""Linear probe: multinomial logistic regression on a backbone's features."""

import logging
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import qr
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from transfer_gain.data import rows, store
from transfer_gain.data.class_weights import BALANCED, NONE
from transfer_gain.data.replicates import Replicates, read_replicates
from transfer_gain.metrics import Predictions
from transfer_gain.seeds import run_seed

# L-BFGS ends at the first of these: a maximum, which only the weakest penalties may reach, and the
# largest partial derivative. With scikit-learn's own 1e-4, losses are up to 1e-4 nats too high.
ITERATIONS = 1000
TOLERANCE = 1e-5
# The span of the images is taken where it has this many times fewer dimensions than the features;
# elsewhere finding it costs more than it saves.
FEWER = 4

log = logging.getLogger(__name__)


class Probe(NamedTuple):
    """A fitted probe.

    Attributes:
        kernel: (values, classes), for features as they are.
        bias: (classes,).
        seen: the labels of these classes, in ascending order, int (classes,).
        iterations: of L-BFGS.
    """

    kernel: np.ndarray
    bias: np.ndarray
    seen: np.ndarray
    iterations: int

    def log_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the logarithm of each class's probability, (images, classes)."""
        return log_softmax(features @ self.kernel + self.bias, axis=1)


def fit(
    data: Replicates,
    penalties: Sequence[float],
    seed_names: tuple[int, str, str],
    class_weights: str = NONE,
) -> dict[str, pd.DataFrame]:
    """Fit every replicate's sample once per penalty, in a single thread.

    The loss is the same as for heads: mean cross-entropy (weighted, if classes are) plus `l2` times
    the sum of squares of the kernel. All features are divided by one number, their root mean square
    over the sample, so that a penalty has the same meaning for any backbone.

    Args:
        data: features, labels, samples and validation roles.
        penalties: values of `l2`, > 0.
        seed_names: study seed, dataset and fraction, for the seeds in the rows; nothing is drawn.
        class_weights: see `loop.train`.

    Returns:
        `runs` and `predictions` with the columns of `loop.train`'s, of each penalty and replicate.
        Updates are iterations of L-BFGS, each of one epoch, from the next stronger penalty's probe
        on. A probe has levelled off if it converged.
    """
    fitted, predicted = [], []
    images = data.samples.shape[1]
    # The last bits of a sum depend on the number of threads.
    with threadpool_limits(1):
        probes = [
            solve(data.features[sample], data.labels[sample], penalties, class_weights)
            for sample in data.samples
        ]
        for (place, l2), (replicate, sample) in product(
            enumerate(penalties), enumerate(data.samples)
        ):
            probe = probes[replicate][place]
            own = data.of([replicate])
            training, validation = (
                _scored(probe, data.features[images_of], data.labels[images_of])
                for images_of in (sample, data.validation[own.own_places[0]])
            )
            validation = rows.of_all_images(validation, own.own_places, own)
            scored = rows.scores(training, validation, own)
            log.info(
                "l2 %g, replicate %d: %d iterations, validation accuracy %.3f",
                l2,
                replicate,
                probe.iterations,
                scored["validation_accuracy"][0],
            )
            configuration = {
                "layers": "none",
                "activation": "none",
                "learning_rate": np.nan,
                "l2": float(l2),
            }
            predicted.append(store.with_names(rows.predictions(validation, own), configuration))
            fitted.append(
                pd.DataFrame(
                    {
                        **configuration,
                        "replicate": replicate,
                        "epochs": probe.iterations,
                        "updates": probe.iterations,
                        **scored,
                        "levelled_off": probe.iterations < ITERATIONS,
                        "training_samples": images,
                        "seed": run_seed(*seed_names, replicate),
                    }
                )
            )
    made = {"runs": fitted, "predictions": predicted}
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in made.items()}


def solve(
    features: np.ndarray, labels: np.ndarray, penalties: Sequence[float], class_weights: str = NONE
) -> list[Probe]:
    """Fit a probe per penalty (see `fit`), from the strongest on, each from where the last ended.

    Args:
        features: float (images, values).
        labels: int (images,), two classes or more among them; the probe knows these only.
        penalties: weights of the penalty, > 0, in any order.
        class_weights: see `loop.train`.

    Returns:
        The probes, in the order of the penalties.
    """
    scale, center = root_mean_square(features), features.mean(axis=0)
    # The bias is not penalized, so that centered features give the same probe, in fewer iterations.
    inputs, basis = (features - center) / scale, None
    if FEWER * len(features) <= features.shape[1]:
        inputs, basis = span(inputs)
    logistic = LogisticRegression(
        max_iter=ITERATIONS,
        tol=TOLERANCE,
        class_weight="balanced" if class_weights == BALANCED else None,
        warm_start=True,
    )
    probes = {}
    for l2 in sorted(penalties, reverse=True):
        logistic.C = inverse_penalty(l2, labels)
        logistic.fit(inputs, labels)
        kernel = logistic.coef_.T if basis is None else basis @ logistic.coef_.T
        kernel = kernel / scale
        bias = logistic.intercept_ - center @ kernel
        if len(logistic.classes_) == 2:  # a single kernel is the difference of two
            halves = np.array([-0.5, 0.5], kernel.dtype)
            kernel, bias = kernel * halves, bias * halves
        probes[l2] = Probe(kernel, bias, logistic.classes_, int(logistic.n_iter_[0]))
    return [probes[l2] for l2 in penalties]


def span(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features in the span of their images, which has fewer dimensions.

    The kernel of a penalized probe is a sum of images (the representer theorem), so that the probe
    of these coordinates, times the basis, is that of the features.

    Args:
        features: float (images, values), fewer images than values.

    Returns:
        Coordinates (images, images), and an orthonormal basis (values, images), of the same type.
        `coordinates @ basis.T` are the features.
    """
    basis, triangle = qr(features.T, mode="economic")  # NumPy's computes float32 as float64
    return np.ascontiguousarray(triangle.T), basis


def root_mean_square(features: np.ndarray) -> np.float32:
    """Return the number that features are divided by before they enter a probe."""
    return np.float32(np.sqrt(np.mean(np.square(features, dtype=np.float64))))


def inverse_penalty(l2: float, labels: np.ndarray) -> float:
    """Return scikit-learn's C for a penalty, and for the labels to fit."""
    # For two classes, scikit-learn fits a single kernel, the difference of the two. The squares of
    # the two kernels add up to half of its square.
    kernels = 0.5 if len(np.unique(labels)) == 2 else 1
    return 1 / (2 * l2 * kernels * len(labels))


def _scored(probe: Probe, features: np.ndarray, labels: np.ndarray) -> Predictions:
    """Return the predictions for images (images, values) of one replicate."""
    logarithms = probe.log_probabilities(features)
    entropy = -logarithms[np.arange(len(labels)), labels]
    probabilities = np.exp(logarithms)[None]
    return Predictions(labels, logarithms.argmax(axis=1)[None], entropy[None], probabilities)


def fit_files(
    features: Path | str,
    samples: Path | str,
    validation_roles: Path | str,
    outputs: Mapping[str, Path | str],
    *,
    names: Mapping[str, str],
    study_seed: int,
    penalties: Sequence[float],
    class_weights: str = NONE,
) -> None:
    """Fit one fraction's probes, reading and writing files.

    Args:
        features: file of a dataset's features.
        samples: file of the fraction's samples.
        validation_roles: file of the images that select and score.
        outputs: files to write, see `rows.write`.
        names: dataset, backbone and fraction, for the rows.
        study_seed: the study's seed.
        penalties: see `fit`.
        class_weights: see `loop.train`.

    Raises:
        StoreError: an input is corrupt.
    """
    fitted = fit(
        read_replicates(features, samples, validation_roles),
        penalties,
        (study_seed, names["dataset"], names["fraction"]),
        class_weights,
    )
    precision = store.read_metadata(features)["precision"]
    about = {"precision": precision, "method": "linear-probe", "run": "grid", "protocol": "both"}
    rows.write(fitted, outputs, {**names, **about})
