"""Promises of the tables of one-shot learning: conclusions follow from the runs of a method."""

import itertools

import numpy as np
import pandas as pd
import pytest

from transfer_gain.evaluation import few_shot_tables
from transfer_gain.evaluation.few_shot_tables import CONTROLS, SIAMESE
from transfer_gain.reporting import few_shot_sentences

PUBLISHED = pd.DataFrame(
    [["first", 36, 1, 0.28, 0.28], ["first", 36, 20, 0.4, 0.49]],
    columns=["approach", "batch", "epochs", "low", "high"],
)


def history(**ahead: list[float]) -> pd.DataFrame:
    """Rows of one approach: by how much each method exceeds cosine, the strongest control."""
    replicates = range(len(next(iter(ahead.values()))))
    easiness = np.random.default_rng(1).uniform(-0.05, 0.05, len(replicates))
    rows = []
    for group, replicate in itertools.product(("seen", "unseen"), replicates):
        place = {"approach": "first", "trained_on": "faces", "tested_on": "faces"}
        place |= {"backbone": "vgg16", "classes": group, "replicate": replicate}
        place |= {"chance": 1 / 7, "tasks": 2000, "train_accuracy": 0.5, "train_loss": 0.7}
        for method in CONTROLS:
            names = {"epoch_unit": "none", "batch": 0, "method": method, "epochs": 0, "updates": 0}
            accuracy = 0.25 - 0.03 * (method != "cosine") + easiness[replicate]
            rows.append({**place, **names, "accuracy": accuracy})
        for method, values in ahead.items():
            for epoch in (20, 50):
                names = {"epoch_unit": "none", "batch": 0, "method": method}
                if method == SIAMESE:
                    names |= {"epoch_unit": "batch", "batch": 36}
                accuracy = 0.25 + easiness[replicate] + values[replicate] - (epoch == 20) * 0.1
                names |= {"epochs": epoch, "updates": epoch}
                rows.append({**place, **names, "accuracy": accuracy})
    table = pd.DataFrame(rows)
    return table.assign(accuracy_320=table["accuracy"])


AHEAD = [0.1, 0.11, 0.09, 0.1, 0.1]
LEVEL = [0.01, -0.01, 0.02, -0.02, 0.0]


def unseen(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["classes"] == "unseen"].set_index("method")


@pytest.mark.parametrize(
    "ahead, said",
    [
        (AHEAD, "siamese beats the strongest control, cosine, by 0.100."),
        ([-each for each in AHEAD], "it is significantly worse than cosine, by 0.100"),
        (LEVEL, "does not beat its controls: it is not significantly different from cosine."),
        ([0.1], "siamese is 0.100 above the strongest control, cosine; the replicates are too"),
    ],
)
def test_the_conclusion_is_that_of_the_paired_difference(ahead, said):
    rows = unseen(few_shot_tables.summary(history(siamese=ahead), PUBLISHED))
    assert said in rows.loc[SIAMESE, "conclusion"]
    assert rows.loc[SIAMESE, "difference"] == pytest.approx(np.mean(ahead))
    assert "is the strongest control" in rows.loc["cosine", "conclusion"]


def test_no_interval_of_an_accuracy_goes_beyond_one():
    rows = unseen(few_shot_tables.summary(history(siamese=[0.6, 0.7, 0.74, 0.7, 0.74]), PUBLISHED))
    assert 0.9 < rows.loc[SIAMESE, "ci_high"] <= 1


def test_p_values_are_corrected_for_every_claim_of_the_table():
    table = few_shot_tables.summary(history(siamese=AHEAD, whitening=LEVEL), PUBLISHED)
    control = table["method"].isin(few_shot_tables.CONTROLS)
    assert table.loc[control, "p_holm"].isna().all()  # of a control nothing is claimed
    claims = table[~control]
    smallest = claims.sort_values("p_value").iloc[0]
    assert len(claims) >= 4
    assert smallest["p_holm"] == pytest.approx(min(len(claims) * smallest["p_value"], 1))


def test_the_report_s_last_figure_stands_beside_ours_after_as_many_epochs():
    rows = unseen(few_shot_tables.summary(history(siamese=AHEAD, whitening=LEVEL), PUBLISHED))
    siamese = rows.loc[SIAMESE]
    assert siamese[["published_epochs", "published_low", "published_high"]].tolist() == [
        20,
        0.4,
        0.49,
    ]
    assert siamese["epochs"] == 50
    assert siamese["accuracy_at_published"] == pytest.approx(siamese["accuracy"] - 0.1)
    assert rows.drop(SIAMESE)["published_low"].isna().all()


def test_sentences_tell_of_each_training_and_of_the_best_variant():
    made = history(siamese=LEVEL, whitening=AHEAD, root=LEVEL)
    siamese, variant = few_shot_sentences.sentences(few_shot_tables.summary(made, PUBLISHED))
    assert "epoch_unit batch, 36 pairs per batch" in siamese
    assert "on the training classes)" in siamese
    assert "After 20 epochs it solves" in siamese
    assert "the 2018 paper reports 0.400 to 0.490, on other images." in siamese
    assert "whitening beats the strongest control, cosine" in variant
    assert not any("nan" in text for text in (siamese, variant))


def test_an_evaluation_stands_beside_the_control_on_as_many_tasks():
    made = history(siamese=AHEAD)
    made["tasks"] = np.where((made["method"] == SIAMESE) & (made["epochs"] == 20), 320, 2000)
    made["accuracy_320"] = made["accuracy"] + 0.01
    table = few_shot_tables.beside_controls(made)
    siamese = table[table["method"] == SIAMESE].set_index("epochs")
    cosine = table[table["method"] == "cosine"]
    assert len(siamese) == 2 * 2 * len(AHEAD)
    few, many = (siamese.loc[epoch, "control_accuracy"].to_numpy() for epoch in (20, 50))
    np.testing.assert_allclose(many, cosine["accuracy"])
    np.testing.assert_allclose(few, cosine["accuracy"] + 0.01)
