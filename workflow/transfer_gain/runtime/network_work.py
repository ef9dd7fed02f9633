"""How much work an image is to the networks of keras.applications."""

from collections.abc import Mapping

from transfer_gain.config.networks import APPLICATIONS

# Billions of multiplications for an image of a network's own size, without its top: those of
# depthwise convolutions apart. A test counts them in Keras' own networks.
MULTIPLICATIONS: Mapping[str, tuple[float, float]] = {
    "VGG16": (15.347, 0),
    "VGG19": (19.508, 0),
    "ResNet50": (3.856, 0),
    "ResNet101": (7.568, 0),
    "ResNet152": (11.28, 0),
    "ResNet50V2": (3.48, 0),
    "ResNet101V2": (7.192, 0),
    "ResNet152V2": (10.905, 0),
    "DenseNet121": (2.833, 0),
    "DenseNet169": (3.358, 0),
    "DenseNet201": (4.289, 0),
    "MobileNet": (0.55, 0.0174),
    "MobileNetV2": (0.279, 0.0207),
    "MobileNetV3Small": (0.047, 0.0075),
    "MobileNetV3Large": (0.196, 0.0184),
    "EfficientNetB0": (0.35, 0.0345),
    "EfficientNetB1": (0.625, 0.0604),
    "EfficientNetB2": (0.912, 0.0798),
    "EfficientNetB3": (1.692, 0.1333),
    "EfficientNetB4": (4.093, 0.2991),
    "EfficientNetB5": (9.655, 0.6096),
    "EfficientNetB6": (18.014, 1.0518),
    "EfficientNetB7": (35.883, 1.8603),
    "EfficientNetV2B0": (0.706, 0.0113),
    "EfficientNetV2B1": (1.179, 0.0164),
    "EfficientNetV2B2": (1.673, 0.0235),
    "EfficientNetV2B3": (2.971, 0.0392),
    "EfficientNetV2S": (8.277, 0.0875),
    "EfficientNetV2M": (24.335, 0.2462),
    "EfficientNetV2L": (55.648, 0.4304),
    "ConvNeXtTiny": (4.35, 0.1051),
    "ConvNeXtSmall": (8.511, 0.1715),
    "ConvNeXtBase": (15.125, 0.2287),
    "ConvNeXtLarge": (34.017, 0.343),
    "ConvNeXtXLarge": (60.462, 0.4573),
    "NASNetMobile": (0.493, 0.0697),
    "NASNetLarge": (23.038, 0.7411),
    "InceptionV3": (5.711, 0),
    "InceptionResNetV2": (13.154, 0),
    "Xception": (8.223, 0.1322),
}
# Depthwise convolutions wait for memory. Counted so many times, they bring the networks of
# docs/methods.md to within a factor of 1.5 of their measured time, all but ConvNeXt.
DEPTHWISE = 18


def relative(architecture: str, side: int) -> float:
    """Return how many times as long as 64 pixels through VGG16 an image takes, roughly.

    Args:
        architecture: a key of `MULTIPLICATIONS`.
        side: of the image, in pixels.
    """
    return _work(architecture, side) / _work("VGG16", 64)


def _work(architecture: str, side: int) -> float:
    dense, depthwise = MULTIPLICATIONS[architecture]
    return (dense + DEPTHWISE * depthwise) * (side / APPLICATIONS[architecture].native) ** 2
