"""Promises of `metric: auto`: classes of uneven size are scored by balanced accuracy."""

from pathlib import Path

import pytest

from containers import make, noise, png
from transfer_gain import gpus, metrics
from transfer_gain.config.loading import load
from transfer_gain.data import class_sizes
from transfer_gain.runtime import metric_choice, user_files

OWN = {"labels": None, "groups": None, "merge_similar_classes": False}


@pytest.mark.parametrize(
    ("sizes", "metric"),
    [
        ([[10, 10, 10]], "accuracy"),
        ([[15, 10]], "accuracy"),
        ([[16, 10]], "balanced_accuracy"),
        ([[1, 1], [2, 1]], "balanced_accuracy"),
        ([[]], "accuracy"),
    ],
)
def test_a_class_of_more_than_one_and_a_half_times_another_asks_for_balanced_accuracy(
    sizes, metric
):
    assert metrics.fitting(sizes) == metric


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_files_of_a_folder_or_archive_are_counted_by_class(tmp_path: Path, kind: str):
    files = {f"sound/{n}.png": png(noise(n)) for n in range(4)}
    files |= {f"cracked/{n}.png": png(noise(9 + n)) for n in range(2)}
    path = make(kind, tmp_path / "mine", files)
    assert sorted(class_sizes.listed({"path": str(path), **OWN})) == [2, 4]
    by_part = {f"{part}/{name}": data for part in ("train", "test") for name, data in files.items()}
    path = make(kind, tmp_path / "parts", by_part)
    assert sorted(class_sizes.listed({"path": str(path), **OWN})) == [4, 8]


def test_what_cannot_be_listed_decides_nothing(tmp_path: Path):
    assert class_sizes.listed({"path": str(tmp_path / "nothing"), **OWN}) == []


def test_only_auto_is_replaced():
    study = load({"metric": "loss"})
    assert study.with_metric(lambda datasets: "accuracy").metric == "loss"
    assert load({"metric": "auto"}).with_metric(lambda study: "brier").metric == "brier"


def test_the_files_are_listed_once_and_again_when_they_change(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {f"{name}/{n}.png": png(noise(n)) for name in ("a", "b") for n in range(4)}
    path = make("folder", tmp_path / "mine", files)
    study = load({"metric": "auto", "datasets": {"mine": {"source": "folder", "path": str(path)}}})
    asked = []
    listed = class_sizes.listed
    monkeypatch.setattr(class_sizes, "listed", lambda options: asked.append(1) or listed(options))
    assert [metric_choice.choose(study) for _ in range(2)] == ["accuracy"] * 2
    assert len(asked) == 1
    for n in range(4, 8):
        (path / "a" / f"{n}.png").write_bytes(png(noise(n)))
    user_files.contents.cache_clear()
    user_files.state.cache_clear()
    assert metric_choice.choose(study) == "balanced_accuracy"


def test_a_job_on_another_machine_does_not_look_at_the_images(tmp_path: Path, monkeypatch):
    """There they may be far, or out of reach. It takes what planning has found."""
    monkeypatch.chdir(tmp_path)
    files = {f"{name}/{n}.png": png(noise(n)) for name, n in zip("aaaab", range(5), strict=True)}
    path = make("folder", tmp_path / "mine", files)
    study = load({"metric": "auto", "datasets": {"mine": {"source": "folder", "path": str(path)}}})
    assert metric_choice.choose(study) == "balanced_accuracy"
    monkeypatch.setenv(gpus.SUBMITTED, "1")
    for looks in ("state", "contents"):
        monkeypatch.setattr(user_files, looks, lambda *_: pytest.fail("looked at the images"))
    assert metric_choice.choose(study) == "balanced_accuracy"
