"""Promises of the recommendation: the best held-out score at the largest fraction, by order."""

import numpy as np
import pandas as pd

from transfer_gain import metrics
from transfer_gain.evaluation import recommendation

ACCURACY, LOSS = metrics.ACCURACY, metrics.LOSS


def scores(*rows: tuple) -> pd.DataFrame:
    """Return a table of scores: method, backbone, fraction, protocol, mean."""
    columns = ["method", "backbone", "fraction", "protocol", "mean"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(dataset="mine", labels=40, ci_low=table["mean"] - 0.1, ci_high=np.nan)


TABLE = scores(
    ("transfer", "vgg16", 0.1, "held-out", 0.99),
    ("transfer", "vgg16", 1.0, "same-images", 0.98),
    ("transfer", "vgg16-random", 1.0, "held-out", 0.97),
    ("transfer-extended", "vgg16", 1.0, "held-out", 0.96),
    ("baseline", "none", 1.0, "held-out", 0.7),
    ("transfer", "vgg16", 1.0, "held-out", 0.9),
    ("linear-probe", "vgg16", 1.0, "held-out", 0.9),
)


def test_what_only_serves_for_comparison_is_not_recommended_and_ties_keep_their_order():
    ranked = recommendation.ranked(TABLE, "mine", ACCURACY, ["vgg16-random"])
    assert [each.method for each in ranked] == ["transfer", "linear-probe", "baseline"]
    best = recommendation.ranked(TABLE, "mine", ACCURACY, ["vgg16-random"])[0]
    assert best.method == "transfer"
    assert (best.backbone, best.fraction, best.score, best.low) == ("vgg16", 1.0, 0.9, 0.8)
    assert np.isnan(best.high)


def test_a_lower_loss_is_better():
    assert recommendation.ranked(TABLE, "mine", LOSS, [])[0].method == "baseline"


def test_the_configuration_is_the_one_that_most_splits_selected():
    rates = [0.1, 0.01, 0.01, 0.1, 0.001]
    selected = pd.DataFrame(
        {
            "dataset": "mine",
            "backbone": "vgg16",
            "method": "transfer",
            "fraction": 1.0,
            "protocol": "held-out",
            "replicate": range(5),
            "layers": "10",
            "activation": "elu",
            "learning_rate": rates,
            "l2": np.nan,
        }
    )
    other = selected.assign(protocol="same-images", learning_rate=0.5)
    best = recommendation.ranked(TABLE, "mine", ACCURACY, ["vgg16-random"])[0]
    found = recommendation.configuration(pd.concat([other, selected]), "mine", best)
    assert found["learning_rate"] == 0.1  # the first among equals
    assert (found["layers"], found["activation"]) == ("10", "elu")
    assert np.isnan(found["l2"])
