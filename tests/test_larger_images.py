"""Promises of larger images: the same ones, never enlarged, and nothing else is made again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stubbed_workflow import STUDY, planned, run_once
from transfer_gain.config import jobs
from transfer_gain.config.loading import load
from transfer_gain.data import store
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.images import write_images
from transfer_gain.data.sources.base import open_source

AVATARS = {"source": "avatars", "training_per_class": 4, "validation_per_class": 2}


def made(config: dict, path: Path, size: int | None = None) -> tuple[pd.DataFrame, np.ndarray]:
    """Make the images of a study's only dataset, as its rule does."""
    whole = {"fractions": [{"fraction": 1, "replicates": 1}], "long_runs": {"fractions": []}}
    whole["heads"] = {"batch_size": 5}
    (dataset,) = load({"datasets": {"mine": config}, **whole}).datasets.values()
    settings = dataset.settings()
    how = Fit.of(settings)
    with open_source(settings["source"], [], settings, 2018, 1, size) as source:
        write_images(
            source, path, dataset="mine", study_seed=2018,
            training_per_class=settings["training_per_class"],
            validation_per_class=settings["validation_per_class"],
            how=how._replace(size=size or how.size),
        )  # fmt: skip
    return store.read_index(path), store.read_arrays(path)


def test_a_backbone_gets_images_of_its_own_size_if_the_source_has_more():
    """Reported as hushell/pmf_cvpr22#10."""
    backbones = {
        name: {"architecture": "VGG16", "input_size": size}
        for name, size in (("small", 32), ("same", 64), ("large", 128), ("again", 128))
    }
    study = load(
        {
            "datasets": {"clothes": {"source": "fashion-mnist"}, "faces": {"source": "avatars"}},
            "backbones": backbones | {"own": {"architecture": "VGG16", "input_size": "native"}},
        }
    )
    sizes = {name: study.stored_size("faces", name) for name in study.backbones}
    assert sizes == {"small": 64, "same": 64, "large": 128, "again": 128, "own": 224}
    assert {study.stored_size("clothes", name) for name in study.backbones} == {64}
    assert jobs.images_of(study, "faces", "small") == "results/images/faces.parquet"
    assert jobs.images_of(study, "faces", "own") == "results/images/faces/size=224.parquet"
    assert jobs.images_of(study, "clothes", "own") == "results/images/clothes.parquet"
    assert jobs.larger_images(study) == [
        {"dataset": "faces", "size": 128},
        {"dataset": "faces", "size": 224},
    ]


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, np.ndarray]:
    """A folder `mine`, in which two pictures of a class are the same one at 16 pixels."""
    rng = np.random.default_rng(0)
    made = {}
    for label in ("cats", "dogs"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(8):
            coarse = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
            made[f"{label}/{number}.png"] = coarse.repeat(4, axis=0).repeat(4, axis=1)
    # One pixel that differs a little, of which nothing is left at 16 pixels.
    made["cats/0.png"] = np.full((64, 64, 3), 100, np.uint8)
    made["cats/0.png"][:, 32:] = 200
    made["cats/1.png"] = made["cats/0.png"].copy()
    made["cats/1.png"][8, 8] = 101
    for name, pixels in made.items():
        Image.fromarray(pixels).save(tmp_path / "mine" / name)
    return made


def test_larger_images_are_the_same_ones_in_the_same_parts(tmp_path: Path, pictures):
    config = {"source": "folder", "path": str(tmp_path / "mine"), "image_size": 16}
    config |= {"validation_per_class": 2, "near_copies": "warn"}
    index, _ = made(config, tmp_path / "small")
    assert len(index) == 15  # two are one picture at this size
    larger, pixels = made(config, tmp_path / "large", 64)
    pd.testing.assert_frame_equal(larger, index)
    for image_id, found in zip(larger["image_id"], pixels, strict=True):
        np.testing.assert_array_equal(found, pictures[image_id])
    assert len(made(config | {"image_size": 64}, tmp_path / "own")[0]) == 16


def test_larger_faces_are_drawn_larger(tmp_path: Path):
    index, small = made(AVATARS, tmp_path / "small")
    larger, pixels = made(AVATARS, tmp_path / "large", 128)
    pd.testing.assert_frame_equal(larger, index)
    assert pixels.shape[1:] == (128, 128, 1)
    enlarged = np.stack([fit(image[:, :, 0], Fit(128)) for image in small])
    drawn, blurred = (
        np.abs(np.diff(images.astype(float), n=2, axis=2)).mean() for images in (pixels, enlarged)
    )
    assert drawn > 2 * blurred
    reduced = np.stack([fit(image[:, :, 0], Fit(64)) for image in pixels])
    assert np.abs(reduced.astype(float) - small).mean() < 5


@pytest.mark.slow
def test_a_larger_backbone_makes_nothing_again(tmp_path: Path):
    study = STUDY | {"datasets": {"faces": {"source": "avatars"}}}
    checkout, _ = run_once(tmp_path, study)
    large = {"architecture": "VGG16", "input_size": 128}
    more = study | {"backbones": STUDY["backbones"] | {"large": large}}
    found = planned(checkout, study=more)
    assert {"make_larger_images faces 128", "extract_features faces large"} <= found
    again = ("make_images", "draw_samples", "train_from_scratch", "augment_example")
    # Of several backbones, each is ranked.
    others = found - {"score_backbone faces vgg16 1"}
    assert not [job for job in others if job.startswith(again) or "faces vgg16" in job]
    # Another one of the same size shares the images.
    other = {"architecture": "MobileNetV2", "input_size": 128}
    more = study | {"backbones": STUDY["backbones"] | {"large": large, "other": other}}
    assert len([job for job in planned(checkout, study=more) if "make_larger" in job]) == 1
