"""Linear probes of a study of one's own images, compared with scikit-learn's cross-validation.

All fit the same splits of small studies with the same penalties. Features are VGG16's at 64 pixels.
The losses on the images of a split that are not trained on must agree.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence

import numpy as np

import learning_curves
import side_by_side
from early_stopping import own_images, studies
from side_by_side import WORK, Contestant
from transfer_gain.data.replicates import Replicates
from transfer_gain.methods import linear_probe

OURS = "transfer-gain"
# Largest accepted difference of a loss from ours, relative, or in nats if the loss is below 1. In
# `LogisticRegressionCV` all splits share the scale of the features, on which the penalty depends.
TOLERANCE = 0.1


def ours(data: Replicates, penalties: Sequence[float]) -> Callable[[int], np.ndarray]:
    """Prepare our probes, which also score by all metrics and return predictions."""

    def run(number: int) -> np.ndarray:
        runs = linear_probe.fit(data, penalties, (1, "probes", "1"))["runs"]
        return runs.pivot(index="replicate", columns="l2", values="validation_loss")[
            list(penalties)
        ].to_numpy()

    return run


def cross_validation(data: Replicates, penalties: Sequence[float]) -> Callable[[int], np.ndarray]:
    """Prepare `LogisticRegressionCV`: from the strongest penalty on, each starts at the last."""
    from sklearn.linear_model import LogisticRegressionCV

    scored = data.selection | data.test
    splits = [
        (sample, np.flatnonzero(own)) for sample, own in zip(data.samples, scored, strict=True)
    ]
    labels = data.labels[data.samples[0]]
    strengths = [linear_probe.inverse_penalty(l2, labels) for l2 in penalties]

    def run(number: int) -> np.ndarray:
        search = LogisticRegressionCV(
            Cs=strengths,
            cv=splits,
            scoring="neg_log_loss",
            refit=False,
            max_iter=linear_probe.ITERATIONS,
            l1_ratios=(0,),
            use_legacy_attributes=False,
        )
        scale = linear_probe.root_mean_square(data.features)
        search.fit(data.features / scale, data.labels)
        return -search.scores_.reshape(len(splits), len(penalties))

    return run


def agree(made: Mapping[str, np.ndarray]) -> None:
    """Raise an error if a peer's losses differ from ours."""
    for name, losses in made.items():
        np.testing.assert_allclose(losses, made[OURS], TOLERANCE, TOLERANCE, err_msg=name)


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=350)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="our jobs have one")
    options = parser.parse_args(arguments)
    WORK.mkdir(parents=True, exist_ok=True)
    penalties = sorted(own_images().linear_probe.l2, reverse=True)
    sections = []
    for name, source, _ in learning_curves.sources(WORK):
        _, data = next(studies(source, options.images, "gray"))
        data = data._replace(features=learning_curves.vgg16(WORK)(data.features))
        contestants = [
            Contestant(each, prepare, (data, penalties))
            for each, prepare in (
                (OURS, ours),
                ("scikit-learn, LogisticRegressionCV", cross_validation),
            )
        ]
        race = side_by_side.race(contestants, options.rounds, options.threads, check=agree)
        sections.append(
            f"{name}: {len(data.samples)} splits of {options.images} images, "
            f"{data.samples.shape[1]} to train on, {data.features.shape[1]:,} features, "
            f"{data.classes} classes, {len(penalties)} penalties; {options.rounds} rounds on "
            f"{options.threads} core.\n\n" + side_by_side.times(race, OURS)
        )
    return "\n\n".join(sections)


if __name__ == "__main__":
    print(main())
