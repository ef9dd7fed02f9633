"""Promises of a model's folder: what was changed or holds code is refused in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from checkout import ROOT, python
from small_networks import extracted, save_small_keras
from transfer_gain.model import description, unlike
from transfer_gain.model.description import Description, Expected, Image, ModelError
from transfer_gain.reporting import model_card


def described(**changes) -> Description:
    """Return the description of a model of two classes."""
    facts = {
        "format": 2,
        "dataset": "mine",
        "classes": ("cats|dogs", "=birds"),
        "images_of_class": (40, 12),
        "image": Image(size=32, channels="rgb", resize="crop", background="#ffffff"),
        "method": "linear-probe",
        "backbone": "small",
        "configuration": {"layers": "none", "l2": 0.01, "learning_rate": None},
        "expected": Expected(metric="accuracy", score=0.86, low=0.81, high=0.9, labels=30),
        "instead_of": ("transfer on dino scored higher, but it cannot.",),
        "unlike_distance": 0.5,
        "onnx_difference": 1e-6,
        "code": "0" * 64,
        "data": {"results/images/mine.parquet": "1" * 64},
        "files": {},
    }
    return Description(**facts | changes)


SEALED = described().model_dump() | {"seal": "0" * 64}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small model."""
    from transfer_gain.model import files, final_training
    from transfer_gain.model.final_training import Images, Recipe

    folder = tmp_path_factory.mktemp("model")
    save_small_keras(folder / "small.keras")
    rng = np.random.default_rng(0)
    labels = np.arange(12, dtype=np.int32) % 2
    pictures = rng.integers(0, 128, (12, 32, 32, 3)) + 127 * labels[:, None, None, None]
    pictures = pictures.astype(np.uint8)
    cut = {"architecture": "keras-file", "layer": "last", "input_size": 32, "pooling": "avg"}
    weights = folder / "small.keras"
    features = extracted(pictures, cut, weights)
    data = Images(pictures, labels, labels.astype(str), 2, "mine", 1, features)
    recipe = Recipe({"l2": 0.01}, cut=cut, weights=weights)
    final = final_training.train("linear-probe", data, recipe)
    files.write_keras(final.network, folder / "model.keras")
    np.save(folder / "training_features.npy", np.eye(2, 8, dtype=np.float32))
    _describe(folder)
    return folder


def _describe(folder: Path, **changes) -> None:
    """Write a description that fits the files of a folder."""
    names = ("model.keras", "training_features.npy")
    digests = {name: description.digest(folder / name) for name in names}
    description.write(described(files=digests, **changes), folder / "model.json")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of the folder, to change."""
    return shutil.copytree(whole, tmp_path / "model")


def refusal(folder: Path) -> str:
    """Return why a model is refused."""
    from transfer_gain.model import files

    with pytest.raises(ValueError) as refused:
        files.open_model(folder, description.read(folder))
    assert type(refused.value).__module__.startswith("transfer_gain")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_description_is_read_as_it_was_written(tmp_path: Path):
    description.write(described(), tmp_path / "model.json")
    assert description.read(tmp_path) == described()
    assert description.read(tmp_path / "model.json") == described()


def test_no_flipped_bit_of_a_description_changes_what_is_read(tmp_path: Path):
    path = tmp_path / "model.json"
    description.write(described(), path)
    written = path.read_bytes()
    for place in range(len(written)):
        damaged = bytearray(written)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert description.read(tmp_path) == described()  # a blank was another one
        except ModelError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"found no model\.json"),
        ("", "its content: Invalid JSON"),
        ("[" * 100_000, "its content: Invalid JSON"),
        ("{}", "found format: Field required"),
        (json.dumps(SEALED | {"format": 1}), "format: Input should be 2"),
        (json.dumps(SEALED | {"run": "rm"}), "run: Extra inputs"),
        (json.dumps(SEALED | {"classes": ["cats", "=dogs"]}), "another SHA-256"),
        (json.dumps(SEALED | {"images_of_class": [1]}), "number of classes"),
        (
            json.dumps(SEALED | {"files": {"../../a": "0" * 64}}),
            r"files\.\.\./\.\./a",
        ),
    ],
)
def test_a_description_that_lies_is_refused(tmp_path: Path, content: str | None, said: str):
    if content is not None:
        (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=said) as refused:
        description.read(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"nowhere: found nothing, expected a folder with model"):
        description.read(tmp_path / "nowhere")


@pytest.mark.slow
def test_a_changed_file_is_refused(folder: Path):
    with (folder / "model.keras").open("ab") as file:
        file.write(b"x")
    assert "model.keras: found another SHA-256" in refusal(folder)


@pytest.mark.slow
def test_a_missing_file_is_refused(folder: Path):
    (folder / "training_features.npy").unlink()
    assert "training_features.npy: found no file" in refusal(folder)


@pytest.mark.slow
def test_a_layer_that_holds_code_is_refused(folder: Path):
    from transfer_gain.training.devices import tf  # noqa: F401

    import keras  # isort: skip

    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: x)(image)).save(folder / "model.keras")
    _describe(folder)
    assert "Lambda layer, which holds code" in refusal(folder)


@pytest.mark.slow
def test_a_network_of_other_classes_is_refused(folder: Path):
    _describe(folder, classes=("a", "b", "c"), images_of_class=(4, 4, 4))
    assert "expected 3 probabilities" in refusal(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "features",
    [np.zeros((2, 7), np.float32), np.zeros((2, 8)), np.array([{}], object)],
    ids=["another width", "another type", "objects"],
)
def test_features_of_another_kind_are_refused(folder: Path, features: np.ndarray):
    np.save(folder / "training_features.npy", features)
    _describe(folder)
    assert "training_features.npy: found" in refusal(folder)


@pytest.mark.slow
def test_files_that_are_not_numpy_s_are_refused(folder: Path):
    (folder / "training_features.npy").write_bytes(b"\x80\x04K\x01.")  # a pickle
    _describe(folder)
    assert "training_features.npy: found" in refusal(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "images"], "nowhere: found nothing"),
        (["model", "nowhere"], "nowhere: no such file or folder"),
        (["model", "empty"], "empty: found no files that could be pictures"),
        (["model", "empty", "--out", "empty"], "empty: found a folder"),
        (["model", "empty", "--out", "nowhere/a.csv"], "nowhere: found no folder"),
        (["model", "notes"], "notes: found no files that could be pictures"),
        (["model", "model/model.json"], "model/model.json"),
    ],
)
def test_the_command_refuses_in_one_line(folder: Path, arguments: list[str], said: str):
    (folder.parent / "empty").mkdir()
    (folder.parent / "notes").mkdir()
    (folder.parent / "notes" / "a.txt").touch()
    command = ["-m", "transfer_gain.predict", *arguments]
    done = python(folder.parent, *command, PYTHONPATH=str(ROOT / "workflow"))
    assert done.returncode == 1
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert said in last
    assert "Traceback" not in done.stderr
    assert not (folder.parent / "predictions.csv").exists()


# --- Unlike anything trained on


def test_one_in_a_hundred_of_the_same_images_is_unlike_and_noise_is():
    rng = np.random.default_rng(0)

    def images(count: int) -> np.ndarray:
        return (5 + rng.normal(size=(count, 40))).astype(np.float32)

    known = unlike.kept(images(2000), rng)
    limit = unlike.limit(known)
    assert 0 < (unlike.distances(images(2000), known) > limit).mean() < 0.03
    others = rng.normal(size=(100, 40)).astype(np.float32)
    assert (unlike.distances(others, known) > limit).all()
    # The length of the features, such as brightness, does not matter.
    same = images(100)
    np.testing.assert_allclose(
        unlike.distances(3 * same, known), unlike.distances(same, known), atol=1e-3
    )


def test_not_more_features_are_kept_than_are_useful():
    features = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32)
    kept = unlike.kept(features, np.random.default_rng(1))
    assert kept.shape == (unlike.MOST_KEPT, 4)
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1, rtol=1e-5)


# --- The card


def test_the_card_says_what_to_expect_and_what_limits_there_are():
    card = model_card.render(described(), Path("results/own/model/mine"))
    assert "**0.860** [0.810, 0.900]" in card
    assert "transfer on dino scored higher, but it cannot." in card
    assert "Few training images: =birds (12)" in card
    assert "| cats\\|dogs | 40 |" in card  # a bar would begin a column
    assert "cropping to 32 pixels" in card
    assert "learning_rate" not in card
    assert len(card.splitlines()) < 80


def test_a_score_of_one_run_has_no_interval():
    alone = Expected(metric="accuracy", score=0.86, low=None, high=None, labels=30)
    assert "**0.860**. This" in model_card.render(described(expected=alone), Path("model"))
