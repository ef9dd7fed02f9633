"""Promises of the selection: one rule, and scores on images that did not select."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies import ACCURACIES, HEADS, LOSSES, make_runs
from transfer_gain import names
from transfer_gain.data import store
from transfer_gain.evaluation import selection
from transfer_gain.methods import heads
from transfer_gain.metrics import ACCURACY


def mean(values: np.ndarray) -> Fraction:
    return sum(Fraction(str(value)) for value in values) / len(values)


def chosen(selected: pd.DataFrame, protocol: str) -> list[tuple[str, str, float, float]]:
    """The configurations of the replicates, each once."""
    rows = selected.set_index("protocol").loc[[protocol], selection.CONFIGURATION]
    return list(dict.fromkeys(rows.itertuples(index=False, name=None)))


def set_head(runs: pd.DataFrame, head: tuple, **columns: float | list[float]) -> None:
    """Give one head's rows other values."""
    rows = (runs[selection.CONFIGURATION] == list(head)).all(axis=1)
    for name, value in columns.items():
        runs.loc[rows, name] = value


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([2, 8, 1024]))
def test_the_best_has_the_highest_mean_then_the_lowest_loss_then_stands_first(
    seed, replicates, steps
):
    runs = make_runs(replicates, seed, steps)
    selected = selection.select_heads(runs, ACCURACY)
    assert (selected["configurations"] == 18).all()
    # The rule again, in plain Python and exact fractions.
    columns = [*ACCURACIES, *LOSSES]
    of_head = runs[columns].to_numpy().reshape(18, replicates, len(columns))
    means = [dict(zip(columns, map(mean, head.T), strict=True)) for head in of_head]
    own = [[dict(zip(columns, replicate, strict=True)) for replicate in head] for head in of_head]
    expected = [("same-images", replicate, means) for replicate in range(replicates)]
    expected += [
        ("held-out", replicate, [head[replicate] for head in own])
        for replicate in range(replicates)
    ]
    for (protocol, replicate, scores), row in zip(
        expected, selected.to_dict("records"), strict=True
    ):
        column, loss = dict(
            zip(selection.PROTOCOLS, zip(ACCURACIES, LOSSES, strict=False), strict=True)
        )[protocol]
        best = min(range(18), key=lambda i: (-scores[i][column], scores[i][loss], i))
        assert (row["protocol"], row["replicate"]) == (protocol, replicate)
        assert tuple(row[name] for name in selection.CONFIGURATION) == HEADS[best]
        assert row["selected_by"] == column
        assert row["accuracy"] == pytest.approx(float(scores[best][column]))


def test_ties_go_to_the_lower_loss_and_then_to_the_config():
    runs = make_runs()
    runs[ACCURACIES] = 0.5
    runs[LOSSES] = 1.0
    for protocol in selection.PROTOCOLS:
        assert chosen(selection.select_heads(runs, ACCURACY), protocol) == [HEADS[0]]
        backwards = runs.iloc[::-1]
        assert chosen(selection.select_heads(backwards, ACCURACY), protocol) == [HEADS[-1]]
    set_head(runs, HEADS[11], **{loss: [0.7, 1.0, 1.0] for loss in LOSSES})
    selected = selection.select_heads(runs, ACCURACY)
    assert chosen(selected, "same-images") == [HEADS[11]]
    assert chosen(selected, "held-out") == [HEADS[11], HEADS[0]]  # each replicate has its own
    set_head(runs, HEADS[4], validation_accuracy=[0.5, 0.5, 0.51], validation_loss=9)
    selected = selection.select_heads(runs, ACCURACY)
    assert chosen(selected, "same-images") == [HEADS[4]]
    assert chosen(selected, "held-out") == [HEADS[11], HEADS[0]]


def test_as_many_correct_images_are_a_tie():
    runs = make_runs()
    runs[ACCURACIES] = 0.5
    tied = {11: [4310, 4422, 4485], 4: [4309, 4423, 4485]}  # of 7,000; 13,217 both
    for head, correct in tied.items():
        accuracies = [count / 7000 for count in correct]
        set_head(runs, HEADS[head], **dict.fromkeys(ACCURACIES, accuracies), validation_loss=1)
        set_head(runs, HEADS[head], selection_loss=1)
    set_head(runs, HEADS[11], **dict.fromkeys(LOSSES, 0.5))
    assert chosen(selection.select_heads(runs, ACCURACY), "same-images") == [HEADS[11]]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_the_reporting_half_never_selects(seed):
    runs = make_runs(seed=seed)
    before = selection.select_heads(runs, ACCURACY)
    rng = np.random.default_rng(seed + 1)
    for column in ("test_accuracy", "validation_accuracy", "validation_loss"):
        runs[column] = rng.uniform(0, 1, len(runs))
    after = selection.select_heads(runs, ACCURACY)
    before, after = (each[each["protocol"] == "held-out"] for each in (before, after))
    pd.testing.assert_frame_equal(after, before)
    assert selection.PROTOCOLS["held-out"] == ("selection", "test")


def test_what_is_compared_has_the_accuracy_that_its_protocol_reports():
    grid = make_runs(2).assign(dataset="toy", backbone="vgg16", method="transfer", fraction=0.1)
    grid = grid.assign(run="grid", train_loss=0.1, levelled_off=True, updates=1000)
    ahead = {"validation_accuracy": 1.01, "selection_accuracy": 1.01, "test_accuracy": 0.2}
    behind = {"validation_accuracy": 1.03, "selection_accuracy": 0.9, "test_accuracy": 0.3}
    set_head(grid, HEADS[5], **ahead)  # selected by one half
    set_head(grid, HEADS[7], **behind)  # selected by all validation images
    refit = grid.iloc[:2].assign(run="refit", method="transfer-augmented")
    refits = pd.concat(
        refit.assign(protocol=protocol, validation_accuracy=0.71, test_accuracy=reports)
        for protocol, reports in (("same-images", 0.72), ("held-out", 0.73))
    )
    long = refit.assign(run="long", protocol="same-images")
    labels = pd.DataFrame({"dataset": ["toy"], "fraction": [0.1], "training_per_class": [600]})
    selected = selection.select_runs(
        pd.concat([grid, refits, long], ignore_index=True), labels, ACCURACY
    )
    assert [*selected][-4:] == ["accuracy", "train_loss", "levelled_off", "updates"]
    found = selected.groupby(["method", "protocol"])["accuracy"].unique().map(list).to_dict()
    assert found == {
        ("transfer", "same-images"): [1.03],
        ("transfer", "held-out"): [0.2],
        ("transfer-augmented", "same-images"): [0.71],
        ("transfer-augmented", "held-out"): [0.73],
    }
    assert (selected["labels"] == 600).all()
    assert (selected["configurations"] == 18).all()  # as many as the plain head


def test_learning_rates_of_a_refit_s_own_count_as_configurations():
    grid = make_runs(2).assign(dataset="toy", backbone="vgg16", method="transfer", fraction=0.1)
    grid = grid.assign(run="grid", train_loss=0.1, levelled_off=True, updates=1000)
    head = grid.query("replicate in [0, 1]").groupby("replicate").head(1)
    tuned = pd.concat(
        head.assign(method="fine-tuning", protocol=protocol, run=run, learning_rate=rate)
        for protocol in names.PROTOCOLS
        for rate, run in ((1e-4, "search"), (1e-5, "refit"), (1e-6, "search"))
    )
    augmented = head.assign(method="transfer-augmented", protocol="held-out", run="refit")
    labels = pd.DataFrame({"dataset": ["toy"], "fraction": [0.1], "training_per_class": [600]})
    runs = pd.concat([grid, tuned, augmented], ignore_index=True)
    selected = selection.select_runs(runs, labels, ACCURACY)
    counts = selected.groupby("method")["configurations"].unique().map(list).to_dict()
    assert counts == {"transfer": [18], "fine-tuning": [20], "transfer-augmented": [18]}
    assert selected.query("method == 'fine-tuning'")["learning_rate"].unique() == [1e-5]


def test_the_protocols_are_the_configs():
    assert tuple(selection.PROTOCOLS) == names.PROTOCOLS


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(1e-7, 1, exclude_min=True))
def test_a_selection_is_read_from_its_file_as_it_was_written(tmp_path_factory, seed, rate):
    path = Path(tmp_path_factory.mktemp("selection"), "selection.parquet")
    runs = make_runs(seed=seed)
    runs["learning_rate"] = runs["learning_rate"].replace(0.01, rate)
    selected = selection.select_heads(runs, ACCURACY)
    store.write_rows(selected, path)
    pd.testing.assert_frame_equal(store.read_rows(path), selected, check_exact=True)
    for protocol, written in selected.groupby("protocol"):
        found = selection.runs_of(runs, written)
        assert found["replicate"].tolist() == written["replicate"].tolist() == [0, 1, 2]
        columns = selection.CONFIGURATION
        assert found[columns].to_numpy().tolist() == written[columns].to_numpy().tolist()
        configuration_of = {
            replicate: settings
            for replicates, settings in heads.selected_settings(path, protocol)
            for replicate in replicates
        }
        for _, row in written.iterrows():
            read = configuration_of[row["replicate"]]
            assert "-".join(map(str, read["layers"])) == row["layers"]
            assert read["activation"] == row["activation"]
            assert read["learning_rate"] == row["learning_rate"]
            assert type(read["learning_rate"]) is float
