"""Studies without a shared disk: jobs in empty folders, files in an S3 store (`make test-storage`).

The part that is not marked `storage` is also part of `make test`.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

import object_store
from checkout import ROOT, snakemake
from object_store import Store
from pictures import make_own_images
from transfer_gain.evaluation.tables import COST

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(object_store.reason_not_to_start()), reason=str(object_store.reason_not_to_start())
    ),
]
STUDY = {
    "results": "results/tiny",
    "metric": "auto",
    "datasets": {
        "avatars": {"source": "avatars", "training_per_class": 12},
        "mine": {"source": "folder", "path": "mine", "on_bad_image": "skip"},
    },
    "backbones": {"vgg16": {"architecture": "VGG16"}},
    "fractions": [{"fraction": 1, "replicates": 1}],
}
CLASSES = "results/tiny/tables/classes.csv"
# The rules that may stay where the user is: downloads, and what is read first.
AT_HOME = {"fetch_fashion_mnist", "fetch_vgg16_weights", "digest_inputs", "write_report"}
AT_HOME |= {"describe_run", "study", "all"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Run the store for all tests here."""
    with object_store.store(tmp_path_factory.mktemp("store")) as running:
        yield running


def clone_with_images(folder: Path) -> Path:
    """Copy the checkout, with the study and a user's images, of which git does not know."""
    object_store.clone(folder, STUDY)
    make_own_images(folder / "mine")
    return folder


def test_jobs_in_empty_folders_make_the_table_of_a_local_run(store: Store, tmp_path: Path):
    run = store.run(clone_with_images(tmp_path / "clone"), CLASSES)
    assert {*run.submitted} == {"make_images", "group samples", "group results"}
    assert run.submitted.count("make_images") == 1  # the user's own stays at home
    local = clone_with_images(tmp_path / "local")
    done = snakemake(local, "--cores", "2", CLASSES, study=Path("study.yaml"), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    copied = store.get("results/tiny/tables", tmp_path / "copied") / CLASSES
    assert copied.read_bytes() == (local / CLASSES).read_bytes()
    again = store.run(clone_with_images(tmp_path / "again"), CLASSES)
    assert "Nothing to be done" in again.said
    assert again.submitted == []


def tables(folder: Path) -> dict[str, bytes]:
    """Return the tables of the smoke study by name, except the costs."""
    files = (folder / "results" / "smoke" / "tables").iterdir()
    return {file.name: file.read_bytes() for file in files if file.stem != "cost"}


@pytest.mark.storage
def test_the_smoke_study_is_that_of_a_local_run(
    store: Store, tmp_path: Path, vgg16_weights_file: Path
):
    study = yaml.safe_load((ROOT / "workflow/studies/smoke.yaml").read_text())
    local = object_store.clone(tmp_path / "local", study)
    object_store.with_weights(local, vgg16_weights_file)
    done = snakemake(local, "--cores", "2", study=Path("study.yaml"), timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    store.put(vgg16_weights_file, "resources/weights/vgg16-imagenet.npz")
    checkout = object_store.clone(tmp_path / "clone", study)
    run = store.run(checkout)
    assert {*run.kept} <= AT_HOME
    assert {"make_images", "extract_features", "fine_tune", "train_siamese"} <= {*run.submitted}
    assert {"group heads", "group results"} <= {*run.submitted}
    copied = store.get("results", tmp_path / "copied")
    made = copied / "results" / "smoke"
    assert tables(copied) == tables(local)
    costs, local_costs = (
        pd.read_csv(folder / "results/smoke/tables/cost.csv") for folder in (copied, local)
    )
    assert costs[COST].equals(local_costs[COST])
    assert costs["seconds"].notna().all()
    answer = (made / "answer.txt").read_text()
    assert answer == (local / "results/smoke/answer.txt").read_text()
    assert answer in run.said
    assert "results/smoke" in (made / "report.html").read_text()
    for folder in (checkout, object_store.clone(tmp_path / "again", study)):
        again = store.run(folder)
        assert "Nothing to be done" in again.said
        assert again.submitted == []
