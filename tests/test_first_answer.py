"""Promises of the first answer: it comes first, from jobs of the study, with final numbers."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import checkout as in_checkout
import studies
from stubbed_workflow import STUDY, environment, planned, run_once, snakemake
from transfer_gain.config import jobs
from transfer_gain.config.loading import load
from transfer_gain.data import store
from transfer_gain.data.rows import probability_of
from transfer_gain.evaluation import comparison, predictions, selection
from transfer_gain.metrics import ACCURACY, LOSS, METRICS, Metric
from transfer_gain.reporting import first_answer

MINE = STUDY | {
    "datasets": {"mine": {"source": "folder", "path": "mine"}},
    "fractions": [{"fraction": 1, "replicates": 2}, {"fraction": 0.5, "replicates": 1}],
    "heads": STUDY["heads"] | {"learning_rates": [0.01, 0.001, 0.0001]},
    "long_runs": {"fractions": []},
    "baseline": {"max_tuned_fraction": 1},
    "linear_probe": {"max_fraction": 1},
}
ANSWER = "made/here/first_answer/mine.txt"
# Beside itself.
ITS_JOBS = {
    *["make_images mine", "assign_validation_roles mine", "draw_samples mine 1"],
    *["extract_features mine vgg16", "fit_probes mine vgg16 1"],
    *(f"train_from_scratch mine baseline 1 0.001 20 {part}-of-2" for part in (1, 2)),
}


# --- Which jobs ---


def test_it_is_of_the_first_backbone_the_middle_rate_and_the_largest_fraction():
    here = str(Path(__file__).parent)
    study = load(
        MINE
        | {
            "datasets": {
                "mine": {"source": "folder", "path": here},
                "clothes": {"source": "fashion-mnist"},
            },
            "backbones": {
                "untrained": {"architecture": "VGG16", "weights": "none"},
                "vgg16": {"architecture": "VGG16"},
                "other": {"architecture": "VGG16", "layer": "block4_pool"},
            },
            "fractions": list(reversed(MINE["fractions"])),
        }
    )
    found, other = jobs.first_answers(study)
    assert other == {**found, "part": "2-of-2"}
    assert found == {
        "dataset": "mine",
        "backbone": "vgg16",
        "fraction": "1",
        "method": "baseline",
        "learning_rate": "0.001",
        "epochs": 20,
        "part": "1-of-2",
    }
    # Both are jobs of the full study.
    assert {key: found[key] for key in ("dataset", "backbone", "fraction")} in jobs.on_features(
        study
    )
    del found["backbone"]
    assert found in jobs.from_scratch(study, "baseline")


def test_without_a_probe_or_own_images_there_is_none():
    solar = {"datasets": {"cells": {"source": "solar-cells"}}}
    assert len(jobs.first_answers(load(solar | {"linear_probe": {"max_fraction": 1}}))) == 1
    assert jobs.first_answers(load(solar | {"linear_probe": {"max_fraction": 0}})) == []
    assert jobs.first_answers(load({})) == []


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout with own images and scripts that only touch files."""
    folder = tmp_path_factory.mktemp("first")
    for name in ("a", "b"):
        (folder / "mine" / name).mkdir(parents=True)
        (folder / "mine" / name / "1.png").touch()
    return run_once(folder, MINE)[0]


@pytest.mark.slow
def test_it_needs_nothing_else_and_the_study_needs_all_of_it(checkout: Path):
    def all_planned(*targets: str) -> set[str]:
        every = planned(checkout, *targets, "--forceall", study=MINE)
        return {job for job in every if not job.startswith("fetch_")}

    assert all_planned(ANSWER) == ITS_JOBS | {"write_first_answer mine"}
    assert all_planned("tables") >= ITS_JOBS


@pytest.mark.slow
def test_it_is_there_before_any_other_training_and_is_resumed(checkout: Path):
    done = snakemake(checkout, "--cores", "1", "--delete-all-output", study=MINE)
    assert done.returncode == 0, done.stdout + done.stderr
    # Interrupted after the features.
    features = "made/here/features/mine/vgg16-auto.parquet"
    assert snakemake(checkout, "--cores", "1", features, study=MINE).returncode == 0
    started, done = in_checkout.jobs_of(
        checkout, "--cores", "1", study=MINE, timeout=600, **environment(checkout)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    order = [str(job) for job in started]
    before = order[: order.index("write_first_answer mine")]
    assert not {"make_images mine", "extract_features mine vgg16"} & set(order)
    trained = {job for job in before if job.startswith(("train_", "fit_", "refit_", "extract_"))}
    assert trained == {job for job in ITS_JOBS if job.startswith(("train_", "fit_"))}
    # What refuses a study comes before all training.
    first = min(map(order.index, trained))
    assert order.index("tabulate_fractions") < first
    assert order.index("draw_samples mine 0.5") < first


# --- What it says ---

SPLITS, IMAGES = 4, 40
NAMES = {
    "dataset": "mine",
    "precision": "float32",
    "fraction": 1.0,
    "run": "grid",
    "protocol": "both",
}
CONFIGURATION = {"layers": "", "activation": "", "learning_rate": np.nan, "l2": 0.1}


def rows_of(method: str, backbone: str, right: float, seed: int) -> dict[str, pd.DataFrame]:
    """Return the rows of a method that is right in a share of images, one split per quarter."""
    rng = np.random.default_rng(seed)
    labels = np.arange(IMAGES) % 2
    about = {**NAMES, "method": method, "backbone": backbone, **CONFIGURATION}
    predicted, runs = [], []
    for split in range(SPLITS):
        images = np.flatnonzero(np.arange(IMAGES) // 10 == split)
        own = np.where(rng.random(10) < right, labels[images], 1 - labels[images])
        sure = np.where(own == 1, 0.75, 0.25)
        predicted.append(
            pd.DataFrame(
                {
                    "replicate": split,
                    "image_id": [f"image {image:02}" for image in images],
                    "label": labels[images],
                    "predicted": own,
                    probability_of(0): 1 - sure,
                    probability_of(1): sure,
                }
            )
        )
        accuracy = (own == labels[images]).mean()
        loss = -np.log(np.where(own == labels[images], 0.75, 0.25)).mean()
        scores = {
            f"{role}_{metric.name}": {ACCURACY: accuracy, LOSS: loss}.get(metric, 0.5)
            for role in ("selection", "test", "validation")
            for metric in METRICS
        }
        runs.append({"replicate": split, "train_loss": 0.1, "levelled_off": True, "updates": 9})
        runs[-1] |= scores
    return {
        "runs": store.with_names(pd.DataFrame(runs), about),
        "predictions": store.with_names(pd.concat(predicted, ignore_index=True), about),
    }


@pytest.mark.parametrize("metric", [ACCURACY, LOSS])
@pytest.mark.parametrize("better", ["linear-probe", "baseline"])
def test_its_numbers_are_those_of_the_full_answer_for_the_same_runs(
    tmp_path: Path, metric: Metric, better: str
):
    made = [
        rows_of("linear-probe", "vgg16", 0.9 if better == "linear-probe" else 0.6, 1),
        rows_of("baseline", "none", 0.9 if better == "baseline" else 0.6, 2),
    ]
    paths = [tmp_path / "probe.parquet", tmp_path / "scratch.parquet"]
    for path, rows in zip(paths, made, strict=True):
        store.write_rows(rows["predictions"], path)
    runs = pd.concat([rows["runs"] for rows in made], ignore_index=True)
    splits = np.arange(IMAGES) // 10
    ids = [f"image {image:02}" for image in range(IMAGES)]
    roles = pd.DataFrame({"split": splits, "image_id": ids, "role": "test"})
    index = roles[["image_id"]].drop_duplicates()
    said = first_answer.first_answer(runs, roles, index, paths, "mine", metric)

    labels = pd.DataFrame({"dataset": ["mine"], "fraction": [1.0], "training_per_class": [10]})
    selected = selection.select_runs(runs, labels, metric)
    predicted = {"mine": predictions.gather(selected, roles, index, "mine", paths)}
    scores = comparison.scores(selected, predicted, metric, studies.published("accuracy", {}), [])
    scores = scores.query("protocol == 'held-out'")
    for _, row in scores.iterrows():
        assert f"{row['mean']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]" in said
    gains = comparison.gains(selected, predicted, metric, studies.published("gains", {}), [], {})
    (gain,) = gains.query("protocol == 'held-out'").to_dict("records")
    p_better = gain["p_better" if better == "linear-probe" else "p_worse"]
    name = {"linear-probe": "the linear probe from vgg16", "baseline": "training from scratch"}
    odds = re.search(r"probability that (.*) is better by more than (.*) points is (.*)\.\n", said)
    assert odds
    assert odds[1].startswith(name[better])
    assert float(odds[2]) == pytest.approx(100 * gain["margin"])
    assert float(odds[3]) == pytest.approx(min(p_better, 0.99), abs=0.005)
    guess = {ACCURACY: "0.500", LOSS: "0.693"}[metric]
    assert f"a guess that does not look at the images {guess}" in said
    assert "training from scratch (one learning rate)" in said
