"""What ending runs early costs and saves, in small cross-fitted studies.

    PYTHONPATH=workflow python benchmarks/early_stopping.py [--write]

Networks from scratch, with and without augmentation, and heads on VGG16's features are trained to
the end and evaluated 20 times. Rules are applied to these histories, as if they had ended the runs.
The histories are kept in results/benchmarks/early_stopping; training takes 40 minutes on one core.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import yaml

import learning_curves
import side_by_side
import study
from run import with_section
from side_by_side import CHECKOUT, WORK
from transfer_gain import schedule
from transfer_gain.config.loading import load
from transfer_gain.config.study import Study
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sources.base import Source
from transfer_gain.data.splits import cross_fitting
from transfer_gain.methods import heads, scratch
from transfer_gain.methods.records import TRANSFER
from transfer_gain.names import AUGMENTATION, BASELINE
from transfer_gain.training import devices
from transfer_gain.training.loop import Trained

PAGE = CHECKOUT / "docs/methods.md"
HISTORIES = WORK / "early_stopping"
SIZES = {"clothes": (140, 350), "avatars": (140, 350), "solar cells": (150, 300)}
FRACTIONS, METHODS = (1, 0.3, 0.1), (BASELINE, AUGMENTATION, TRANSFER)
# In how many jobs a study trains the runs of its splits: those of a job end together.
JOBS = {BASELINE: 2, AUGMENTATION: 2, TRANSFER: 1}
EVALUATIONS, LANDMARK = 20, 20
LOSSES = (0.3, 0.1, 0.05, 0.02)
PATIENCE = 4  # evaluations
METRIC = "balanced_accuracy"
PLACE = ["dataset", "images", "fraction", "method"]

# From one replicate's history to the place at which it stops, and to that whose network it keeps.
Rule = Callable[[pd.DataFrame], tuple[int, int]]


def studies(source: Source, images: int, channels: str) -> Iterator[tuple[float, Replicates]]:
    """Yield the splits of a small study as replicates, at each fraction of its training images."""
    rng = np.random.default_rng([7, images])
    labels = np.array([item.label for item in source.items], np.int32)
    drawn = learning_curves.stratified(labels, rng)[:images]
    how = Fit(learning_curves.SIZE, channels, "stretch")
    pictures = np.stack([fit(source.read(source.items[number]), how) for number in drawn])
    pictures, labels = pictures.reshape(*pictures.shape[:3], -1), labels[drawn]
    names = [str(label) for label in np.unique(labels)]
    splits = cross_fitting(labels, np.arange(images), names, 6, 2, rng)
    for fraction in FRACTIONS:
        size = round(fraction * min(np.count_nonzero(roles == "") for roles in splits))
        pools = [np.flatnonzero(roles == "") for roles in splits]
        samples = [pool[learning_curves.stratified(labels[pool], rng)][:size] for pool in pools]
        yield (
            fraction,
            Replicates(
                pictures,
                labels,
                np.stack(samples),
                np.arange(images),
                np.stack([roles == "selection" for roles in splits]),
                np.stack([roles == "test" for roles in splits]),
                np.arange(images).astype(str),
                len(names),
            ),
        )


def own_images() -> Study:
    """Return the study of one's own images, with a dataset that needs no folder."""
    config = yaml.safe_load((CHECKOUT / "workflow/studies/own.yaml").read_text())
    return load(config | {"datasets": {"clothes": {"source": "fashion-mnist"}}})


def length(about: Study) -> dict[str, Any]:
    """Return how long all networks of a study are trained to the end, as `loop.train` takes it."""
    keys = ("batch_size", "epochs", "min_updates", "l2")
    return {key: getattr(about.heads, key) for key in keys}


def head(about: Study) -> dict[str, Any]:
    """Return the layers and activation of a study's first head, as `heads.train` takes them."""
    return {"layers": about.heads.layers[0], "activation": about.heads.activations[0]}


def trained(
    data: Replicates, about: Study, names: Sequence[str]
) -> Iterator[tuple[str, float, Trained]]:
    """Yield method, learning rate and runs of each configuration of a study."""
    settings = length(about) | {"seed_names": (1, *names)}
    (rate,) = about.baseline.learning_rates
    for method, ranges in ((BASELINE, None), (AUGMENTATION, about.augmentation.settings())):
        network = study.network(about)
        made = scratch.train(data, network=network, learning_rate=rate, ranges=ranges, **settings)
        yield method, rate, made
    on_features = data._replace(features=learning_curves.vgg16(WORK)(data.features))
    for rate in about.heads.learning_rates:
        made = heads.train(on_features, learning_rate=rate, **head(about), **settings)
        yield TRANSFER, rate, made


def histories() -> Iterator[pd.DataFrame]:
    """Yield the histories of all places, trained unless they are kept."""
    about = own_images()
    HISTORIES.mkdir(parents=True, exist_ok=True)
    for name, source, _ in learning_curves.sources(WORK):
        for images in SIZES[name]:
            for fraction, data in studies(source, images, "rgb" if name == "avatars" else "gray"):
                stem = f"{name.replace(' ', '-')}-{images}-{fraction}"
                if not (kept := sorted(HISTORIES.glob(f"{stem}-*.parquet"))):
                    for method, rate, made in trained(data, about, (name, str(fraction))):
                        file = HISTORIES / f"{stem}-{method}-{rate}.parquet"
                        place = zip(PLACE, (name, images, fraction, method), strict=True)
                        made.history.assign(**dict(place)).to_parquet(file)
                        kept.append(file)
                        print(file, flush=True)
                yield from map(pd.read_parquet, kept)


def below(loss: float) -> Rule:
    """Return the rule that stops once the loss on the training images is below a value."""

    def rule(history: pd.DataFrame) -> tuple[int, int]:
        low = np.flatnonzero(history["train_loss"] < loss)
        stop = int(low[0]) if len(low) else len(history) - 1
        return stop, stop

    return rule


def patient(history: pd.DataFrame) -> tuple[int, int]:
    """Stop if the score on the selection images has not risen for `PATIENCE`, and keep the best."""
    ranks = list(zip(history[f"selection_{METRIC}"], -history["selection_loss"], strict=True))
    best = 0
    for number, rank in enumerate(ranks):
        best = number if rank > ranks[best] else best
        if number - best >= PATIENCE:
            return number, best
    return len(ranks) - 1, best


RULES: dict[str, tuple[Rule, int]] = {
    # With how many evaluations of a run.
    **{
        f"training loss below {loss}": (below(loss), schedule.EVALUATIONS_TO_STOP_AT)
        for loss in LOSSES
    },
    "best on the selection images, patience of a fifth": (patient, EVALUATIONS),
}


def compare(history: pd.DataFrame) -> Iterator[dict]:
    """Yield what each rule changes in one place: points of the score, and share of the updates.

    Args:
        history: of one configuration in all splits.
    """
    _, replicates = zip(*history.groupby("replicate"), strict=True)
    epochs = int(history["epoch"].max())
    for name, (rule, evaluations) in RULES.items():
        looked_at = schedule.evaluation_epochs(epochs, LANDMARK, evaluations)
        change, updates = [], []
        for whole in replicates:
            seen = whole[whole["epoch"].isin(looked_at)]
            stop, kept = rule(seen)
            final, then = whole.iloc[-1], seen.iloc[kept]
            change.append(100 * (then[f"test_{METRIC}"] - final[f"test_{METRIC}"]))
            updates.append(seen["updates"].iloc[stop] / final["updates"])
        jobs = [max(part) for part in np.array_split(updates, JOBS[history["method"].iloc[0]])]
        yield {"rule": name, "change": np.mean(change), "updates": np.mean(jobs)}


def section(every: list[pd.DataFrame]) -> str:
    """Return, per rule and method, the change with its standard error and the share of updates."""
    found = pd.DataFrame(
        [{**history[PLACE].iloc[0], **row} for history in every for row in compare(history)]
    )
    # The rates of a head are one method in a place.
    means = found.groupby(["rule", *PLACE], as_index=False)[["change", "updates"]].mean()
    rows = []
    for name in RULES:
        of = means[means["rule"] == name].set_index(PLACE)
        change = of["change"].unstack("method")
        updates = of["updates"].unstack("method").mean()
        cells = [name]
        for method in METHODS:
            cells += [_spread(change[method]), f"{100 * updates[method]:.0f} %"]
        rows.append([*cells, _spread(change[TRANSFER] - change[BASELINE])])
    names = [f"{what}, {method}" for method in METHODS for what in ("score", "updates")]
    return side_by_side.table(
        ["a run ends at", *names, f"gain of {TRANSFER} over {BASELINE}"], rows
    )


def _spread(values: pd.Series) -> str:
    return f"{values.mean():+.2f} ± {values.sem():.2f}"


def main() -> None:
    """Print the table, and write it into docs/methods.md if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write into docs/methods.md")
    options = parser.parse_args()
    devices.configure(gpu=False)
    schedule.EVALUATIONS = EVALUATIONS
    text = section(list(histories()))
    print(text)
    if options.write:
        PAGE.write_text(with_section(PAGE.read_text(), "early stopping", text))


if __name__ == "__main__":
    main()
