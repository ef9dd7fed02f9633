"""Drawn faces, a folder of one's own and other backbones, end to end through the real rules."""

import base64
import re
from pathlib import Path

import pandas as pd
import pytest

from checkout import copy_checkout, jobs_to_run, snakemake
from pictures import make_own_images

pytestmark = pytest.mark.slow

STUDY = {
    "datasets": {
        "avatars": {
            "source": "avatars",
            "training_per_class": 10,
            "validation_per_class": 4,
            "validation": "by-character",
        },
        "peeps": {"source": "peeps", "training_per_class": 5},
        "mine": {"source": "folder", "path": "mine", "on_bad_image": "skip"},
    },
    "backbones": {
        "vgg16": {"architecture": "VGG16", "layer": "block4_pool"},
        "random": {"architecture": "MobileNetV2", "weights": "none", "input_size": 96},
    },
    "fractions": [{"fraction": 1, "replicates": 2}],
    "heads": {
        "layers": [[10]],
        "activations": ["elu"],
        "learning_rates": [0.001],
        "batch_size": 10,
        "min_updates": 40,
    },
    "long_runs": {"fractions": []},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the study was made."""
    folder = copy_checkout(tmp_path_factory.mktemp("own-images"))
    make_own_images(folder / "mine")
    done = snakemake(folder, "--cores", "2", study=STUDY, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def tables(study: Path) -> dict[str, pd.DataFrame]:
    """Return the tables by name."""
    return {path.stem: pd.read_csv(path) for path in study.glob("results/tables/*.csv")}


def test_every_dataset_and_backbone_is_in_the_results(tables):
    best = tables["best_heads"].query("protocol == 'same-images'")
    assert set(zip(best["dataset"], best["backbone"], strict=True)) == {
        (dataset, backbone) for dataset in ("avatars", "mine") for backbone in STUDY["backbones"]
    }
    assert best.filter(like="published").isna().all(axis=None)


def test_no_character_is_trained_on_and_validated_on(study: Path):
    rows = pd.read_parquet(study / "results/images/avatars.parquet", columns=["image_id", "split"])
    character = rows["image_id"].str[-5:].astype(int) % 6
    characters = character.groupby(rows["split"]).agg(set)
    assert len(characters["validation"]) == 1
    assert not characters["training"] & characters["validation"]


def test_the_sizes_are_counted(tables):
    fractions = tables["fractions"].set_index("dataset")
    counts = ["training_per_class", "validation_per_class"]
    assert fractions.loc["avatars", counts].tolist() == [10, 4]
    # 24 in six folds: four train, one selects and one is scored.
    assert fractions.loc["mine", counts].tolist() == [16, 8]
    assert fractions.loc["peeps", ["training_samples", *counts]].tolist() == [35, 5, 0]


def test_what_is_no_image_is_listed(tables):
    rows = tables["skipped"][["dataset", "path", "reason"]].to_numpy().tolist()
    assert rows == [
        ["mine", "checks/empty.png", "an empty file"],
        ["mine", "checks/notes.txt", "passed over, as files that are no images: 1 .txt"],
    ]


def test_stripes_are_told_from_checks(tables):
    best = tables["best_heads"].query("dataset == 'mine' and protocol == 'same-images'")
    accuracy = best.set_index("backbone")["validation_accuracy"]
    assert accuracy["vgg16"] > 0.8
    assert accuracy["random"] < accuracy["vgg16"]


def test_each_dataset_has_a_contact_sheet(study: Path):
    names = {path.name for path in study.glob("results/figures/samples_*.png")}
    assert names == {f"samples_{name}.png" for name in STUDY["datasets"]}


def test_a_changed_image_deep_in_the_folder_is_noticed(study: Path):
    (study / "mine" / "checks" / "0.png").write_bytes(
        (study / "mine" / "checks" / "3.png").read_bytes()
    )
    jobs = jobs_to_run(study, study=STUDY)
    for rule in ("make_images", "augment_example", "extract_features", "train_head"):
        # Figures of all datasets are drawn again, since they show rows of tables of all.
        assert {job.wildcards["dataset"] for job in jobs if job.rule == rule} == {"mine"}, rule


def test_in_public_only_the_report_is_written_again_and_names_no_image(study: Path):
    skipped = "checks/empty.png"
    config = STUDY["datasets"] | {"mine": STUDY["datasets"]["mine"] | {"path": str(study / "mine")}}
    written = {}
    for share in ("private", "public"):
        changed = STUDY | {"share": share, "datasets": config}
        done = snakemake(study, "--cores", "2", study=changed, timeout=1800)
        assert done.returncode == 0, done.stdout + done.stderr
        names = ("report.html", "config.yaml", "ro-crate-metadata.json")
        written[share] = [(study / "results" / name).read_text() for name in names]
        if share == "private":
            images = (study / "results/images/mine.parquet").read_bytes()
            planned = jobs_to_run(study, study=changed | {"share": "public"})
            assert {job.rule for job in planned} == {"write_report", "describe_run"}
    for private, public in zip(*written.values(), strict=True):
        assert str(study) in private
        assert str(study) not in public
    assert skipped in written["private"][0]
    assert skipped not in written["public"][0]
    # Its tables are within, as CSV.
    page = written["public"][0]
    files = re.findall(r'href="data:text/csv;base64,([^"]*)"', page)
    page += "".join(base64.b64decode(file).decode() for file in files)
    for path in study.glob("results/tables/*.parquet"):
        rows = pd.read_parquet(path)
        for column in {"path", "other", "image_id"} & {*rows}:
            names = rows.loc[rows["dataset"] == "mine", column]
            assert [name for name in names if name in page] == [], path
            assert f"tables/{path.name}" not in written["public"][2], path
    assert 'id="figure-samples_mine"' in written["private"][0]
    assert 'id="figure-samples_mine"' not in written["public"][0]
    assert 'id="figure-samples_avatars"' in written["public"][0]
    assert "samples_mine" not in written["public"][2]
    assert (study / "results/images/mine.parquet").read_bytes() == images


def test_a_bad_image_ends_the_run_by_name_where_it_is_asked_for(tmp_path: Path):
    folder = copy_checkout(tmp_path)
    make_own_images(folder / "mine")
    strict = {"source": "folder", "path": "mine"}
    done = snakemake(
        folder, "--cores", "1", "results/images/mine.parquet",
        study=STUDY | {"datasets": {"mine": strict}},
    )  # fmt: skip
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "checks/empty.png: an empty file" in said
    assert "Traceback" not in (folder / "results/logs/images/mine.log").read_text()
