"""The backbones of a study: frozen networks whose features are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import FROM_LIST, Fraction, Named, Weights, is_elsewhere, is_file
from transfer_gain.config.network_files import ImageInput, NetworkFileError, image_input
from transfer_gain.config.networks import (
    APPLICATIONS,
    ARCHITECTURES,
    FILES,
    ONNX_FILE,
    pooling_of,
)
from transfer_gain.config.paths import format_number
from transfer_gain.names import FROM_SCRATCH, IMAGENET, RANDOM_WEIGHTS
from transfer_gain.printable import shown

if TYPE_CHECKING:
    from transfer_gain.config.study import Study


def _known_architecture(name: str) -> str:
    """Refuse a network that is in no library and no file."""
    if name not in ARCHITECTURES:
        raise PydanticCustomError("literal_error", "a network")
    return name


Architecture = Annotated[
    str,
    AfterValidator(_known_architecture),
    Field(json_schema_extra={"enum": list(ARCHITECTURES)}),
]
NATIVE = "native"
# One number per channel: red, green, blue.
PerChannel = Annotated[tuple[float, ...], Field(min_length=3, max_length=3), FROM_LIST]


def _or_native(schema: dict[str, Any]) -> None:
    """Let the JSON schema of a size allow `native`."""
    number = {key: schema.pop(key) for key in ("type", "minimum", "maximum")}
    schema["anyOf"] = [number, {"const": NATIVE}]


class Backbone(Named):
    """A frozen network, cut at a layer."""

    architecture: Architecture = Field(
        description="Name of the network in `keras.applications`; or `keras-file` for a network "
        "that Keras saved (.keras), `onnx-file` for one in ONNX (.onnx), whose file is `weights`. "
        "Of a file, only operations of Keras and ONNX themselves are executed."
    )
    weights: Weights = Field(
        default=IMAGENET,
        description="`imagenet`, `none` or the path of a file of weights without the top, as Keras "
        "saves them (.h5, .weights.h5). `none` stands for random weights: a control that shows how "
        "much of the gain comes from pretraining and how much from the architecture. It is "
        "compared with the backbones of the same `architecture`, `layer`, `input_size` and "
        "`pooling`. For a network that comes as a file, the path of that file.",
    )
    layer: str = Field(
        default="last",
        min_length=1,
        validate_default=True,
        description="Layer whose output is the features. `last` is the layer before the top "
        "(block5_pool in VGG16). In an ONNX network, an output or any inner tensor; `last` is its "
        "first output.",
    )
    input_size: int = Field(
        default=64,
        ge=32,
        le=1024,
        title="whole number from 32 to 1024, or native",
        description="Side in pixels of the images that enter the network. `native` is the side "
        "that the network was made for (224 for most), and the default of a network that comes as "
        "a file. If this is larger than the dataset's `image_size` and its source has larger "
        "pictures, these are stored at this size as well; otherwise the images are resized.",
        json_schema_extra=_or_native,
    )
    pooling: Literal["auto", "none", "avg", "max"] = Field(
        default="auto",
        validate_default=True,
        description="How the places of an image become one vector of features: `none` flattens "
        "them, as the 2018 paper did; `avg` and `max` keep one number per channel. `auto` is "
        "`none` for VGG16 and VGG19 up to 64 pixels, and `avg` for every other network.",
    )
    mean: PerChannel | None = Field(
        default=None,
        description="Means of red, green and blue, which are subtracted from pixels between 0 and "
        "1; usually [0.485, 0.456, 0.406]. Required for an ONNX network, unless it takes bytes. "
        "Null for a network of `keras.applications`, which has its own preprocessing; for a "
        "`keras-file` null leaves pixels from 0 to 255.",
    )
    scale: PerChannel | None = Field(
        default=None,
        description="Standard deviations of red, green and blue, by which the differences are "
        "divided; usually [0.229, 0.224, 0.225].",
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
    augmented_copies: bool = Field(
        default=True,
        description="Whether `transfer_augmented` uses this network, for transfer-augmented and "
        "transfer-extended: each image passes through it once more for every copy.",
    )
    optional: bool = Field(
        default=False,
        description="Whether the study does without this network if its ImageNet weights cannot be "
        "fetched. Whether they can is asked when the study is first planned, and remembered.",
    )

    @field_validator("layer")
    @classmethod
    def _one_name(cls, layer: str, info: ValidationInfo) -> str:
        """Return a layer by one name, so that equal cuts are equal."""
        is_last = layer == "last" and info.data.get("architecture") == "VGG16"
        return "block5_pool" if is_last else layer

    @model_validator(mode="before")
    @classmethod
    def _native_for_a_file(cls, values: Any) -> Any:
        """Give a network that comes as a file its own size, unless another is asked for."""
        if isinstance(values, dict) and str(values.get("architecture")) in FILES:
            return {"input_size": NATIVE, **values}
        return values

    @field_validator("input_size", mode="before")
    @classmethod
    def _in_pixels(cls, size: Any, info: ValidationInfo) -> Any:
        """Return the size that `native` stands for."""
        architecture, weights = info.data.get("architecture"), info.data.get("weights")
        if size != NATIVE:
            if isinstance(size, str):
                raise PydanticCustomError("size", "a whole number from 32 to 1024, or native")
            return size
        if architecture in APPLICATIONS:
            return APPLICATIONS[architecture].native
        try:
            side = image_input(architecture, weights or "").side if architecture in FILES else 64
        except NetworkFileError:
            return 64  # `check` refuses the file
        if side is None:
            raise PydanticCustomError("size", "a number, since this network takes any size")
        return side

    @field_validator("pooling")
    @classmethod
    def _resolved(cls, pooling: str, info: ValidationInfo) -> str:
        """Return the pooling that `auto` stands for."""
        if pooling != "auto" or not {"architecture", "input_size"} <= info.data.keys():
            return pooling
        return pooling_of(info.data["architecture"], info.data["input_size"])

    @property
    def cut(self) -> dict[str, Any]:
        """Return what the network is built from, apart from its weights.

        What has no effect is left out, so that equal networks are equal.
        """
        cut: dict[str, Any] = {
            "architecture": self.architecture,
            "layer": self.layer,
            "input_size": self.input_size,
        }
        if self.pooling != "none":
            cut["pooling"] = self.pooling
        if self.mean is not None and self.scale is not None:
            cut |= {"mean": list(self.mean), "scale": list(self.scale)}
        return cut

    @property
    def is_trained(self) -> bool:
        """Whether the network is pretrained; one with random weights is a control."""
        return self.weights != RANDOM_WEIGHTS

    @property
    def matches_2018(self) -> bool:
        """Whether this is the network whose features the 2018 paper used."""
        network = (self.architecture, self.weights, self.layer, self.input_size, self.pooling)
        return network == ("VGG16", IMAGENET, "block5_pool", 64, "none")

    def check(self) -> None:
        """Refuse a network that cannot be built."""
        if self.name == FROM_SCRATCH:
            raise ConfigError(
                f"backbones.{self.name}: found the name that stands for no backbone, allowed: any "
                "other"
            )
        if self.optional and self.weights != IMAGENET:
            raise self._refuse("optional", True, f"false with weights {shown(self.weights)}")
        if self.architecture in APPLICATIONS:
            self._check_application()
        else:
            self._check_file()

    def _refuse(self, key: str, found: object, allowed: str) -> ConfigError:
        return ConfigError(f"backbones.{self.name}.{key}: found {found}, allowed: {allowed}")

    def _check_application(self) -> None:
        """Refuse a network of keras.applications that cannot be built."""
        smallest = APPLICATIONS[self.architecture].smallest
        if self.input_size < smallest:
            raise self._refuse(
                "input_size", self.input_size, f"at least {smallest} for {self.architecture}"
            )
        own = self.weights not in (IMAGENET, RANDOM_WEIGHTS)
        if own and not (is_file(self.weights) or is_elsewhere(self.weights)):
            raise self._refuse(
                "weights",
                f"{shown(self.weights)}, which is no file",
                "imagenet, none or the path of a file of weights",
            )
        for key in ("mean", "scale"):
            if getattr(self, key) is not None:
                raise self._refuse(
                    key,
                    list(getattr(self, key)),
                    f"null for {self.architecture}, whose own is used",
                )

    def _check_file(self) -> None:
        """Refuse a file that is no network of images, or settings that do not fit it."""
        if not is_file(self.weights):
            raise self._refuse(
                "weights",
                f"{shown(self.weights)}, which is no file",
                f"the path of a network, *{FILES[self.architecture]}",
            )
        try:
            image = image_input(self.architecture, self.weights)
        except NetworkFileError as error:
            raise ConfigError(f"backbones.{self.name}.weights: {error}") from error
        if image.side not in (None, self.input_size):
            raise self._refuse("input_size", self.input_size, f"{image.side} for this network")
        self._check_scaling(image)
        if self.architecture == ONNX_FILE and self.fine_tune_from:
            raise self._refuse(
                "fine_tune_from", shown(self.fine_tune_from), "null for an ONNX network"
            )

    def _check_scaling(self, image: ImageInput) -> None:
        """Refuse a mean without a scale, none where pixels need them, and a scale of 0."""
        given = {key: getattr(self, key) for key in ("mean", "scale")}
        missing = [key for key, values in given.items() if values is None]
        if image.dtype == "uint8" and len(missing) < 2:
            raise self._refuse("mean", "numbers", "null for a network that takes bytes")
        needed = self.architecture == ONNX_FILE and image.dtype != "uint8"
        if missing and (needed or len(missing) == 1):
            raise self._refuse(
                missing[0], "null", "three numbers, such as those in its description"
            )
        if self.scale is not None and min(self.scale) <= 0:
            raise self._refuse("scale", list(self.scale), "three numbers greater than 0")


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
