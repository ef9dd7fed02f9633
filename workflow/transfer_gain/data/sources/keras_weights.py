"""The ImageNet weights of `keras.applications`, fetched and verified before Keras reads them.

Keras itself downloads MobileNet and MobileNetV2 unverified. If its home is not writable, it looks
for their files in the shared temporary folder, where every user of the machine can put one.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pooch

from transfer_gain.data.sources.fetch import Artefact, Download, Mirror

_SERVER = "https://storage.googleapis.com"
_LARGEST = 1_500_000_000  # bytes; ConvNeXtXLarge, the largest, has 1.4 GB
# Of each network without its top: path on the server, and pooch's digest of the file (SHA-256 where
# Keras has one). A test compares them
# with those in Keras.
FILES: Mapping[str, tuple[str, str]] = {
    "VGG16": (
        "tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:6d6bbae143d832006294945121d1f1fc",
    ),
    "VGG19": (
        "tensorflow/keras-applications/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:253f8cb515780f3b799900260a226db6",
    ),
    "ResNet50": (
        "tensorflow/keras-applications/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:4d473c1dd8becc155b73f8504c6f6626",
    ),
    "ResNet101": (
        "tensorflow/keras-applications/resnet/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:88cf7a10940856eca736dc7b7e228a21",
    ),
    "ResNet152": (
        "tensorflow/keras-applications/resnet/resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:ee4c566cf9a93f14d82f913c2dc6dd0c",
    ),
    "ResNet50V2": (
        "tensorflow/keras-applications/resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:fac2f116257151a9d068a22e544a4917",
    ),
    "ResNet101V2": (
        "tensorflow/keras-applications/resnet/resnet101v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:c0ed64b8031c3730f411d2eb4eea35b5",
    ),
    "ResNet152V2": (
        "tensorflow/keras-applications/resnet/resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:ed17cf2e0169df9d443503ef94b23b33",
    ),
    "DenseNet121": (
        "tensorflow/keras-applications/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:30ee3e1110167f948a6b9946edeeb738",
    ),
    "DenseNet169": (
        "tensorflow/keras-applications/densenet/densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:b8c4d4c20dd625c148057b9ff1c1176b",
    ),
    "DenseNet201": (
        "tensorflow/keras-applications/densenet/densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:c13680b51ded0fb44dff2d8f86ac8bb1",
    ),
    # Keras has no digest of the next two. These are published by another project, whose digests of
    # fourteen other files here are those of Keras.
    "MobileNet": (
        "tensorflow/keras-applications/mobilenet/mobilenet_1_0_224_tf_no_top.h5",
        "md5:725ccbd03d61d7ced5b5c4cd17e7d527",
    ),
    "MobileNetV2": (
        "tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        "md5:f1a68526548f7541cda07e19ba6c85f4",
    ),
    "MobileNetV3Small": (
        "tensorflow/keras-applications/mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
        "md5:d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    "MobileNetV3Large": (
        "tensorflow/keras-applications/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        "md5:07fb09a5933dd0c8eaafa16978110389",
    ),
    "EfficientNetB0": (
        "keras-applications/efficientnetb0_notop.h5",
        "md5:50bc09e76180e00e4465e1a485ddc09d",
    ),
    "EfficientNetB1": (
        "keras-applications/efficientnetb1_notop.h5",
        "md5:74c4e6b3e1f6a1eea24c589628592432",
    ),
    "EfficientNetB2": (
        "keras-applications/efficientnetb2_notop.h5",
        "md5:111f8e2ac8aa800a7a99e3239f7bfb39",
    ),
    "EfficientNetB3": (
        "keras-applications/efficientnetb3_notop.h5",
        "md5:af6d107764bb5b1abb91932881670226",
    ),
    "EfficientNetB4": (
        "keras-applications/efficientnetb4_notop.h5",
        "md5:ebc24e6d6c33eaebbd558eafbeedf1ba",
    ),
    "EfficientNetB5": (
        "keras-applications/efficientnetb5_notop.h5",
        "md5:38879255a25d3c92d5e44e04ae6cec6f",
    ),
    "EfficientNetB6": (
        "keras-applications/efficientnetb6_notop.h5",
        "md5:9ecce42647a20130c1f39a5d4cb75743",
    ),
    "EfficientNetB7": (
        "keras-applications/efficientnetb7_notop.h5",
        "md5:cbcfe4450ddf6f3ad90b1b398090fe4a",
    ),
    "EfficientNetV2B0": (
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b0_notop.h5",
        "md5:893217f2bb855e2983157299931e43ff",
    ),
    "EfficientNetV2B1": (
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b1_notop.h5",
        "md5:0e80663031ca32d657f9caa404b6ec37",
    ),
    "EfficientNetV2B2": (
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b2_notop.h5",
        "md5:1dfe2e7a5d45b6632553a8961ea609eb",
    ),
    "EfficientNetV2B3": (
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b3_notop.h5",
        "md5:f6abf7b5849ac99a89b50dd3fd532856",
    ),
    "EfficientNetV2S": (
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-s_notop.h5",
        "md5:af0682fb74e8c54910f2d4393339c070",
    ),
    "EfficientNetV2M": (
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-m_notop.h5",
        "md5:1b8dc055df72dde80d614482840fe342",
    ),
    "EfficientNetV2L": (
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-l_notop.h5",
        "md5:b0b66b5c863aef5b46e8608fe1711615",
    ),
    "ConvNeXtTiny": (
        "tensorflow/keras-applications/convnext/convnext_tiny_notop.h5",
        "sha256:d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "ConvNeXtSmall": (
        "tensorflow/keras-applications/convnext/convnext_small_notop.h5",
        "sha256:6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "ConvNeXtBase": (
        "tensorflow/keras-applications/convnext/convnext_base_notop.h5",
        "sha256:40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "ConvNeXtLarge": (
        "tensorflow/keras-applications/convnext/convnext_large_notop.h5",
        "sha256:96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "ConvNeXtXLarge": (
        "tensorflow/keras-applications/convnext/convnext_xlarge_notop.h5",
        "sha256:de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
    "NASNetMobile": (
        "tensorflow/keras-applications/nasnet/NASNet-mobile-no-top.h5",
        "md5:1ed92395b5b598bdda52abe5c0dbfd63",
    ),
    "NASNetLarge": (
        "tensorflow/keras-applications/nasnet/NASNet-large-no-top.h5",
        "md5:d81d89dc07e6e56530c4e77faddd61b5",
    ),
    "InceptionV3": (
        "tensorflow/keras-applications/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:bcbd6486424b2319ff4ef7d526e38f63",
    ),
    "InceptionResNetV2": (
        "tensorflow/keras-applications/inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:d19885ff4a710c122648d3b5c3b684e4",
    ),
    "Xception": (
        "tensorflow/keras-applications/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:b0042744bf5b25fce3cb969f33bebb97",
    ),
}


def artefact(architecture: str) -> Artefact:
    """Return what to fetch for a network: `<architecture>.h5`, verified.

    Args:
        architecture: a name in `keras.applications`.
    """
    path, digest = FILES[architecture]
    file = f"{architecture}.h5"

    def check(found: Path) -> None:
        algorithm, _, expected = digest.partition(":")
        if (value := pooch.file_hash(str(found), algorithm)) != expected:
            raise ValueError(f"{found.name} has {algorithm} {value}, expected {expected}")

    def unpack(downloads: Path, files: Path) -> None:
        shutil.move(downloads / file, files / file)

    address = f"{_SERVER}/{path}"
    mirror = Mirror(address, (Download(file, address, largest=_LARGEST),), unpack)
    return Artefact(f"{architecture}-weights", {file: check}, (mirror,))
