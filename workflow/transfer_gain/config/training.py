"""What is trained on the features: heads, and other ways to transfer."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import (
    L2,
    Count,
    Distinct,
    Fraction,
    MaxFraction,
    Positive,
    Section,
    Some,
    SomeDistinct,
)
from transfer_gain.config.paths import format_number

if TYPE_CHECKING:
    from transfer_gain.config.study import Study

Activation = Literal["sigmoid", "elu", "relu", "tanh"]


class TrainingFraction(Section):
    """A fraction of the training images, and how many samples of it are drawn."""

    fraction: Fraction = Field(
        description="Fraction of each class's training images; at least one image must be left."
    )
    replicates: int = Field(
        ge=1,
        le=1000,
        description="Samples drawn at this fraction. Each is trained on from a different "
        "initialization. At fraction 1 all samples have the same images; only initialization and "
        "order differ.",
    )


class CrossFitting(Section):
    """How images without a split of their own are used for training, selection and scoring.

    They are divided into folds: each fold is scored once, the next one selects, and the others
    train. So every image is scored, by methods that have never seen it. This holds for `folder` and
    `solar-cells`, unless `validation_per_class` is given. Every fraction then has one replicate per
    split, whatever `replicates` says.
    """

    folds: int = Field(
        default=6,
        ge=3,
        le=20,
        description="Number of folds. There are fewer if a class would have fewer than two images "
        "in a fold.",
    )
    repeats: int = Field(
        default=2, ge=1, le=20, description="How often the images are divided into folds."
    )

    @property
    def splits(self) -> int:
        """Return the number of splits, unless small classes allow fewer folds."""
        return self.folds * self.repeats


def check_fractions(study: Study) -> None:
    """Refuse a fraction that is there twice, or that leaves a class without an image."""
    fractions = [entry.fraction for entry in study.fractions]
    for index, fraction in enumerate(fractions):
        found = f"fractions[{index}].fraction: found {format_number(fraction)}"
        if fraction in fractions[:index]:
            raise ConfigError(f"{found} twice, allowed: once")
        for dataset in study.transfer_datasets():
            images = dataset.training_per_class
            if images is not None and fraction * min(images, sys.maxsize) < 0.5:  # rounds to 0
                raise ConfigError(
                    f"{found}, which leaves no image of the classes of {dataset.name}, allowed: "
                    f"at least one of their {images} training images each"
                )


def check_chosen(key: str, chosen: tuple[float, ...], study: Study) -> None:
    """Refuse chosen fractions that the study does not have."""
    fractions = [entry.fraction for entry in study.fractions]
    for index, fraction in enumerate(chosen):
        if fraction not in fractions:
            raise ConfigError(
                f"{key}.fractions[{index}]: found {format_number(fraction)}, allowed: one of the "
                f"study's fractions {', '.join(map(format_number, fractions))}"
            )


class Heads(Section):
    """Dense networks trained on the features.

    Each combination of `layers`, `activations` and `learning_rates` is one configuration.
    """

    layers: SomeDistinct[Some[Count]] = Field(
        default=((100,), (100, 50), (100, 50, 25)),
        description="Units of the hidden layers; the softmax output layer is added.",
    )
    activations: SomeDistinct[Activation] = Field(
        default=("sigmoid", "elu"), description="Activation functions of the hidden layers."
    )
    learning_rates: SomeDistinct[Positive] = Field(
        default=(0.01, 0.001, 0.0001), description="Learning rates of Adam."
    )
    batch_size: int = Field(
        default=50,
        ge=1,
        description="Images per batch, at most all training images of a dataset. A smaller sample "
        "is a single batch.",
    )
    epochs: int = Field(
        default=20, ge=1, description="Epochs of a run, unless `min_updates` needs more."
    )
    min_updates: int = Field(
        default=1000,
        ge=0,
        description="Minimum number of updates of a run. It trains for max(`epochs`, "
        "ceil(`min_updates` / batches per epoch)) epochs. 0 trains exactly `epochs`, as the 2018 "
        "paper did.",
    )
    l2: L2 = 0.0001
    stop_at_train_loss: Positive | None = Field(
        default=None,
        description="A run ends at the first of about ten evaluations at which the loss on its "
        "training images, unchanged, is below this (in nats, the mean over classes). null trains "
        "to the end. Runs whose length matters always do: long runs, transfer-augmented and "
        "transfer-extended, fine-tuning.",
    )

    def configurations(self) -> Iterator[dict[str, str]]:
        """Yield the wildcards of every head of the grid, in the config's order."""
        for layers, activation, rate in itertools.product(
            self.layers, self.activations, self.learning_rates
        ):
            yield {
                "layers": "-".join(map(str, layers)),
                "activation": activation,
                "learning_rate": format_number(rate),
            }

    def check(self, study: Study) -> None:
        """Refuse batches larger than a dataset."""
        for dataset in study.transfer_datasets():
            if dataset.training_per_class is None or dataset.class_count is None:
                continue
            images = dataset.training_per_class * dataset.class_count
            if self.batch_size > images:
                raise ConfigError(
                    f"heads.batch_size: found {self.batch_size}, allowed: at most the {images} "
                    f"training images of {dataset.name}"
                )


class LongRuns(Section):
    """The selected configurations, trained again for a fixed number of epochs.

    The 2018 paper did so for its Figure 3.
    """

    fractions: Distinct[Fraction] = Field(
        default=(),
        json_schema_extra={"type": ["array", "null"], "default": None},
        description="Fractions at which this is done; each must be one of the study's "
        "`fractions`. null stands for 0.01 and 0.001, if the study has them.",
    )
    epochs: int = Field(
        default=200,
        ge=1,
        description="Epochs of a long run, with an evaluation after each. `min_updates` does not "
        "apply, because the learning curve is what matters here, as in the 2018 paper. At the "
        "smallest fractions a run of the grid can have more updates.",
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_none_given(cls, values: Any) -> Any:
        """Leave out `fractions: null`, which the study replaces like fractions not given."""
        if isinstance(values, dict) and "fractions" in values and values["fractions"] is None:
            return {key: value for key, value in values.items() if key != "fractions"}
        return values

    def with_default_fractions(self, known: tuple[float, ...]) -> LongRuns:
        """Return long runs at the fractions given, else at those of the 2018 paper if known."""
        if "fractions" in self.model_fields_set:
            return self
        fractions = tuple(fraction for fraction in (0.01, 0.001) if fraction in known)
        return self.model_copy(update={"fractions": fractions})

    def check(self, study: Study) -> None:
        """Refuse fractions that the study does not have."""
        check_chosen("long_runs", self.fractions, study)


class TransferAugmented(Section):
    """Transfer with augmentation, which the 2018 paper left to further work.

    The selected head is trained on the features of augmented copies as well. For comparison, the
    same head is trained with as many updates on the images alone (method transfer-extended). This
    is done under protocol `held-out` alone for `folder` and `solar-cells` without
    `validation_per_class`. Backbones with random weights are left out.
    """

    max_fraction: MaxFraction = 0.01
    copies: int = Field(
        default=5, ge=1, le=100, description="Augmented copies of each training image."
    )


class LinearProbe(Section):
    """Multinomial logistic regression on the same features, for reference.

    Backbones with random weights are left out.
    """

    max_fraction: MaxFraction = 0.1
    l2: SomeDistinct[Positive] = Field(
        default=(1.0, 0.1, 0.01, 0.001),
        description="Weights of the L2 penalty to choose from, defined as in `heads`.",
    )


class FineTuning(Section):
    """The selected head, trained again together with the last layers of its backbone.

    Those are the layers from `fine_tune_from` on. Fine-tuning is off by default, because it is slow
    without a GPU. It is done under protocol `held-out` alone. Backbones with random weights are
    left out.
    """

    max_fraction: MaxFraction = 0.0
    min_fraction: float = Field(
        default=0.0, ge=0, le=1, description="The method is left out at smaller fractions."
    )
    learning_rates: SomeDistinct[Positive] = Field(
        default=(0.00001,),
        description="Learning rates of Adam to choose from, for backbone and head.",
    )
    epochs: int = Field(
        default=10, ge=1, description="Epochs of a run, unless `min_updates` needs more."
    )
    min_updates: int = Field(default=200, ge=0, description="Minimum number of updates of a run.")

    def check(self, study: Study) -> None:
        """Refuse fine-tuning of no backbone."""
        backbones = study.backbones.values()
        if self.max_fraction and self.min_fraction > self.max_fraction:
            raise ConfigError(
                f"fine_tuning.min_fraction: found {format_number(self.min_fraction)}, allowed: at "
                f"most max_fraction, {format_number(self.max_fraction)}"
            )
        if self.max_fraction and not any(backbone.fine_tune_from for backbone in backbones):
            raise ConfigError(
                f"fine_tuning.max_fraction: found {format_number(self.max_fraction)}, allowed: 0 "
                "if no backbone has fine_tune_from"
            )
