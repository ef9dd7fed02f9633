"""Answers that were never given: the tables of studies in which each answer is known."""

import numpy as np
import pandas as pd

from transfer_gain.names import HELD_OUT

BASELINE, PROBE = ("none", "baseline"), ("vgg16", "linear-probe")
LABELS_OF = {1.0: 100, 0.3: 30, 0.1: 10}


def predicted(answers: dict[tuple[str, str], dict[float, np.ndarray]], labels: np.ndarray):
    """Rows of `selected` and of the predictions of answers (replicates, images), right or not."""
    selected, rows = [], []
    for (backbone, method), of_fraction in answers.items():
        for fraction, right in of_fraction.items():
            names = {"backbone": backbone, "method": method, "fraction": fraction}
            for replicate, own in enumerate(right):
                shares = np.where(own == (labels == 1), 0.75, 0.25)
                made = pd.DataFrame({"image_id": [f"i{n:04d}" for n in range(len(labels))]})
                made = made.assign(**names, replicate=replicate, label=labels)
                made = made.assign(predicted=np.where(own, labels, 1 - labels))
                rows.append(made.assign(probability_0=1 - shares, probability_1=shares))
                about = {"dataset": "d", "protocol": HELD_OUT, "replicate": replicate}
                about |= {"labels": LABELS_OF[fraction], "accuracy": own.mean()}
                about |= {"configurations": 1, "train_loss": 0.1, "levelled_off": True}
                selected.append({**names, **about})
    return pd.DataFrame(selected), {"d": pd.concat(rows, ignore_index=True)}
