"""One-shot learning: what is trained on, for how long, and what is tested."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import L2, Count, Distinct, LearningRate, Section, SomeDistinct
from transfer_gain.names import CONTROLS, EPOCH_IS_BATCH, EPOCH_UNITS, FIRST, SECOND
from transfer_gain.printable import shown

if TYPE_CHECKING:
    from transfer_gain.config.study import Study

TwoOrMore = Annotated[int, Field(ge=2)]
Variant = Literal[
    "square-root",
    "standardised",
    "standardised-root",
    "whitening",
    "within-class-whitening",
    "supervised-contrastive",
    "prototypical",
    "near-identity",
]


class OneShot(Section):
    """One-shot learning with the 2018 paper's Siamese network, and the similarity of the datasets.

    null leaves out both. The first approach trains on some classes of the target dataset and is
    tested on its other classes. The second approach trains on a related dataset and is tested on
    all classes of the target. All tests draw from the validation images of the target, or
    from its test images if it came with any.
    """

    target: str = Field(description="Name of the dataset whose classes are recognized.")
    related: str | None = Field(
        default=None,
        description="Name of the dataset that the second approach trains on; null for no second "
        "approach.",
    )
    backbone: str = Field(description="Name of the backbone whose features are used.")
    seen_classes: int = Field(
        default=3,
        ge=2,
        description="Number of classes of the target that the first approach trains on: the first "
        "ones.",
    )
    per_class: int = Field(
        default=900, ge=2, description="Training images of each of these classes."
    )
    batch_size: int = Field(default=36, ge=2, description="Pairs per batch in the first approach.")
    batches: int = Field(
        default=50,
        ge=1,
        description="Epochs of the first approach if an epoch is one batch, as in the 2018 paper "
        "(`epoch_unit` is `batch`).",
    )
    passes: int = Field(
        default=10,
        ge=1,
        description="Epochs of the first approach if an epoch has as many pairs as there are "
        "training images (`epoch_unit` is `pass`).",
    )
    related_batch_sizes: SomeDistinct[TwoOrMore] = Field(
        default=(96, 198),
        description="Pairs per batch in the second approach; each number is tried.",
    )
    related_epochs: int = Field(
        default=50, ge=1, description="Epochs of the second approach, whatever an epoch is."
    )
    learning_rate: LearningRate = 0.001
    l2: L2 = 0.0001
    replicates: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Trainings with different initializations and pairs. Each is tested on tasks "
        "of its own.",
    )
    tasks: int = Field(
        default=2000,
        ge=320,
        description="One-shot tasks before and after training, for each group of classes. After "
        "each epoch in between, 320 of them are used, as in the 2018 paper. A task is a query, one "
        "image of its class and six images of other classes.",
    )
    test_per_class: int = Field(
        default=60,
        ge=2,
        description="Validation images per class that a replicate's tasks draw from.",
    )
    ways: SomeDistinct[TwoOrMore] = Field(
        default=(4, 7),
        description="Classes of a few-shot episode (N-way); all classes if there are fewer.",
    )
    shots: SomeDistinct[Count] = Field(
        default=(1, 5), description="Support images per class of an episode (K-shot)."
    )
    queries: int = Field(default=10, ge=1, description="Query images per class of an episode.")
    episodes: int = Field(
        default=600, ge=2, description="Episodes per replicate, for each number of ways and shots."
    )
    variants: Distinct[Variant] = Field(
        default=(
            "square-root",
            "standardised",
            "standardised-root",
            "whitening",
            "within-class-whitening",
            "supervised-contrastive",
            "prototypical",
            "near-identity",
        ),
        description="Other ways to learn from the same images, for comparison with the Siamese "
        "network.",
    )
    variant_batch_size: int = Field(
        default=96,
        ge=8,
        description="Approximate number of images per batch of the variants that are trained by "
        "gradient descent.",
    )
    variant_updates: int = Field(
        default=50,
        ge=1,
        description="Updates of these variants. The default is also the 2018 paper's number of "
        "batches. It was chosen with knowledge of the accuracy on the unseen classes of `avatars`.",
    )
    compared_per_class: int = Field(
        default=60,
        ge=2,
        description="Images per class for the similarity of classes; fewer if the smallest class "
        "has fewer.",
    )

    @property
    def approaches(self) -> dict[str, str]:
        """Return the names of the approaches, with the dataset that each trains on."""
        trained_on = {FIRST: self.target}
        return trained_on | ({SECOND: self.related} if self.related else {})

    @property
    def methods(self) -> list[dict[str, str]]:
        """Return the wildcards of everything that is tested beside the Siamese network."""
        return [
            {"approach": approach, "variant": variant}
            for approach in self.approaches
            for variant in (CONTROLS, *self.variants)
        ]

    def trainings(self) -> Iterator[dict[str, str]]:
        """Yield the wildcards of every training of the Siamese network."""
        sizes = {FIRST: (self.batch_size,), SECOND: self.related_batch_sizes}
        for approach in self.approaches:
            for batch, epoch_unit in itertools.product(sizes[approach], EPOCH_UNITS):
                yield {"approach": approach, "batch": str(batch), "epoch_unit": epoch_unit}

    def epochs(self, approach: str, epoch_unit: str) -> int:
        """Return the epochs of a training; `epoch_unit` says what an epoch is."""
        if approach == SECOND:
            return self.related_epochs
        return self.batches if epoch_unit == EPOCH_IS_BATCH else self.passes

    def draws(self, approach: str) -> dict[str, Any]:
        """Return what an approach trains on and is tested on, as few-shot learning takes it."""
        first = approach == FIRST
        return {
            "seen": self.seen_classes if first else 0,
            "per_class": self.per_class if first else None,
            "test_per_class": self.test_per_class,
            "replicates": self.replicates,
            "tasks": self.tasks,
            "few_shot": {
                "ways": self.ways,
                "shots": self.shots,
                "queries": self.queries,
                "episodes": self.episodes,
            },
        }

    def check(self, study: Study) -> None:
        """Refuse datasets and backbones that are not there, or too small for this."""
        self._check_names(study)
        self._check_images(study)

    def _check_names(self, study: Study) -> None:
        """Refuse datasets that the study does not have, and a backbone of only some images."""
        known: dict[str, Collection[str]] = {
            "target": study.datasets,
            "related": study.datasets,
            "backbone": study.backbones,
        }
        for key, names in known.items():
            name = getattr(self, key)
            if name is not None and name not in names:
                raise ConfigError(
                    f"one_shot.{key}: found {shown(name)}, allowed: one of the study's "
                    f"{', '.join(names)}"
                )
        if self.related == self.target:
            raise ConfigError(
                f"one_shot.related: found '{self.related}', the target itself, allowed: another "
                "dataset, or null"
            )
        if "1" not in study.fraction_names(self.backbone):
            raise ConfigError(
                f"one_shot.backbone: found '{self.backbone}', which not all images pass through, "
                "allowed: a backbone with max_fraction: 1, and 1 as one of the study's fractions"
            )

    def _check_images(self, study: Study) -> None:
        """Refuse too few images or classes."""
        if self.related and study.datasets[self.related].training_per_class == 1:
            raise ConfigError(
                f"datasets.{self.related}.training_per_class: found 1, allowed: at least 2, from "
                "which one_shot makes pairs"
            )
        target = study.datasets[self.target]
        limits = {
            "seen_classes": (2, target.class_count and target.class_count - 2, "classes"),
            "per_class": (2, target.training_per_class, "training images per class"),
            "test_per_class": (
                max(self.shots) + self.queries,
                target.validation_per_class,
                "validation images per class, at least the shots and queries of an episode",
            ),
        }
        for key, (least, most, what) in limits.items():
            value = getattr(self, key)
            if value < least or (most is not None and value > most):
                upper = "" if most is None else f" and at most {most}"
                raise ConfigError(
                    f"one_shot.{key}: found {value}, allowed: at least {least}{upper} ({what} of "
                    f"{target.name})"
                )
