"""The smoke study, end to end: real Fashion-MNIST images, real VGG16 weights, real rules."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from checkout import copy_checkout, snakemake, spies_on_tensorflow

STUDY = Path("workflow/studies/smoke.yaml")

pytestmark = pytest.mark.slow


def run(folder: Path, *arguments: str, **environment: str):
    """Run the smoke study in a folder."""
    return snakemake(folder, *arguments, study=STUDY, timeout=1800, **environment)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the smoke study has run on two cores."""
    folder = copy_checkout(tmp_path_factory.mktemp("two-cores"))
    done = run(folder, "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def results(study: Path) -> Path:
    """Return the smoke study's results."""
    return study / "results" / "smoke"


def test_every_table_has_its_rows(results: Path):
    tables = {path.stem: pd.read_csv(path) for path in (results / "tables").glob("*.csv")}
    assert set(tables) == {"best_heads", "cost", "history", "runs", "sizes", "skipped"}
    # 4 heads at 3 sizes with 1, 3 and 5 replicates; 2 long runs at 2 of them.
    assert len(tables["runs"]) == 4 * (1 + 3 + 5) + 2 * (3 + 5)
    assert len(tables["best_heads"]) == 3 * 2
    assert tables["sizes"]["training_samples"].tolist() == [1400, 140, 42]
    assert (tables["sizes"]["validation_samples"] == 420).all()
    for path in (results / "tables").glob("*.parquet"):
        assert pd.read_parquet(path).to_csv(index=False) == path.with_suffix(".csv").read_text()


def test_transfer_learns_the_clothes(results: Path):
    best = pd.read_csv(results / "tables" / "best_heads.csv").query("protocol == 'report'")
    accuracy = best.set_index("size")["validation_accuracy"]
    assert accuracy[1.0] > 0.72
    assert accuracy[0.1] > 0.62
    assert accuracy[0.03] > 0.50
    assert accuracy.is_monotonic_decreasing


def test_every_figure_is_there_in_both_formats(results: Path):
    names = {path.name for path in (results / "figures").iterdir()}
    stems = {"grid_clothes_vgg16", "learning_rates_clothes_vgg16", "long_runs_clothes_vgg16"}
    stems |= {"samples_clothes", "accuracy"}
    assert names == {stem + ending for stem in stems for ending in (".svg", ".png")}


def test_every_job_left_a_log_and_a_benchmark(results: Path):
    training = {made.parent for made in results.glob("*/clothes/**/runs.parquet")}
    assert len(training) == 4 * 3 + 2 * 2
    patterns = ("images/*", "samples/*/*", "features/*/*", "selections/*/*/*", "*/*.svg")
    single = [path.with_suffix("") for pattern in patterns for path in results.glob(pattern)]
    tables = [path.with_suffix("") for path in results.glob("tables/*.csv")]
    assert len(single) == 1 + (3 + 1) + 1 + 3 + 5
    for made in [*training, *single, *tables]:
        job = made.relative_to(results)
        assert (results / "logs" / f"{job}.log").exists(), job
        assert (results / "benchmarks" / f"{job}.tsv").stat().st_size > 0, job


def test_a_run_of_the_grid_and_a_long_run_are_told_apart(results: Path):
    runs = pd.read_csv(results / "tables" / "runs.csv")
    names = ["dataset", "backbone", "size", "run", "protocol", "layers", "activation"]
    assert not runs.duplicated([*names, "learning_rate", "replicate"]).any()
    assert runs.groupby("run")["protocol"].unique().map(set).to_dict() == {
        "grid": {"both"},
        "long": {"report", "held-out"},
    }


def test_a_second_run_has_nothing_to_do_and_does_not_import_tensorflow(study: Path):
    again = run(study, "--cores", "2", PYTHONPATH=str(spies_on_tensorflow(study)))
    assert again.returncode == 0, again.stderr
    assert "Nothing to be done" in again.stderr + again.stdout
    assert not (study / "caught").exists()


def test_one_core_gives_the_same_bytes_as_two(study: Path, results: Path, tmp_path: Path):
    folder = copy_checkout(tmp_path)
    shutil.copytree(study / "resources", folder / "resources")
    done = run(folder, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = ("tables/*.csv", "tables/*.parquet", "figures/*", "features/**/*.parquet")
    compared = [
        path.relative_to(results)
        for kind in kinds
        for path in results.glob(kind)
        if path.is_file() and path.stem != "cost"
    ]
    assert len(compared) > 15
    for name in compared:
        there = folder / "results" / "smoke" / name
        assert there.read_bytes() == (results / name).read_bytes(), name
