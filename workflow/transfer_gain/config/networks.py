"""The networks that a backbone can be: those of keras.applications with their sizes, and files."""

from typing import NamedTuple

KERAS_FILE = "keras-file"
ONNX_FILE = "onnx-file"
# Networks that come as a file, each with the ending that its name must have.
FILES = {KERAS_FILE: ".keras", ONNX_FILE: ".onnx"}

# Networks whose features the 2018 paper would have flattened, and up to which side it is sensible.
FLATTENED = ("VGG16", "VGG19")
LARGEST_FLATTENED = 64


class Sides(NamedTuple):
    """Sides of a network's input in pixels: the smallest that Keras builds, and its own."""

    smallest: int
    native: int


_USUAL = Sides(32, 224)
_INCEPTION = Sides(75, 299)

# Every network of keras.applications.
APPLICATIONS: dict[str, Sides] = {
    "VGG16": _USUAL,
    "VGG19": _USUAL,
    "ResNet50": _USUAL,
    "ResNet101": _USUAL,
    "ResNet152": _USUAL,
    "ResNet50V2": _USUAL,
    "ResNet101V2": _USUAL,
    "ResNet152V2": _USUAL,
    "DenseNet121": _USUAL,
    "DenseNet169": _USUAL,
    "DenseNet201": _USUAL,
    "MobileNet": _USUAL,
    "MobileNetV2": _USUAL,
    "MobileNetV3Small": _USUAL,
    "MobileNetV3Large": _USUAL,
    "EfficientNetB0": _USUAL,
    "EfficientNetB1": Sides(32, 240),
    "EfficientNetB2": Sides(32, 260),
    "EfficientNetB3": Sides(32, 300),
    "EfficientNetB4": Sides(32, 380),
    "EfficientNetB5": Sides(32, 456),
    "EfficientNetB6": Sides(32, 528),
    "EfficientNetB7": Sides(32, 600),
    "EfficientNetV2B0": _USUAL,
    "EfficientNetV2B1": Sides(32, 240),
    "EfficientNetV2B2": Sides(32, 260),
    "EfficientNetV2B3": Sides(32, 300),
    "EfficientNetV2S": Sides(32, 384),
    "EfficientNetV2M": Sides(32, 480),
    "EfficientNetV2L": Sides(32, 480),
    "ConvNeXtTiny": _USUAL,
    "ConvNeXtSmall": _USUAL,
    "ConvNeXtBase": _USUAL,
    "ConvNeXtLarge": _USUAL,
    "ConvNeXtXLarge": _USUAL,
    "NASNetMobile": _USUAL,
    "NASNetLarge": Sides(32, 331),
    "InceptionV3": _INCEPTION,
    "InceptionResNetV2": _INCEPTION,
    "Xception": Sides(71, 299),
}
ARCHITECTURES = (*APPLICATIONS, *FILES)


def pooling_of(architecture: str, input_size: int) -> str:
    """Return the default pooling: "none" as in 2018 for a small VGG network, otherwise "avg".

    >>> pooling_of("VGG16", 64), pooling_of("VGG16", 224), pooling_of("ResNet50", 64)
    ('none', 'avg', 'avg')
    """
    small = architecture in FLATTENED and input_size <= LARGEST_FLATTENED
    return "none" if small else "avg"
