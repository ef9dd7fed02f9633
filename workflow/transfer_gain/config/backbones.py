"""The backbones of a study: frozen networks whose features are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationInfo, field_validator

from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import Fraction, Named, Weights, is_file
from transfer_gain.config.paths import format_number
from transfer_gain.names import FROM_SCRATCH, IMAGENET, RANDOM_WEIGHTS
from transfer_gain.printable import shown

if TYPE_CHECKING:
    from transfer_gain.config.study import Study

Architecture = Literal[
    "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2",
    "ResNet152V2", "DenseNet121", "DenseNet169", "DenseNet201", "MobileNet", "MobileNetV2",
    "MobileNetV3Small", "MobileNetV3Large", "EfficientNetB0", "EfficientNetB1", "EfficientNetB2",
    "EfficientNetB3", "EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7",
    "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3",
    "EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L", "ConvNeXtTiny", "ConvNeXtSmall",
    "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge", "NASNetMobile", "NASNetLarge",
    "InceptionV3", "InceptionResNetV2", "Xception",
]  # fmt: skip

# Sides in pixels below which keras.applications builds no network; 32 for all others.
SMALLEST_INPUT = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}


class Backbone(Named):
    """A frozen network, cut at a layer."""

    architecture: Architecture = Field(description="Name of the network in `keras.applications`.")
    weights: Weights = Field(
        default=IMAGENET,
        description="`imagenet`, `none` or the path of a file of weights without the top, as Keras "
        "saves them (.h5, .weights.h5). `none` stands for random weights: a control that shows how "
        "much of the gain comes from pretraining and how much from the architecture. It is "
        "compared with the backbones of the same `architecture`, `layer` and `input_size`.",
    )
    layer: str = Field(
        default="last",
        min_length=1,
        validate_default=True,
        description="Layer whose flattened output is the features. `last` is the layer before the "
        "top (block5_pool in VGG16).",
    )
    input_size: int = Field(
        default=64,
        ge=32,
        le=1024,
        description="Side in pixels to which images are resized before they enter the network.",
    )
    max_fraction: Fraction = Field(
        default=1.0,
        description="Largest fraction at which heads are trained on this backbone. Below 1, only "
        "the images in a sample pass through the network.",
    )
    fine_tune_from: str | None = Field(
        default=None,
        min_length=1,
        description="First layer that fine-tuning trains, together with all layers after it "
        "(block5_conv1 for the last block of VGG16); null for no fine-tuning of this network.",
    )

    @field_validator("layer")
    @classmethod
    def _one_name(cls, layer: str, info: ValidationInfo) -> str:
        """Return a layer by one name, so that equal cuts are equal."""
        is_last = layer == "last" and info.data.get("architecture") == "VGG16"
        return "block5_pool" if is_last else layer

    @property
    def cut(self) -> dict[str, str | int]:
        """Return what the network is built from, apart from its weights."""
        return {
            "architecture": self.architecture,
            "layer": self.layer,
            "input_size": self.input_size,
        }

    @property
    def is_trained(self) -> bool:
        """Whether the network is pretrained; one with random weights is a control."""
        return self.weights != RANDOM_WEIGHTS

    @property
    def matches_2018(self) -> bool:
        """Whether this is the network whose features the 2018 paper used."""
        network = (self.architecture, self.weights, self.layer, self.input_size)
        return network == ("VGG16", IMAGENET, "block5_pool", 64)

    def check(self) -> None:
        """Refuse a network that cannot be built."""
        if self.name == FROM_SCRATCH:
            raise ConfigError(
                f"backbones.{self.name}: found the name that stands for no backbone, allowed: any "
                "other"
            )
        smallest = SMALLEST_INPUT.get(self.architecture, 32)
        if self.input_size < smallest:
            raise ConfigError(
                f"backbones.{self.name}.input_size: found {self.input_size}, allowed: at least "
                f"{smallest} for {self.architecture}"
            )
        if self.weights not in (IMAGENET, RANDOM_WEIGHTS) and not is_file(self.weights):
            raise ConfigError(
                f"backbones.{self.name}.weights: found {shown(self.weights)}, which is no file, "
                "allowed: imagenet, none or the path of a file of weights"
            )


def check_backbones(study: Study) -> None:
    """Refuse backbones that leave nothing to transfer."""
    for backbone in study.backbones.values():
        backbone.check()
    trained = [backbone for backbone in study.backbones.values() if backbone.is_trained]
    if not trained:
        raise ConfigError(
            "backbones: found only random weights, which have nothing to transfer, allowed: at "
            "least one with other weights"
        )
    smallest = min(fraction.fraction for fraction in study.fractions)
    largest = max(trained, key=lambda backbone: backbone.max_fraction)
    if largest.max_fraction < smallest:
        raise ConfigError(
            f"backbones.{largest.name}.max_fraction: found {format_number(largest.max_fraction)}, "
            f"which leaves no fraction with a trained backbone, allowed: at least "
            f"{format_number(smallest)}"
        )
