"""Networks that come as ONNX files, which ONNX Runtime runs."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.external_data_helper import uses_external_data

from transfer_gain.config.network_files import ImageInput, image_input
from transfer_gain.config.networks import ONNX_FILE
from transfer_gain.features.frozen import BackboneError, Frozen, as_pixels, scaled
from transfer_gain.printable import printable, shorten
from transfer_gain.training.devices import tf

MAX_FEATURES = 2**22  # per image
MAX_MEMORY = 2**33  # bytes of a network and of all between its input and its output
_SHOWN = 10  # inner tensors that an error lists


def open_network(
    architecture: str,
    weights: Path | str | None,
    layer: str,
    input_size: int,
    precision: str,
    seed: int = 0,
    pooling: str = "none",
    mean: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
) -> Frozen:
    """Return a network in ONNX; see `networks.open_network`. It always computes in float32.

    Features of several places are flattened as in Keras, with the channels last.

    Raises:
        BackboneError: there is no such output or tensor, its features are none of images, or ONNX
            Runtime cannot run the network.
        NetworkFileError: the file is no network of images, or its data are in other files.
    """
    assert weights is not None
    image = image_input(ONNX_FILE, weights)
    session, output = _session(Path(weights), layer)

    def run(inputs: np.ndarray) -> np.ndarray:
        try:
            (found,) = session.run([output], {image.name: inputs})
        except Exception as error:  # ONNX Runtime has a dozen types without a common base
            if "smaller than requested bytes" in str(error) or "allocat" in str(error):
                raise MemoryError(str(error)) from error
            raise _refused(weights, str(error)) from error
        if not isinstance(found, np.ndarray) or found.shape[:1] != inputs.shape[:1]:
            raise _refused(weights, f"{output}, which has no row per image")
        return _vectors(found, pooling)

    def compute(images: np.ndarray) -> np.ndarray:
        pixels = as_pixels(tf.constant(images), input_size).numpy()
        return _in_parts(run, _as_input(pixels, image, mean, scale), image.images)

    try:
        width = compute(np.zeros((2, input_size, input_size, 3), np.uint8)).shape[1]
    except MemoryError as error:
        found = f"one that takes more than {MAX_MEMORY:,} bytes, or than there are"
        raise _refused(weights, found) from error
    if width > MAX_FEATURES:
        raise _refused(weights, f"{width:,} features per image")
    return Frozen(compute, width, "float32")


def _refused(path: Path | str, found: str) -> BackboneError:
    line = printable(shorten(" ".join(found.split())))
    return BackboneError(f"{path}: found {line}; expected a network that makes vectors of images")


@functools.cache
def _limit_memory() -> None:
    """Limit what all networks of this process take: a few bytes of ONNX can ask for gigabytes."""
    arena = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    memory = onnxruntime.OrtMemoryInfo("Cpu", arena, 0, onnxruntime.OrtMemType.DEFAULT)
    limits = onnxruntime.OrtArenaCfg({"max_mem": MAX_MEMORY})
    onnxruntime.create_and_register_allocator(memory, limits)


def _session(path: Path, layer: str) -> tuple[onnxruntime.InferenceSession, str]:
    """Return a session of one thread whose only output is a layer, and the name of that output."""
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # of Protocol Buffers
        raise _refused(path, str(error)) from error
    if any(map(uses_external_data, _tensors(model.graph))):
        raise _refused(path, "tensors whose data are in other files")
    outputs = [each.name for each in model.graph.output]
    inner = [name for node in model.graph.node for name in node.output if name]
    if layer != "last" and layer not in (*outputs, *inner):
        raise BackboneError(
            f"layer: found '{layer}', allowed for {path}: last, {', '.join(outputs)}, or one of "
            f"{len(inner)} inner tensors, such as {', '.join(inner[-_SHOWN:])}"
        )
    output = outputs[0] if layer == "last" else layer
    # As the only output, it also spares the computation of all that comes after it.
    kept = [each for each in model.graph.output if each.name == output]
    del model.graph.output[:]
    model.graph.output.extend(kept or [onnx.ValueInfoProto(name=output)])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what goes wrong is raised
    options.add_session_config_entry("session.use_env_allocators", "1")
    _limit_memory()
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # see `run`
        raise _refused(path, str(error)) from error
    return session, output


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor that a graph holds, those of its nodes' attributes among them."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                if inner.ByteSize():
                    yield from _tensors(inner)


def _as_input(
    pixels: np.ndarray,
    image: ImageInput,
    mean: Sequence[float] | None,
    scale: Sequence[float] | None,
) -> np.ndarray:
    """Return pixels, float32 (images, side, side, 3), in the type and layout of an input."""
    if image.dtype == "uint8":
        inputs = np.rint(pixels).astype(np.uint8)
    else:
        inputs = scaled(pixels, mean, scale).astype(image.dtype)
    return np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)) if image.channels_first else inputs


def _in_parts(
    run: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray, images: int | None
) -> np.ndarray:
    """Run a network that takes so many images at a time; the last ones are repeated to fill up."""
    if images is None:
        return run(inputs)
    parts = []
    for start in range(0, len(inputs), images):
        part = inputs[start : start + images]
        filled = np.concatenate([part, part[-1:].repeat(images - len(part), axis=0)])
        parts.append(run(filled)[: len(part)])
    return np.concatenate(parts)


def _vectors(found: np.ndarray, pooling: str) -> np.ndarray:
    """Return one vector per image, float32.

    Args:
        found: (images, ...); of three axes, the last are the channels (of the tokens of a
            transformer); of four, the axis that differs from the two others, which are the sides
            of a square. ONNX' own convolutions have the channels first, if all are equal.
        pooling: "none", "avg" or "max" over all places.
    """
    values = found.astype(np.float32)
    if values.ndim == 4 and values.shape[2] == values.shape[3]:
        values = values.transpose(0, 2, 3, 1)
    if pooling == "none" or values.ndim < 3:
        return values.reshape(len(values), -1)
    places = values.reshape(len(values), -1, values.shape[-1])
    vectors: np.ndarray = places.mean(axis=1) if pooling == "avg" else places.max(axis=1)
    return vectors
