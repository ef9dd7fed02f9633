"""A study with unlabelled images, end to end through the real rules."""

from pathlib import Path

import pandas as pd
import pytest

import reports
import small_networks
from checkout import copy_checkout, jobs_to_run, snakemake
from containers import noise, png
from pictures import make_own_images

pytestmark = pytest.mark.slow

FOLDER = small_networks.STUDY["datasets"]["mine"] | {"unlabelled": "others"}
STUDY = small_networks.STUDY | {"datasets": {"mine": FOLDER}}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the study was made; the labeled images are among the others."""
    folder = copy_checkout(tmp_path_factory.mktemp("next-labels"))
    make_own_images(folder / "mine")
    make_own_images(folder / "others")
    for number in range(30):
        (folder / "others" / f"=SECRET{number}.png").write_bytes(png(noise(number, (40, 40, 3))))
    small_networks.save_small_keras(folder / "small.keras")
    done = snakemake(folder, "--cores", "2", study=STUDY, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def table(study: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(study / f"results/tables/{name}.parquet")


def test_every_other_image_is_listed_once_and_no_labeled_one(study: Path):
    listed = table(study, "next_labels")
    assert sorted(listed["path"]) == sorted(f"=SECRET{number}.png" for number in range(30))
    assert (listed["unlabelled"] == 30).all()
    assert set(listed["class"]) <= {"checks", "stripes"}
    skipped = table(study, "unlabelled_skipped")
    assert skipped["reason"].value_counts()["is among the labeled images"] == 48
    csv = (study / "results/tables/next_labels.csv").read_text()
    assert ",'=SECRET1.png," in csv


def test_the_test_and_the_answer_say_the_same(study: Path):
    test = table(study, "next_labels_test")
    judged = test[test["batch"] == "all"].set_index("strategy")
    assert set(judged.index) == {"random", "margin", "coverage", "clustered-margin"}
    assert (judged["splits"] == 20).all()
    answer = (study / "results/answer.txt").read_text()
    strategy = table(study, "next_labels")["strategy"].iloc[0]
    (line,) = (line for line in answer.splitlines() if line.startswith("To label more images"))
    assert ("choose at random" in line) == (strategy == "random")
    assert "table next_labels lists all 30 images (48 labeled already" in line
    assert line.replace("'", "&#39;")[:60] in (study / "results/report.html").read_text()


def test_it_has_its_figures(study: Path):
    html = (study / "results/report.html").read_text()
    for name in ("next_labels_mine", "to_label_mine"):
        assert (study / f"results/figures/{name}.png").stat().st_size > 10_000
        assert f'id="figure-{name}"' in html
    assert "Gain over random choice in points: the smallest margin" in html
    assert "Images to label, the first one first: =SECRET" in html


def test_without_the_key_only_the_summaries_of_the_study_are_made_again(study: Path):
    planned = {job.rule for job in jobs_to_run(study, study=small_networks.STUDY)}
    assert planned == {"digest_inputs", "write_report", "describe_run"}


def test_another_unlabelled_image_is_noticed_and_nothing_is_trained_for_it(study: Path):
    added = study / "others" / "added.png"
    added.write_bytes(png(noise(99, (40, 40, 3))))
    planned = {job.rule for job in jobs_to_run(study, study=STUDY)}
    added.unlink()
    assert planned == {
        *("extract_unlabelled", "tabulate_next_labels", "tabulate_unlabelled"),
        *("plot_to_label", "digest_inputs", "write_report", "describe_run"),
    }


def test_weights_of_the_classes_reach_the_probe_that_chooses(study: Path):
    planned = {job.rule for job in jobs_to_run(study, study=STUDY | {"class_weights": "balanced"})}
    assert {"replay_labels", "tabulate_next_labels"} <= planned


def test_in_public_no_unlabelled_image_is_named(study: Path):
    public = STUDY | {"share": "public"}
    done = snakemake(study, "--cores", "2", study=public, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    results = study / "results"
    for name in ("report.html", "ro-crate-metadata.json"):
        text = reports.said((results / name).read_text())
        assert "SECRET" not in text
        assert "to_label_mine" not in text
    assert 'id="figure-next_labels_mine"' in (results / "report.html").read_text()
