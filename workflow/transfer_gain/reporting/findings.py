"""What a figure shows, as its title in the report. Figures without a finding have none."""

from collections.abc import Callable, Mapping

import pandas as pd

from transfer_gain.evaluation.forecast import EXPECTED
from transfer_gain.evaluation.statistics import BETTER, WORSE
from transfer_gain.methods import records
from transfer_gain.methods.records import TRANSFER
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE, SAME_IMAGES
from transfer_gain.reporting import answer, forecast_sentences, metric_display, words

Tables = Mapping[str, pd.DataFrame]


def finding(kind: str, wildcards: Mapping[str, str], tables: Tables, metric: Metric) -> str:
    """Return what a figure shows in a few words, or "" if it has no finding of its own.

    Args:
        kind: kind of the figure, such as "gains".
        wildcards: dataset and protocol, if the figure has them.
        tables: tables by name, see `answer.details`.
        metric: the metric that is compared.
    """
    if kind not in _WRITERS or wildcards.get("protocol") == SAME_IMAGES:
        return ""
    return _WRITERS[kind](tables, metric, wildcards["dataset"])


def _decision(tables: Tables, metric: Metric, dataset: str) -> str:
    rows = forecast_sentences.more_labels(tables, dataset)
    if rows.empty or (rows["status"] != EXPECTED).any():
        return "Scores by labels; what more would bring cannot be told"
    most = rows.iloc[-1]
    times = words.times(most["times"])
    to = ""
    if (other := forecast_sentences.stand_in(tables, dataset)) is not None:
        to = f" {words.named(other)}"
    return f"{times} times the labels are expected to bring{to} {words.points(most['gain'])} points"


def _learning_curves(tables: Tables, metric: Metric, dataset: str) -> str:
    rows = records.ranked(answer.of_dataset(tables[metric.name], dataset))
    rows = rows[rows["labels"] == rows["labels"].max()]
    near = len(answer.candidates(tables, metric, rows))
    labels = words.count(rows["labels"].iloc[0])
    noun = metric_display.words(metric).noun
    if near < 2:
        return f"One method has the significantly best {noun} at {labels} images per class"
    return f"{near} methods may have the best {noun} at {labels} images per class"


def _gains(tables: Tables, metric: Metric, dataset: str) -> str:
    rows = answer.of_dataset(tables["gains"], dataset, method=TRANSFER, reference=BASELINE)
    rows = rows[rows["backbone"].isin(tables["hypotheses"]["backbone"])]
    better, worse = (int((rows["outcome"] == each).sum()) for each in (BETTER, WORSE))
    text = (
        f"On {dataset}, transfer (small networks on frozen features) is significantly better than "
    )
    text += f"training from scratch in {better} of {len(rows)} comparisons"
    return f"{text}, and worse in {worse}" if worse else text


def _confusion(tables: Tables, metric: Metric, dataset: str) -> str:
    rows = tables["confusion"].query("dataset == @dataset and rank == 1")
    if len(rows) != 1:
        return ""
    return (
        f"On {dataset}, most often {rows['class'].iloc[0]} is taken for {rows['predicted'].iloc[0]}"
    )


def _reliability(tables: Tables, metric: Metric, dataset: str) -> str:
    rows = tables["reliability"].query("dataset == @dataset")
    rows = rows[rows["fraction"] == rows["fraction"].max()]
    over = float(((rows["confidence"] - rows["accuracy"]) * rows["share"]).sum())
    side = "more" if over > 0 else "less"
    points = words.points(abs(over)).lstrip("+")
    return f"With all labels, confidence is {points} points {side} than accuracy"


_WRITERS: dict[str, Callable[[Tables, Metric, str], str]] = {
    "decision": _decision,
    "learning_curves": _learning_curves,
    "gains": _gains,
    "confusion": _confusion,
    "reliability": _reliability,
}
