"""The 2018 paper's sweep of heads on clothes, from features to `runs`, compared with scripts.

Our time is that of the workflow, including the start of Snakemake and one process per job. A peer
is one process that loops over configurations. It reads the same features and writes one row per
configuration.
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
# Largest accepted difference of a fraction's best accuracy from ours.
TOLERANCE = 0.05


def made_by(about: Study, pattern: str) -> list[str]:
    """Return the paths that a pattern stands for in a study of clothes on VGG16."""
    return [
        pattern.format(dataset="clothes", backbone="vgg16", fraction=fraction, **head, epochs=20)
        for fraction in about.fraction_names()
        for head in about.heads.configurations()
    ]


def ours(config: Path, about: Study, threads: int) -> Callable[[int], Timed]:
    """Prepare the workflow: it makes all runs of the grid, none of which exists."""
    paths = about.paths
    runs = made_by(about, f"{paths.head}/runs.parquet")
    inputs = {
        file
        for each in (paths.features, paths.samples, paths.validation_roles)
        for file in made_by(about, each)
    }

    def run(number: int) -> Timed:
        # Another study may have overwritten the samples.
        study.snakemake(config, threads, *sorted(inputs))
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
    """Prepare a peer: a script that trains the whole grid."""
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
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=6000, help="training images per class")
    parser.add_argument(
        "--fractions", type=float, nargs="+", default=[1, 0.1, 0.01, 0.001], help="including 1"
    )
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.001, 0.0001])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    threads = options.threads
    # The peers run after ours and read its samples. All read the same features.
    studies = {
        name: study.save(
            study.clothes(options.per_class, replicates, options.fractions, options.rates),
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
        raise ValueError(f"{', '.join(off)}: accuracy differs from ours\n{best}")
    rows = [
        [
            name,
            side_by_side.spread(seconds, 1),
            side_by_side.ratio(seconds, race.seconds[OURS]),
            " / ".join(f"{accuracy:.3f}" for accuracy in best[name]),
        ]
        for name, seconds in race.seconds.items()
    ]
    jobs = len(made_by(studies[OURS][1], "{fraction}"))
    return (
        f"{jobs} heads on VGG16's features of {7 * options.per_class:,} images, fractions "
        f"{', '.join(map(str, sorted(options.fractions)))}, one replicate unless stated otherwise, "
        f"learning rate{'s' * (len(options.rates) > 1)} {', '.join(map(str, options.rates))}, "
        f"{options.rounds} round{'s' * (options.rounds > 1)}, {threads} threads. We "
        "score a run six times on training and validation images, a peer once. scikit-learn "
        "has no ELU, so it uses ReLU.\n\n"
        + side_by_side.table(
            ["", "seconds", "time / ours", "best validation accuracy per fraction"], rows
        )
        + side_by_side.not_run(race.failed)
    )


if __name__ == "__main__":
    print(main())
