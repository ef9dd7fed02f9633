"""Promises of the tables: counted from files; published values only beside the paper's data."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from studies import make_runs
from transfer_gain.data import store
from transfer_gain.data.sampling import validation_roles
from transfer_gain.data.sources.base import SourceError
from transfer_gain.evaluation import selection, tables
from transfer_gain.evaluation.published import PUBLISHED
from transfer_gain.evaluation.statistics import accuracy_interval
from transfer_gain.metrics import ACCURACY

PAPER = yaml.safe_load(PUBLISHED.read_text())


def published(table: str, sources: dict[str, str]) -> pd.DataFrame:
    return tables.read_published(PUBLISHED, table, sources)


# --- the 2018 paper's values


def rows_of(table: str) -> list[tuple]:
    return [tuple(row.values()) for row in PAPER[table]]


def test_tables_1_and_2_are_as_printed():
    counts = [(1, 42000, 6000), (0.1, 4200, 600), (0.01, 420, 60), (0.001, 42, 6)]
    assert rows_of("fractions") == [
        (dataset, *count, validation, validation // 7)
        for dataset, validation in (("clothes", 7000), ("expressions", 6300))
        for count in counts
    ]


def test_table_3_is_as_printed():
    assert rows_of("best_heads") == [
        ("clothes", 0.001, 0.64, 2, "sigmoid", 0.01),
        ("expressions", 0.001, 0.31, 3, "elu", 0.001),
    ]


def test_table_4_is_as_printed():
    assert rows_of("accuracy") == [
        ("clothes", 0.01, 0.50, 0.76, 0.75),
        ("clothes", 1, 0.51, 0.76, 0.78),
        ("expressions", 0.01, 0.32, 0.44, 0.50),
        ("expressions", 1, 0.34, 0.49, 0.50),
    ]


def test_table_5_is_as_printed():
    assert rows_of("gains") == [
        ("clothes", 0.01, "baseline", 1.5, 0.25),
        ("clothes", 0.01, "augmentation", 0.99, -0.01),
        ("clothes", 1, "baseline", 1.52, 0.27),
        ("clothes", 1, "augmentation", 1.02, 0.02),
        ("expressions", 0.01, "baseline", 1.56, 0.18),
        ("expressions", 0.01, "augmentation", 1.13, 0.06),
        ("expressions", 1, "baseline", 1.47, 0.16),
        ("expressions", 1, "augmentation", 1.02, 0.01),
    ]


def test_table_4_gives_table_5():
    accuracy = {(row["dataset"], row["fraction"]): row for row in PAPER["accuracy"]}
    for gain in PAPER["gains"]:
        row = accuracy[gain["dataset"], gain["fraction"]]
        transfer, reference = row["transfer"], row[gain["reference"]]
        assert math.isclose(gain["relative_gain"], transfer / reference, abs_tol=0.01)
        assert math.isclose(gain["absolute_gain"], transfer - reference, abs_tol=1e-9)


@pytest.mark.parametrize("table", ["fractions", "best_heads", "accuracy", "gains"])
def test_only_the_reports_own_data_have_published_values(table: str):
    ours = {
        "garments": "fashion-mnist",
        "clothes": "avatars",
        "expressions": "avatars",
        "peeps": "peeps",
        "faces": "ferg",
        "jaffe": "jaffe",
    }
    rows = published(table, ours)
    assert list(rows) == list(PAPER[table][0])
    for name, theirs in (("garments", "clothes"), ("faces", "expressions")):
        expected = [row | {"dataset": name} for row in PAPER[table] if row["dataset"] == theirs]
        assert rows[rows["dataset"] == name].to_dict("records") == expected
    assert set(rows["dataset"]) == {"garments", "faces"}
    none = published(table, {"clothes": "avatars"})
    assert none.empty
    assert list(none) == list(PAPER[table][0])


# --- fractions


def test_sizes_are_counted_from_rows():
    index = pd.DataFrame(
        {
            "split": [store.TRAINING] * 50 + [store.VALIDATION] * 9,
            "label": [0] * 25 + [1] * 25 + [0] * 5 + [1] * 4,
        }
    )
    samples = pd.DataFrame({"replicate": [0] * 7 + [1] * 7, "label": [0, 0, 0, 0, 1, 1, 1] * 2})
    table = tables.fractions(index, samples, "clothes", 0.13, ACCURACY)
    assert table.to_dict("records") == [
        {
            "dataset": "clothes",
            "fraction": 0.13,
            "training_samples": 7,
            "training_per_class": 4,  # 3.5 on average
            "validation_samples": 9,
            "validation_per_class": 4,
            "replicates": 2,
            "chance": 5 / 9,
        }
    ]


def test_without_samples_all_training_images_are_counted():
    index = pd.DataFrame(
        {"split": [store.TRAINING] * 5 + [store.VALIDATION] * 2, "label": [0, 0, 0, 1, 1, 0, 0]}
    )
    (row,) = tables.fractions(index, None, "toy", 1.0, ACCURACY).to_dict("records")
    assert (row["training_samples"], row["training_per_class"]) == (5, 2)  # 2.5
    assert (row["validation_samples"], row["validation_per_class"]) == (2, 1)


def test_chance_is_what_a_constant_guess_scores_on_the_images_that_are_scored():
    index = pd.DataFrame(
        {"split": ["validation"] * 10 + ["training"] * 5, "label": [0] * 8 + [1] * 7}
    ).assign(image_id=[f"{number}" for number in range(15)])
    assert tables.chance_of(index, ACCURACY, None) == 0.8
    assert np.isnan(tables.chance_of(index[index["split"] == "training"], ACCURACY, None))
    roles = pd.DataFrame(
        {"image_id": ["0", "1", "8", "9", "8"], "role": ["selection", *["test"] * 4]}
    )
    assert tables.chance_of(index, ACCURACY, roles) == pytest.approx(2 / 3)


def test_test_images_of_a_dataset_are_counted_apart_and_give_the_chance():
    index = pd.DataFrame(
        {
            "image_id": [f"{number}" for number in range(12)],
            "split": ["training"] * 4 + ["validation"] * 3 + ["test"] * 5,
            "label": [0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1],
        }
    )
    roles = validation_roles(index, "toy", 0)
    (row,) = tables.fractions(index, None, "toy", 1.0, ACCURACY, roles).to_dict("records")
    assert (row["validation_samples"], row["test_samples"], row["chance"]) == (3, 5, 0.8)
    metadata = {"classes": ["a", "b"], "shape": [8, 8, 1], "resize": "pad"}
    counts = tables.classes(index, validation_roles(index, "toy", 0), metadata, "toy")
    assert counts[["training", "selection", "test"]].to_numpy().tolist() == [[2, 2, 1], [2, 1, 4]]


# --- best heads


def make_case() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs and selections of two datasets and two fractions."""
    runs, selections = [], []
    for seed, (dataset, fraction) in enumerate(
        [("clothes", 0.001), ("clothes", 1.0), ("avatars", 0.001), ("avatars", 1.0)]
    ):
        names = {"dataset": dataset, "backbone": "vgg16", "fraction": fraction}
        of_size = make_runs(3 if fraction < 1 else 1, seed)
        runs.append(store.with_names(of_size, names))
        selections.append(store.with_names(selection.select_heads(of_size, ACCURACY), names))
    return pd.concat(runs), pd.concat(selections)


SOURCES = {"clothes": "fashion-mnist", "avatars": "avatars"}


def published_transfer(sources: dict[str, str]) -> pd.DataFrame:
    return tables.read_published_transfer(PUBLISHED, sources, ["vgg16"])


def test_best_heads_have_the_mean_and_interval_of_their_own_runs():
    runs, selections = make_case()
    table = tables.best_heads(runs, selections, published_transfer(SOURCES), ACCURACY)
    assert len(table) == 8
    start = ["dataset", "backbone", "fraction", "protocol", *selection.CONFIGURATION]
    assert list(table)[:9] == [*start, "validation_accuracy"]
    for _, row in table.iterrows():
        column = {"same-images": "validation_accuracy", "held-out": "test_accuracy"}
        places = [*start[:3], "protocol"]
        chosen = selections[(selections[places] == row[places].to_numpy()).all(axis=1)]
        values = runs.merge(chosen, on=[*start[:3], "replicate", *selection.CONFIGURATION])
        values = values[column[row["protocol"]]]
        often = chosen[selection.CONFIGURATION].value_counts(sort=False)
        assert often[tuple(row[selection.CONFIGURATION])] == often.max() == row["selected_by"]
        assert len(values) == row["replicates"] == (3 if row["fraction"] < 1 else 1)
        np.testing.assert_allclose(
            row[["validation_accuracy", "ci_low", "ci_high"]].astype(float),
            accuracy_interval(values),
        )
        assert row["configurations"] == 18


def test_published_heads_stand_beside_the_reports_protocol_data_and_size_alone():
    table = tables.best_heads(*make_case(), published_transfer(SOURCES), ACCURACY)
    columns = [name for name in table if name.startswith("published_")]
    assert {name.removeprefix("published_") for name in columns} == {
        "validation_accuracy",
        "hidden_layers",
        "activation",
        "learning_rate",
    }
    beside = table[table[columns].notna().any(axis=1)]
    assert beside[["dataset", "fraction", "protocol"]].values.tolist() == [
        ["clothes", 0.001, "same-images"],
        ["clothes", 1.0, "same-images"],
    ]
    assert beside["published_validation_accuracy"].tolist() == [0.64, 0.78]
    assert beside["published_activation"].iloc[0] == "sigmoid"


def test_the_reports_figures_stand_beside_no_other_backbone():
    runs, selections = (rows.assign(backbone="other") for rows in make_case())
    table = tables.best_heads(runs, selections, published_transfer(SOURCES), ACCURACY)
    assert table.filter(like="published_").isna().all(axis=None)


def test_a_study_of_other_data_has_the_columns_and_no_published_value():
    of_avatars = [rows[rows["dataset"] == "avatars"] for rows in make_case()]
    table = tables.best_heads(*of_avatars, published_transfer({"avatars": "avatars"}), ACCURACY)
    columns = [name for name in table if name.startswith("published_")]
    assert len(columns) == 4
    assert table[columns].isna().all(axis=None)
    assert len(table) == 4


# --- cost


def test_cost_takes_each_jobs_benchmark(tmp_path: Path):
    header = "s\tcpu_time\tmax_rss\n"
    paths = []
    for number in (1, 2):
        paths.append(tmp_path / f"{number}.tsv")
        row = f"{number}.5\t{number}.25\t{100 * number}\n"
        paths[-1].write_text(header + row)
    jobs = [("refit_head", "clothes", "vgg16", "0.1", "transfer-extended", "same-images")]
    jobs += [("fetch", *[""] * 5)]
    assert tables.cost(jobs, paths).to_dict("list") == {
        "rule": ["refit_head", "fetch"],
        "dataset": ["clothes", ""],
        "backbone": ["vgg16", ""],
        "fraction": ["0.1", ""],
        "method": ["transfer-extended", ""],
        "protocol": ["same-images", ""],
        "seconds": [1.5, 2.5],
        "cpu_seconds": [1.25, 2.25],
        "max_rss_mb": [100, 200],
    }


def test_a_job_that_was_not_measured_has_an_empty_cost(tmp_path: Path):
    table = tables.cost([("make_images", "clothes", "", "", "", "")], [tmp_path / "none.tsv"])
    assert table[["seconds", "cpu_seconds", "max_rss_mb"]].isna().all(axis=None)


def test_fractions_of_the_same_images_are_refused():
    counts = pd.DataFrame(
        {"dataset": ["mine"] * 3, "fraction": [0.1, 1, 0.12], "training_samples": [4, 40, 4]}
    )
    tables.check_distinct(counts[:2])
    with pytest.raises(SourceError, match=r"found 0\.1 and 0\.12, which are the same 4 training"):
        tables.check_distinct(counts)
