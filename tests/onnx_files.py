"""Small ONNX networks for tests: a convolution, rectified, and the mean of its places."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KERNELS = np.random.default_rng(0).normal(size=(5, 3, 2, 2)).astype(np.float32)
BIAS = np.arange(5, dtype=np.float32) / 10


def model(
    shape: Sequence[int | str | None] = ("images", 3, 32, 32),
    dtype: int = TensorProto.FLOAT,
    *,
    weights_are_inputs: bool = False,
) -> onnx.ModelProto:
    """Return a network of images, channels first or last as its shape says.

    Its tensors are `convolved` and `rectified`, (images, 5, 16, 16), and its outputs `pooled`,
    (images, 5), and `doubled`.
    """
    tensors = [numpy_helper.from_array(KERNELS, "kernels"), numpy_helper.from_array(BIAS, "bias")]
    nodes, name = [], "image"
    if shape[-1] == 3:
        nodes.append(helper.make_node("Transpose", [name], ["turned"], perm=[0, 3, 1, 2]))
        name = "turned"
    if dtype != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [name], ["floats"], to=TensorProto.FLOAT))
        name = "floats"
    nodes += [
        helper.make_node("Conv", [name, "kernels", "bias"], ["convolved"], strides=[2, 2]),
        helper.make_node("Relu", ["convolved"], ["rectified"]),
        helper.make_node("ReduceMean", ["rectified"], ["pooled"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["pooled", "pooled"], ["doubled"]),
    ]
    inputs = [helper.make_tensor_value_info("image", dtype, shape)]
    if weights_are_inputs:
        inputs += [
            helper.make_tensor_value_info(each.name, TensorProto.FLOAT, each.dims)
            for each in tensors
        ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in ("pooled", "doubled")
    ]
    graph = helper.make_graph(nodes, "small", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write(path: Path, network: onnx.ModelProto) -> Path:
    """Write a network and return its path."""
    path.write_bytes(network.SerializeToString())
    return path


def rectified(pixels: np.ndarray) -> np.ndarray:
    """Return the network's `rectified` for float (images, side, side, 3), with channels last."""
    images, side = len(pixels), pixels.shape[1] // 2
    windows = pixels.reshape(images, side, 2, side, 2, 3)
    return np.maximum(np.einsum("niajbc,kcab->nijk", windows, KERNELS) + BIAS, 0)
