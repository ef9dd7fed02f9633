"""From a folder of one's own to a model, and from the model to predictions in a fresh process."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from PIL import Image

import small_networks
from checkout import copy_checkout, jobs_to_run, python, snakemake
from pictures import make_own_images
from small_networks import STUDY

pytestmark = pytest.mark.slow


WEIGHTED = STUDY | {"class_weights": "balanced"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the study was made."""
    folder = copy_checkout(tmp_path_factory.mktemp("take-home"))
    make_own_images(folder / "mine")
    small_networks.save_small_keras(folder / "small.keras")
    done = snakemake(folder, "--cores", "2", study=WEIGHTED, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The model: results/model/mine/" in done.stdout
    return folder


@pytest.fixture(scope="module")
def model(study: Path) -> Path:
    """Return the folder of the model."""
    return study / "results/model/mine"


@pytest.fixture(scope="module")
def predicted(study: Path) -> pd.DataFrame:
    """Return what a fresh process predicts of the images of the study, by file."""
    done = predict(study, "mine", "--out", "mine.csv")
    assert done.returncode == 0, done.stderr
    assert "48 pictures" in done.stdout
    assert "not used: checks/empty.png" in done.stderr
    return pd.read_csv(study / "mine.csv").set_index("file")


def test_weights_of_the_classes_are_in_the_table_the_answer_and_the_model(study, model):
    table = pd.read_parquet(study / "results/tables/classes.parquet")
    assert table["weight"].to_numpy() == pytest.approx(1, abs=0.1)  # 24 images each
    assert "all classes count equally" in (study / "results/answer.txt").read_text()
    assert "| class_weights | balanced |" in (model / "MODEL_CARD.md").read_text()


def test_the_first_answer_had_the_numbers_of_the_full_one(study: Path):
    said = (study / "results/first_answer/mine.txt").read_text()
    scores = pd.read_csv(study / "results/tables/accuracy.csv").query("protocol == 'held-out'")
    for method in ("linear-probe", "baseline"):  # of which this study tries one learning rate
        (row,) = scores[scores["method"] == method].to_dict("records")
        assert f"{row['mean']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]" in said


def predict(study: Path, *arguments: str):
    """Run the plain command in a fresh process."""
    command = ["-m", "transfer_gain.predict", "results/model/mine", *arguments]
    return python(study, *command, PYTHONPATH="workflow", timeout=300)


def test_the_folder_of_the_model_is_complete(study: Path, model: Path):
    """What comes after training. Reported as keras-team/keras#11117 and tensorflow/hub#279."""
    assert {path.name for path in model.iterdir()} == {
        "model.keras", "model.onnx", "model.json", "training_features.npy", "MODEL_CARD.md"
    }  # fmt: skip
    described = json.loads((model / "model.json").read_text())
    assert described["classes"] == ["checks", "stripes"]
    assert described["images_of_class"] == [24, 24]
    scores = pd.read_csv(study / "results/tables/accuracy.csv").query("protocol == 'held-out'")
    best = scores[scores["mean"] == scores["mean"].max()]
    assert described["expected"]["score"] == best["mean"].iloc[0]
    assert described["method"] in set(best["method"])
    assert described["instead_of"] == []
    card = (model / "MODEL_CARD.md").read_text()
    assert f"**{best['mean'].iloc[0]:.3f}**" in card
    assert 'transfer_gain.predict "results/model/mine"' in card


def test_a_fresh_process_and_onnx_predict_what_the_model_was_trained_to(
    study: Path, model: Path, predicted: pd.DataFrame
):
    from transfer_gain.data import store

    images = study / "results/images/mine.parquet"
    index, pixels = store.read_index(images), store.read_arrays(images)
    session = onnxruntime.InferenceSession(model / "model.onnx")
    (by_onnx,) = session.run(["probabilities"], {"image": pixels})
    rows = predicted.loc[index["image_id"]]
    probabilities = rows[["probability_checks", "probability_stripes"]].to_numpy()
    np.testing.assert_allclose(by_onnx, probabilities, atol=1e-4)
    classes = np.array(["checks", "stripes"])
    assert (rows["class"] == classes[by_onnx.argmax(axis=1)]).all()
    assert rows["problem"].isna().all()
    assert rows["unlike_training"].sum() == 0  # each is its own nearest neighbor


def test_what_is_no_picture_is_listed(predicted: pd.DataFrame):
    bad = predicted[predicted["problem"].notna()]
    assert list(bad.index) == ["checks/empty.png"]
    assert bad[["class", "probability", "unlike_training"]].isna().all(axis=None)


def test_a_single_picture_is_predicted_alike(study: Path, predicted: pd.DataFrame):
    done = predict(study, "mine/checks/1.jpg", "--out", "one.csv")
    assert done.returncode == 0, done.stderr
    (row,) = pd.read_csv(study / "one.csv").to_dict("records")
    together = predicted.loc["checks/1.jpg"]
    assert row["class"] == together["class"]
    assert row["probability"] == pytest.approx(together["probability"], abs=1e-5)


def test_a_picture_of_something_else_is_flagged(study: Path):
    (study / "other").mkdir()
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    strange = np.zeros((64, 64, 3), np.uint8)
    strange[..., 0] = ramp
    Image.fromarray(strange).save(study / "other" / "=red.png")
    done = predict(study, "other", "--out", "other.csv")
    assert done.returncode == 0, done.stderr
    assert "1 unlike anything trained on" in done.stdout
    (row,) = pd.read_csv(study / "other.csv").to_dict("records")
    assert row["unlike_training"]
    assert row["file"] == "'=red.png"  # no formula


def test_nothing_is_made_twice(study: Path):
    assert jobs_to_run(study, study=WEIGHTED) == []


def test_what_is_only_shown_trains_no_model(study: Path):
    planned = jobs_to_run(study, study=WEIGHTED | {"share": "public"})
    assert {job.rule for job in planned} == {"write_report", "describe_run"}


def test_another_penalty_of_the_probe_makes_the_model_again(study: Path):
    planned = jobs_to_run(
        study, study=WEIGHTED | {"linear_probe": {"max_fraction": 1, "l2": [0.01]}}
    )
    trained = {job.rule for job in planned if job.rule.startswith(("train_", "fit_", "rank_"))}
    assert trained == {"fit_probes", "rank_methods", "train_model"}
    assert "write_model_card" in {job.rule for job in planned}


def test_no_model_is_made_of_other_datasets(study: Path):
    clothes = {"clothes": {"source": "fashion-mnist"}}
    planned = jobs_to_run(study, study=WEIGHTED | {"datasets": clothes, "metric": "accuracy"})
    assert not {"rank_methods", "train_model", "write_model_card"} & {job.rule for job in planned}
