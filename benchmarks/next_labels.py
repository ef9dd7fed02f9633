"""Whether choosing what to label next helps, and whether the replay tells when it does.

    PYTHONPATH=workflow python benchmarks/next_labels.py [--draws 20] [--write]

Small studies are drawn from large datasets. Each is replayed, as the workflow does; then each
strategy chooses images from the rest of the dataset, which the study has not seen. --write puts the
result into docs/validity.md. It needs no peers, only the project's environment.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import learning_curves
import side_by_side
from run import with_section
from side_by_side import WORK
from transfer_gain import metrics
from transfer_gain.config.training import LinearProbe
from transfer_gain.labelling import probes, replay
from transfer_gain.labelling.replay import Images
from transfer_gain.labelling.strategies import RANDOM, STRATEGIES, Pool
from transfer_gain.metrics import Metric, Predictions

STUDIED, CHOSEN, UNLABELLED = 300, 100, 800  # images
RANDOM_CHOICES = 10
PENALTIES = LinearProbe().l2
SHUFFLED = "shuffled labels"
PAGE = Path(__file__).parents[1] / "docs" / "validity.md"

Dataset = tuple[np.ndarray, np.ndarray]  # features (images, values), labels (images,)


def tried(known: Mapping[str, Dataset], numbers: Iterable[int]) -> pd.DataFrame:
    """Return the rows of `drawn` for each draw of each dataset."""
    draws = [(name, *known[name], number) for number in numbers for name in known]
    with ProcessPoolExecutor() as pool:
        return pd.concat(pool.map(drawn, *zip(*draws, strict=True)), ignore_index=True)


def drawn(dataset: str, features: np.ndarray, labels: np.ndarray, number: int) -> pd.DataFrame:
    """Draw a study, replay it, and let each strategy choose images that it has not seen.

    Args:
        dataset: its name.
        features: (images of the dataset, values).
        labels: classes, int (images of the dataset,).
        number: of the draw, for its seed.

    Returns:
        Columns dataset, number, strategy, replayed (its gain over random choice in the replay),
        recommended, and truth (its gain when it chooses `CHOSEN` of `UNLABELLED` other images),
        one row per strategy.
    """
    order = learning_curves.stratified(labels, np.random.default_rng([2018, number]))
    classes = int(labels.max()) + 1
    own, others, scored = (
        Images(features[rows], labels[rows], np.arange(len(rows)), classes)
        for rows in np.split(order, [STUDIED, STUDIED + UNLABELLED])
    )
    metric = metrics.metric(metrics.fitting([np.bincount(labels).tolist()]))
    test = replay.replay(own, metric, PENALTIES, (number, dataset))
    gains = test[test["batch"] == replay.ALL].set_index("strategy")["difference"]
    chosen = replay.recommended(test)
    truth = _truth(own, others, scored, metric, number)
    return pd.DataFrame(
        {
            "dataset": dataset,
            "number": number,
            "strategy": name,
            "replayed": gains[name],
            "recommended": chosen == name,
            "truth": truth[name] - truth[RANDOM.name],
        }
        for name in truth
    )


def _truth(
    own: Images, others: Images, scored: Images, metric: Metric, number: int
) -> dict[str, float]:
    """Return the score with the images that each strategy chooses."""
    rng = np.random.default_rng([number, 1])
    with threadpool_limits(1):
        l2 = probes.penalty(own.features, own.labels, PENALTIES, rng)
        probe = probes.fit(own.features, own.labels, own.classes, l2)
        pool = Pool(
            probes.unit(own.features),
            probes.unit(others.features),
            probe.probabilities(others.features),
        )
        found = {}
        for strategy in STRATEGIES:
            scores = []
            for _ in range(RANDOM_CHOICES if strategy is RANDOM else 1):
                rows = strategy.choose(pool, CHOSEN, rng)
                features = np.concatenate([own.features, others.features[rows]])
                labels = np.concatenate([own.labels, others.labels[rows]])
                better = probes.fit(features, labels, own.classes, l2)
                found_for = better.probabilities(scored.features)
                predicted = found_for.argmax(axis=1)[None]
                nothing = np.zeros(predicted.shape)
                scores.append(
                    metric.score(Predictions(scored.labels, predicted, nothing, found_for[None]))
                )
            found[strategy.name] = float(np.mean(scores))
    return found


def shuffled(dataset: Dataset) -> Dataset:
    """Return a dataset in which no image's label says anything of it."""
    features, labels = dataset
    return features, np.random.default_rng(0).permutation(labels)


def report(rows: pd.DataFrame) -> str:
    """Return the section: what was done, its table, and how often noise was recommended."""
    noise = rows[rows["dataset"] == SHUFFLED]
    rows = rows[(rows["dataset"] != SHUFFLED) & (rows["strategy"] != RANDOM.name)]
    cells = []
    for (dataset, strategy), own in rows.groupby(["dataset", "strategy"], sort=False):
        advised = own[own["recommended"]]
        cells.append(
            [
                dataset,
                strategy,
                *(_points(own[name]) for name in ("replayed", "truth")),
                f"{len(advised)} of {len(own)}",
                _points(advised["truth"]) if len(advised) else "–",
            ]
        )
    table = side_by_side.table(
        [
            *("dataset", "strategy", "gain in the replay", f"gain with {CHOSEN} more labels"),
            *("recommended", "gain where recommended"),
        ],
        cells,
    )
    draws = rows["number"].nunique()
    wrong = noise.loc[noise["strategy"] != RANDOM.name, "recommended"].sum()
    return (
        f"{draws} studies of {STUDIED} labeled images of each dataset. The gain in the replay is "
        "what the workflow reports. The other one is what the strategy gains if it chooses "
        f"{CHOSEN} of {UNLABELLED} other images at once, scored on all the rest; that of random "
        f"choice is a mean over {RANDOM_CHOICES} choices. Gains are over random choice, in points: "
        "mean and standard deviation over studies. Features are 64 principal components of "
        f"VGG16's, or the pixels of scikit-learn's digits.\n\n{table}\n\nWith shuffled labels, "
        f"where nothing can help, {wrong} of {noise['number'].nunique()} studies recommended "
        "another strategy than random choice."
    )


def _points(values: pd.Series) -> str:
    """Return "+1.2 ± 0.8", in points."""
    spread = f" ± {100 * values.std():.1f}" if len(values) > 1 else ""
    return f"{100 * values.mean():+.1f}{spread}".replace("-", "−")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure; print the section, or write it into its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20, help="studies of each dataset")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    WORK.mkdir(parents=True, exist_ok=True)
    known = learning_curves.features(WORK)
    noise = {SHUFFLED: shuffled(known["digits"])}
    rows = [tried(known, range(options.draws)), tried(noise, range(2 * options.draws))]
    section = report(pd.concat(rows, ignore_index=True))
    print(section)
    if options.write:
        PAGE.write_text(with_section(PAGE.read_text(), "next labels", section))


if __name__ == "__main__":
    main()
