"""Write a model as a Keras file and as ONNX, the same bytes each time, and open it safely."""

import json
import logging
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from transfer_gain.config.networks import KERAS_FILE
from transfer_gain.features import keras_networks
from transfer_gain.features.frozen import BackboneError
from transfer_gain.model import description, graph
from transfer_gain.model.description import Description, ModelError

import keras  # isort: skip  (after TensorFlow is set up)

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold

log = logging.getLogger(__name__)


def write_keras(model: keras.Model, path: Path | str) -> None:
    """Write a model as a Keras file, without time and place of its saving."""
    path = Path(path)
    saved = path.with_name(f"{path.name}.saved.keras")
    try:
        model.save(saved)
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    about = {**json.loads(content), "date_saved": "1980-01-01@00:00:00"}
                    content = json.dumps(about).encode()
                elif name == "config.json":
                    content = _numbered(content)
                target.writestr(zipfile.ZipInfo(name, EPOCH), content)
    finally:
        saved.unlink(missing_ok=True)


def _numbered(config: bytes) -> bytes:
    """Number the objects of a Keras config, which are told apart by their place in memory."""
    numbers: dict[bytes, int] = {}

    def number(found: re.Match[bytes]) -> bytes:
        return b"%s%d" % (found[1], numbers.setdefault(found[2], len(numbers)))

    return re.sub(rb'("shared_object_id": )(\d+)', number, config)


def write_onnx(model: keras.Model, path: Path | str) -> None:
    """Write a model as ONNX: input `image`, uint8 (images, side, side, 3), output `probabilities`.

    Raises:
        BackboneError: an operation of the model has no counterpart in ONNX.
    """
    try:
        signature = [keras.InputSpec(dtype="uint8", shape=model.input_shape, name="image")]
        model.export(path, format="onnx", verbose=False, input_signature=signature)
        network = onnx.load(path)
    except Exception as error:  # tf2onnx raises almost anything
        found = str(error).splitlines()[:1] or [type(error).__name__]
        raise BackboneError(
            f"ONNX: found {found[0]}, expected a network that can be exported"
        ) from error
    if (inputs := len(network.graph.input)) != 1:
        raise BackboneError(f"ONNX: found a graph of {inputs} inputs, expected the image alone")
    _rename(network.graph)
    onnx.checker.check_model(network)
    Path(path).write_bytes(network.SerializeToString(deterministic=True))


def _rename(network: onnx.GraphProto) -> None:
    """Name tensors and nodes by their order: tf2onnx counts them from export to export."""
    (image,), (output,) = network.input, network.output
    names = {"": "", image.name: "image", output.name: graph.PROBABILITIES}
    for number, node in enumerate(network.node):
        node.name = f"node_{number}"
        for name in (*node.input, *node.output):
            names.setdefault(name, f"tensor_{len(names)}")
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for value in (image, output):
        value.name = names[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "images"
    for tensor in network.initializer:
        tensor.name = names[tensor.name]
    network.initializer.sort(key=lambda tensor: tensor.name)
    del network.value_info[:]
    network.name, network.doc_string = "model", ""


def onnx_probabilities(path: Path | str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of an ONNX file of `write_onnx`, from pictures to probabilities.

    It takes uint8 (images, side, side, 3), and returns float32 (images, classes).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def compute(pictures: np.ndarray) -> np.ndarray:
        found: np.ndarray = session.run(None, {"image": np.ascontiguousarray(pictures)})[0]
        return found

    return compute


def open_model(
    folder: Path | str, described: Description
) -> tuple[Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Open a model; nothing that its files bring is executed.

    Args:
        folder: the folder of the model, or a file in it.
        described: see `description.read`.

    Returns:
        See `graph.outputs`, and the features of the training images (see `unlike.kept`).

    Raises:
        ModelError: a file is missing or was changed, or is no such model.
        NetworkFileError: the Keras file holds code or is no network of images.
        BackboneError: the Keras file is damaged.
    """
    path = description.check_file(folder, described, description.KERAS)
    model = keras_networks.build(KERAS_FILE, path, "last", described.image.size, "float32")
    expected = (None, len(described.classes))
    layers = {layer.name for layer in model.layers}
    if model.output_shape != expected or graph.FEATURES not in layers:
        raise ModelError(
            path,
            f"an output of {model.output_shape}",
            f"expected {len(described.classes)} probabilities and a layer {graph.FEATURES}",
        )
    found = description.check_file(folder, described, description.FEATURES)
    try:
        known = np.load(found, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelError(found, str(error), "expected an array of features") from error
    width = model.get_layer(graph.FEATURES).output.shape[-1]
    if known.dtype != np.float32 or known.ndim != 2 or known.shape[1] != width:
        raise ModelError(
            found, f"{known.dtype} {known.shape}", f"expected float32 (images, {width})"
        )
    return graph.outputs(model), known
