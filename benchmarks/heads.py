"""The report's sweep of heads on clothes, from stored features to `runs`: ours beside scripts.

Ours is the workflow itself, Snakemake's start and a process a job included. A peer is one process
with a loop over configurations, which reads the same features and writes one row per configuration.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

import side_by_side
import study
from side_by_side import CHECKOUT, WORK, Contestant, Timed
from transfer_gain.config.study import Study

PEERS = {
    "Keras, fit in a loop": "keras",
    "scikit-learn, MLPClassifier": "sklearn",
    "PyTorch, a loop": "torch",
}
OURS, FIVE = "transfer-gain", "transfer-gain, five replicates"
# How far the best accuracy of a size may be from ours.
TOLERANCE = 0.05


def made_by(about: Study, pattern: str) -> list[str]:
    """Return the files of a pattern that a study has, for clothes on VGG16."""
    return [
        pattern.format(dataset="clothes", backbone="vgg16", size=size, **head, epochs=20)
        for size in about.fraction_names()
        for head in about.heads.configurations()
    ]


def ours(config: Path, about: Study, threads: int) -> Callable[[int], Timed]:
    """Prepare the workflow: all of the grid's runs, of which none is there."""
    paths = about.paths
    runs = made_by(about, f"{paths.head}/runs.parquet")
    inputs = {
        file
        for each in (paths.features, paths.samples, paths.validation_roles)
        for file in made_by(about, each)
    }

    def run(number: int) -> Timed:
        study.snakemake(config, threads, *sorted(inputs))  # another study may have had its samples
        for file in runs:
            (CHECKOUT / file).unlink(missing_ok=True)
        begun = time.perf_counter()
        study.snakemake(config, threads, *runs)
        took = time.perf_counter() - begun
        rows = pd.concat(pd.read_parquet(CHECKOUT / file) for file in runs)
        best = rows[rows["replicate"] == 0].groupby("fraction")["validation_accuracy"].max()
        return Timed(best, took)

    return run


def peer(name: str, config: Path, threads: int) -> Callable[[int], pd.Series]:
    """Prepare a peer: a script that trains all of the grid."""
    output = CHECKOUT / WORK / f"heads-{name}.csv"
    script = Path(__file__).with_name("heads_peers.py")

    def run(number: int) -> pd.Series:
        command = [sys.executable, str(script), name, str(config), str(output), str(threads)]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return pd.read_csv(output).groupby("fraction")["validation_accuracy"].max()

    return run


def main(arguments: Sequence[str] | None = None) -> str:
    """Race; return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=6000, help="training images")
    parser.add_argument(
        "--sizes", type=float, nargs="+", default=[1, 0.1, 0.01, 0.001], help="with 1"
    )
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.001, 0.0001])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    threads = options.threads
    # The peers come after ours: they read its samples. All read the same features.
    studies = {
        name: study.save(
            study.clothes(options.per_class, replicates, options.sizes, options.rates),
            f"heads-{replicates}",
        )
        for name, replicates in ((FIVE, 5), (OURS, 1))
    }
    contestants = [
        *(Contestant(name, ours, (*studies[name], threads)) for name in studies),
        *(
            Contestant(name, peer, (kind, studies[OURS][0], threads))
            for name, kind in PEERS.items()
        ),
    ]
    race = side_by_side.race(contestants, options.rounds, threads, warmups=0)
    best = pd.DataFrame(race.made)
    if len(off := best.columns[(best.sub(best[OURS], axis=0).abs() > TOLERANCE).any()]):
        raise ValueError(f"{', '.join(off)}: another accuracy than ours\n{best}")
    rows = [
        [
            name,
            side_by_side.spread(seconds, 1),
            side_by_side.ratio(seconds, race.seconds[OURS]),
            " / ".join(f"{accuracy:.3f}" for accuracy in best[name]),
        ]
        for name, seconds in race.seconds.items()
    ]
    jobs = len(made_by(studies[OURS][1], "{size}"))
    return (
        f"{jobs} heads on VGG16's features of {7 * options.per_class:,} images, sizes "
        f"{', '.join(map(str, sorted(options.sizes)))}, one replicate where not said otherwise, "
        f"learning rate{'s' * (len(options.rates) > 1)} {', '.join(map(str, options.rates))}, "
        f"{options.rounds} round{'s' * (options.rounds > 1)}, {threads} threads. Ours is "
        "scored six times a run on training and validation images, a peer once. scikit-learn "
        "has no ELU: its ReLU instead.\n\n"
        + side_by_side.table(
            ["", "seconds", "time / ours", "best validation accuracy of each size"], rows
        )
        + side_by_side.not_run(race.failed)
    )


if __name__ == "__main__":
    print(main())
