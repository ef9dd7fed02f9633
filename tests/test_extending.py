"""docs/extending.md works: what it adds is made, and its scripts run."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import top_k_accuracy_score

from checkout import ROOT, copy_checkout, snakemake
from studies import table_of_study
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import load
from transfer_gain.data import store
from transfer_gain.methods.records import UnknownMethodError
from transfer_gain.metrics import Metric, Predictions
from transfer_gain.reporting import compare_2018, words


def blocks(language: str) -> list[str]:
    page = (ROOT / "docs" / "extending.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def insert(file: Path, found: str, replacement: str) -> None:
    """Replace a text that is in a file once."""
    text = file.read_text()
    assert text.count(found) == 1
    file.write_text(text.replace(found, replacement))


def tiny_study(folder: Path) -> dict[str, Any]:
    """Return a study of a few images, on a network whose weights it writes to a folder."""
    import keras

    keras.utils.set_random_seed(0)
    build = keras.applications.MobileNetV2
    network = build(include_top=False, weights=None, input_shape=(32, 32, 3))
    network.save_weights(folder / "network.weights.h5")
    images = {"source": "avatars", "training_per_class": 12, "validation_per_class": 6}
    backbone = {"architecture": "MobileNetV2", "weights": "network.weights.h5", "input_size": 32}
    return {
        "datasets": {"avatars": images},
        "backbones": {"small": backbone},
        "fractions": [{"fraction": 1, "replicates": 2}],
        "heads": {"layers": [[5]], "activations": ["elu"], "learning_rates": [0.01]}
        | {"batch_size": 10, "epochs": 1, "min_updates": 0},
        "long_runs": {"fractions": []},
        "baseline": {"filters": 2, "units": [5], "max_tuned_fraction": 0},
        "transfer_augmented": {"max_fraction": 0},
        "linear_probe": {"max_fraction": 0},
    }


@pytest.mark.slow
def test_a_dataset_is_added_as_the_page_says(tmp_path: Path):
    folder = copy_checkout(tmp_path)
    package = folder / "workflow/transfer_gain"
    module, model = (block for block in blocks("python") if "class Stripes" in block)
    (package / "data/sources/stripes.py").write_text(module)
    datasets = package / "config/datasets.py"
    head, union = re.split(r"(?=\n# [^\n]*\nAnyDataset = )", datasets.read_text())
    assert "| Folder," in union
    datasets.write_text(f"{head}\n{model}\n{union.replace('| Folder,', '| Folder | Stripes,')}")
    done = snakemake(
        folder, "--cores", "1", "results/images/lines.parquet",
        study={
            "datasets": {"lines": {"source": "stripes", "training_per_class": 30}},
            "fractions": [{"fraction": 1, "replicates": 1}],
            "long_runs": {"fractions": []},
        },
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(folder / "results/images/lines.parquet")
    assert rows.groupby(["split", "label"]).size().to_dict() == {
        ("training", 0): 30,
        ("training", 1): 30,
        ("validation", 0): 20,
        ("validation", 1): 20,
    }


@pytest.mark.slow
def test_a_method_is_added_as_the_page_says(tmp_path: Path, tensorflow):
    """k nearest neighbors: a module, a script, a rule and one record, and nothing else."""
    folder = copy_checkout(tmp_path)
    workflow = folder / "workflow"
    python = blocks("python")
    (module,) = (block for block in python if "KNeighborsClassifier" in block)
    (script,) = (block for block in python if "nearest_neighbors.fit_files" in block)
    (record,) = (block for block in python if 'name="nearest-neighbors"' in block)
    (rule,) = blocks("snakemake")
    (workflow / "transfer_gain/methods/nearest_neighbors.py").write_text(module)
    (workflow / "scripts/fit_neighbors.py").write_text(script)
    (workflow / "rules/neighbors.smk").write_text(rule)
    included = 'include: "rules/heads.smk"\n'
    added = f'{included}include: "rules/neighbors.smk"\n'
    insert(workflow / "Snakefile", included, added)
    last = "    # Used only as a reference"
    records = workflow / "transfer_gain/methods/records.py"
    insert(records, last, f"{indent(record.rstrip(), '    ')},\n{last}")

    done = snakemake(folder, "--cores", "2", study=tiny_study(folder), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = folder / "results/tables"
    for name in ("runs", "selected", "accuracy", "gains", "label_value", "cost"):
        assert "nearest-neighbors" in set(pd.read_csv(tables / f"{name}.csv")["method"]), name
    cost = pd.read_csv(tables / "cost.csv")
    assert cost.loc[cost["rule"] == "fit_neighbors", "seconds"].notna().all()
    figures = folder / "results/figures"
    for name in ("learning_curves", "label_value", "cost"):
        assert "nearest-neighbors" in (figures / f"{name}_avatars_held-out.svg").read_text(), name
    report = (folder / "results/report.html").read_text()
    assert "<dt>nearest-neighbors</dt>" in report
    assert "The most common class among the nearest training images" in report


@pytest.mark.slow
def test_a_metric_is_added_as_the_page_says(tmp_path: Path, tensorflow):
    """Top-2 accuracy: one record and its words, and nothing else."""
    folder = copy_checkout(tmp_path)
    package = folder / "workflow/transfer_gain"
    python, (chosen,) = blocks("python"), [each for each in blocks("yaml") if "metric:" in each]
    (record,) = (block for block in python if 'name="top_2_accuracy"' in block)
    (called,) = (block for block in python if 'noun="top-2 accuracy"' in block)
    first = "METRICS = (\n    ACCURACY,\n"
    insert(package / "metrics.py", first, f"{first}    {record.rstrip()},\n")
    last = "}\n\n\ndef words("
    insert(package / "reporting/metric_display.py", last, f"{called},\n{last}")

    done = snakemake(
        folder, "--cores", "2",
        study=tiny_study(folder) | yaml.safe_load(chosen),
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {file.stem: pd.read_csv(file) for file in (folder / "results/tables").glob("*.csv")}
    assert "accuracy" not in tables
    runs, scores = tables["runs"], tables["top_2_accuracy"]
    for role in ("train", "validation", "selection", "test"):
        assert runs[f"{role}_top_2_accuracy"].between(0, 1).all()
        assert (runs[f"{role}_top_2_accuracy"] >= runs[f"{role}_accuracy"]).all()
    place = ["dataset", "protocol", "fraction", "backbone", "method"]
    means = tables["selected"].groupby(place, sort=False)["top_2_accuracy"].mean()
    np.testing.assert_allclose(
        scores.set_index(place)["mean"], means[scores.set_index(place).index]
    )
    assert "baseline_labels_for_same_top_2_accuracy" in tables["label_value"]
    assert "validation_top_2_accuracy" in tables["best_heads"]
    assert tables["fractions"]["chance"].tolist() == [pytest.approx(2 / 7)]
    figures = folder / "results/figures"
    drawn = ["best_heads", "grid_avatars_small", "learning_rates_avatars_small"]
    drawn += [f"{kind}_avatars_held-out" for kind in ("learning_curves", "gains", "cost")]
    for name in drawn:
        assert "validation top-2 accuracy" in (figures / f"{name}.svg").read_text(), name
    report = (folder / "results/report.html").read_text()
    assert "Highest top-2 accuracy on avatars" in report
    assert "Validation top-2 accuracy of every method" in report
    assert "<code>top_2_accuracy</code>" in report
    answer = (folder / "results/answer.txt").read_text()
    assert "\nHighest top-2 accuracy on avatars" in answer


def test_the_page_s_metric_looks_at_the_two_most_probable_classes():
    (record,) = (block for block in blocks("python") if 'name="top_2_accuracy"' in block)
    metric = eval(record, {"np": np, "Metric": Metric})
    rng = np.random.default_rng(0)
    labels, shares = rng.integers(0, 4, 50), rng.dirichlet(np.ones(4), (2, 50))
    expected = [top_k_accuracy_score(labels, each, k=2) for each in shares]
    made = Predictions(labels, shares.argmax(axis=-1), np.zeros((2, 50)), shares)
    np.testing.assert_allclose(metric.score(made), expected)
    assert metric.chance(np.array([5, 3, 2])) == 0.8


def test_a_metric_without_a_record_is_refused_in_the_config():
    with pytest.raises(ConfigError, match="metric: found 'luck', allowed: one of accuracy"):
        load({"metric": "luck"})


def test_a_method_without_a_record_is_an_error_wherever_methods_are_listed():
    with pytest.raises(UnknownMethodError, match="expected one of transfer, baseline"):
        words.method("guessing", "none")


@pytest.mark.slow
def test_features_are_read_as_the_page_says(tmp_path: Path):
    folder = copy_checkout(tmp_path)
    (script,) = (block for block in blocks("python") if "read_arrays" in block)
    path = folder / re.search(r'file = "(.*)"', script)[1]
    path.parent.mkdir(parents=True)
    splits = ["training", "validation", "training"]
    index = pd.DataFrame({"image_id": list("abc"), "split": splits, "label": [0, 0, 1]})
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    store.write_arrays(path, "features", (2,), "<f4", [(index, values)], {})
    said = subprocess.run(
        [sys.executable, "-c", f"{script}\nprint(features.tolist(), len(index))"],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert said == f"{values[[0, 2]].tolist()} 3\n"


def test_the_catalog_s_metadata_has_the_keys_that_the_catalog_reads():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"]["flags"] == "--cores all"


def best_heads() -> pd.DataFrame:
    """A row of table `best_heads` that has a published value."""
    return pd.DataFrame(
        {
            "protocol": ["same-images"],
            "dataset": ["clothes"],
            "fraction": [0.001],
            "validation_accuracy": [0.654],
            "ci_low": [0.643],
            "ci_high": [0.665],
            "learning_rate": [0.001],
            "published_validation_accuracy": [0.64],
            "published_learning_rate": [0.01],
        }
    )


def test_published_values_stand_beside_ours():
    tables = {name: table_of_study(name) for name in ("accuracy", "gains")}
    tables["best_heads"] = best_heads()
    lines = compare_2018.compare(tables).splitlines()
    best = "| 3 | clothes | 0.1 % | best head | 0.64 | 0.654 [0.643, 0.665] | +0.014 |"
    assert best in lines
    assert sum("| 4 | clothes" in line for line in lines) == 6
    assert sum("| 5 | clothes" in line for line in lines) == 8
    assert not any("avatars" in line for line in lines)


def test_published_one_shot_accuracies_stand_beside_ours_after_as_many_epochs():
    rows = pd.DataFrame({"epochs": [1, 20, 1, 20], "accuracy_320": [0.1, 0.3, 0.2, 0.4]})
    rows = rows.assign(approach="first", batch=36, tested_on="avatars", classes="unseen")
    rows = rows.assign(method="siamese", epoch_unit="batch")
    tables = {name: table_of_study(name) for name in ("accuracy", "gains")}
    tables["best_heads"] = best_heads()
    lines = compare_2018.compare(tables | {"one_shot": rows}).splitlines()
    first, second = (line for line in lines if line.startswith("| 4.2.3 |"))
    assert "36 pairs, epoch 1 | 0.28 | 0.150 [" in first
    assert "36 pairs, epoch 20 | 0.40 to 0.49 | 0.350 [" in second
    assert all("avatars, not FERG-DB" in line for line in (first, second))
