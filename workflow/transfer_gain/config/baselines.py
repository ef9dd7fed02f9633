"""Networks that are trained from scratch, and the augmentation of their images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import (
    Count,
    Distinct,
    Fraction,
    LearningRate,
    List,
    MaxFraction,
    Positive,
    Section,
    Some,
    SomeDistinct,
)
from transfer_gain.config.training import Activation, check_chosen

if TYPE_CHECKING:
    from transfer_gain.config.study import Study

Filters = Annotated[int, Field(ge=1, description="Filters of the convolution.")]
Pooling = Annotated[int, Field(ge=1, description="Side and stride of the max pooling.")]
Units = Annotated[
    List[Count],
    Field(description="Units of the hidden dense layers; the softmax output layer is added."),
]
NetworkActivation = Annotated[
    Activation, Field(description="Activation function of all layers but the last.")
]


class Network(Section):
    """The shape of a network of one convolutional layer."""

    filters: Filters = 32
    kernel: int = Field(default=5, ge=1, description="Side of the convolution's window in pixels.")
    stride: int = Field(default=2, ge=1, description="Stride of the convolution.")
    pooling: Pooling = 4
    units: Units = (100,)
    activation: NetworkActivation = "relu"

    @property
    def network(self) -> Network:
        """Return the shape alone."""
        return Network(**{key: getattr(self, key) for key in Network.model_fields})

    def _check_pooling(self, key: str, study: Study) -> None:
        """Refuse to pool more than the convolution leaves."""
        for dataset in study.transfer_datasets():
            left = -(-dataset.image_size // self.stride)
            if left < self.pooling:
                raise ConfigError(
                    f"{key}.pooling: found {self.pooling}, which with stride {self.stride} leaves "
                    f"nothing of {dataset.name}'s {dataset.image_size} pixels, allowed: at most "
                    f"{left}"
                )


class Baseline(Network):
    """A shallow network trained from scratch on the images.

    It has one convolution, max pooling and dense layers. Batch size, epochs, `min_updates`, `l2`
    and `stop_at_train_loss` are those of `heads`. The 2018 paper says only that its own baseline is
    shallow and has one convolutional layer.
    """

    max_tuned_fraction: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Up to this fraction, all learning rates of `heads` are tried, with and "
        "without augmentation; above it, only `learning_rates`.",
    )
    learning_rates: SomeDistinct[Positive] = Field(
        default=(0.001,),
        description="Learning rates of Adam at fractions above `max_tuned_fraction`.",
    )

    def check(self, study: Study) -> None:
        """Refuse a network that the images are too small for."""
        self._check_pooling("baseline", study)


class Baseline2018(Network):
    """A second baseline, as weak as the 2018 paper's text allows.

    It allows a comparison with the paper's Table 4. It has few filters, sigmoids, no hidden dense
    layer and one learning rate. It trains for exactly the `epochs` of `heads`, whatever
    `min_updates` is.
    """

    fractions: Distinct[Fraction] = Field(
        default=(),
        description="Fractions at which it is trained; each must be one of the study's "
        "`fractions`.",
    )
    filters: Filters = 8
    pooling: Pooling = 8
    units: Units = ()
    activation: NetworkActivation = "sigmoid"
    learning_rate: LearningRate = 0.001

    def check(self, study: Study) -> None:
        """Refuse fractions that the study does not have, and too small images."""
        check_chosen("baseline_2018", self.fractions, study)
        if self.fractions:
            self._check_pooling("baseline_2018", study)


class ResnetScratch(Section):
    """A residual network with batch normalization, trained from scratch with TrivialAugment.

    It is another rival to transfer, deeper than the baseline and slower to learn. A stem and one
    residual block per stage halve the sides of the image. Each training image is changed by one
    random operation of random strength (Müller & Hutter 2021), and shifted and mirrored as
    `augmentation` says. Batch size, epochs, `min_updates`, `l2` and `stop_at_train_loss` are those
    of `heads`, learning rates those of `baseline`.
    """

    max_fraction: MaxFraction = 0.0
    filters: Some[Count] = Field(
        default=(16, 32, 64),
        description="Filters of each stage; the stem has those of the first.",
    )


class Augmentation(Section):
    """Random affine transformations of the training images.

    The baseline gets a new one for every image of every batch; `transfer_augmented` uses fixed
    copies. Pixels from outside the image repeat its edge.
    """

    rotation: float = Field(
        default=10.0, ge=0, le=180, description="Maximum angle in degrees, either way."
    )
    shift: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Maximum share of the side, either way, along each axis.",
    )
    zoom: float = Field(
        default=0.1, ge=0, le=0.9, description="Maximum share by which images grow or shrink."
    )
    shear: float = Field(
        default=5.0, ge=0, le=60, description="Maximum angle in degrees, either way."
    )
    flip: bool = Field(
        default=True, description="Whether half of the images are mirrored left to right."
    )
