"""Linear probe: multinomial logistic regression on a backbone's features."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from transfer_gain.data import rows, store
from transfer_gain.data.class_weights import BALANCED, NONE
from transfer_gain.data.replicates import Replicates, read_replicates
from transfer_gain.metrics import Predictions
from transfer_gain.seeds import run_seed

# Maximum for L-BFGS. It converges earlier for all but the weakest penalties.
ITERATIONS = 1000

log = logging.getLogger(__name__)


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
        Updates are iterations of L-BFGS, each of one epoch. A probe has levelled off if it
        converged.
    """
    fitted, predicted = [], []
    images = data.samples.shape[1]
    for l2 in penalties:
        for replicate, sample in enumerate(data.samples):
            # The last bits of a sum depend on the number of threads.
            with threadpool_limits(1):
                own_labels = data.labels[sample]
                probe, scale = solve(data.features[sample], own_labels, l2, class_weights)
                training, validation = (
                    _scored(probe, data.features[images_of] / scale, truth)
                    for images_of, truth in (
                        (sample, own_labels),
                        (data.validation, data.labels[data.validation]),
                    )
                )
            own = data.of([replicate])
            scored = rows.scores(training, validation, own)
            iterations = int(probe.n_iter_[0])
            log.info(
                "l2 %g, replicate %d: %d iterations, validation accuracy %.3f",
                l2,
                replicate,
                iterations,
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
                        "epochs": iterations,
                        "updates": iterations,
                        **scored,
                        "levelled_off": iterations < ITERATIONS,
                        "training_samples": images,
                        "seed": run_seed(*seed_names, replicate),
                    }
                )
            )
    made = {"runs": fitted, "predictions": predicted}
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in made.items()}


def solve(
    features: np.ndarray, labels: np.ndarray, l2: float, class_weights: str = NONE
) -> tuple[LogisticRegression, np.float32]:
    """Fit one probe (see `fit`).

    Args:
        features: float32 (images, features).
        labels: int (images,), all classes among them.
        l2: weight of the penalty, > 0.
        class_weights: see `loop.train`.

    Returns:
        The probe, and what features are divided by before they enter it.
    """
    scale = root_mean_square(features)
    probe = LogisticRegression(
        C=inverse_penalty(l2, labels),
        max_iter=ITERATIONS,
        class_weight="balanced" if class_weights == BALANCED else None,
    )
    return probe.fit(features / scale, labels), scale


def root_mean_square(features: np.ndarray) -> np.float32:
    """Return the number that features are divided by before they enter a probe."""
    return np.float32(np.sqrt(np.mean(np.square(features, dtype=np.float64))))


def inverse_penalty(l2: float, labels: np.ndarray) -> float:
    """Return scikit-learn's C for a penalty, and for the labels to fit."""
    # For two classes, scikit-learn fits a single kernel, the difference of the two. The squares of
    # the two kernels add up to half of its square.
    kernels = 0.5 if len(np.unique(labels)) == 2 else 1
    return 1 / (2 * l2 * kernels * len(labels))


def _scored(probe: LogisticRegression, features: np.ndarray, labels: np.ndarray) -> Predictions:
    """Return the predictions for images (images, values) of one replicate."""
    logarithms = probe.predict_log_proba(features)
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
