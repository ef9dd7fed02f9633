"""What a network's file says about its input, read without building or running anything.

Snakemake reads it whenever it plans, so that a mistake is refused before any job. Only the few
bytes that are asked for are read, even of a large file.
"""

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from transfer_gain.config.fields import is_file
from transfer_gain.config.networks import FILES, ONNX_FILE
from transfer_gain.printable import printable, shorten

MAX_SIDE = 1024  # pixels, as of `input_size`
MAX_CONFIG = 50_000_000  # bytes of a Keras network's config.json
KERAS_WEIGHTS = "model.weights.h5"
KERAS_PARTS = ("metadata.json", "config.json", KERAS_WEIGHTS)  # Keras would unpack others
MAX_ONNX = 2**31 - 1  # bytes; a larger network must keep its data in other files
MAX_FIELDS = 1_000_000  # of an ONNX file
TYPES = {1: "float32", 2: "uint8", 10: "float16"}  # TensorProto.DataType

# What Keras' own modules may hold in a network that is read. All else is refused, such as functions
# that fetch files.
_KERAS_MODULES = tuple(
    f"keras.{part}"
    for part in (
        *("activations", "constraints", "dtype_policies", "initializers", "layers", "models"),
        *(
            "regularizers",
            "src.applications.convnext",
            "src.layers",
            "src.models",
            "src.ops.nn",
            "src.ops.numpy",
        ),
    )
)
_IN_KERAS = ("DTypePolicy", "Functional", "Model", "Sequential")
# Layers that run code of the file or read other files.
_RUNNING = ("FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper")
_READING = ("IntegerLookup", "StringLookup", "TextVectorization")
_VALUES = ("__keras_tensor__", "__numpy__", "__tensor__", "__tuple__")


class NetworkFileError(ValueError):
    """A network's file cannot be used; the message names it, what was found and expected."""

    def __init__(self, path: Path | str, found: str, expected: str):
        super().__init__(
            f"{printable(path)}: found {printable(shorten(found))}, expected {expected}"
        )


class ImageInput(NamedTuple):
    """The input of a network that takes images in three channels.

    Attributes:
        name: its name.
        side: height and width in pixels; None if the network takes any.
        channels_first: whether the layout is (images, channels, height, width).
        dtype: "float32", "float16" or "uint8".
        images: how many images it takes at a time; None for any number.
    """

    name: str
    side: int | None
    channels_first: bool
    dtype: str
    images: int | None


def image_input(architecture: str, path: Path | str) -> ImageInput:
    """Return the input of a network's file.

    Args:
        architecture: one of `networks.FILES`.
        path: the file.

    Raises:
        NetworkFileError: it is no such file, takes something other than images, or could run code
            or read other files.
    """
    if not is_file(path):
        raise NetworkFileError(path, "no file", f"a file *{FILES[architecture]}")
    if Path(path).suffix.lower() != FILES[architecture]:
        raise NetworkFileError(path, "another ending", f"a file *{FILES[architecture]}")
    return (_of_onnx if architecture == ONNX_FILE else _of_keras)(path)


def _image_input(
    path: Path | str, name: str, dims: list[int | None], dtype: str, layouts: tuple[bool, ...]
) -> ImageInput:
    """Return an input of some dimensions, of which None stands for any."""
    for channels_first in layouts:
        if len(dims) == 4:
            images, *others = dims
            height, width, channels = others[1:] + others[:1] if channels_first else others
            if channels == 3 and height == width and 0 < (height or 1) <= MAX_SIDE:
                return ImageInput(name, height, channels_first, dtype, images)
    written = " x ".join("any" if side is None else str(side) for side in dims)
    raise NetworkFileError(
        path,
        f"an input of {written or 'no dimensions'}",
        f"images: squares of at most {MAX_SIDE} pixels with 3 channels, such as "
        f"{'any x 3 x 224 x 224' if True in layouts else 'any x 224 x 224 x 3'}",
    )


# --- Keras


def _of_keras(path: Path | str) -> ImageInput:
    """Return the input of a network that Keras saved."""
    expected = "a network as Keras 3 saves it (model.save('….keras'))"
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                stored = entry.compress_type == zipfile.ZIP_STORED
                if entry.filename not in KERAS_PARTS or not stored:
                    found = entry.filename if stored else f"{entry.filename} compressed"
                    raise NetworkFileError(path, found, expected)
            if archive.getinfo("config.json").file_size > MAX_CONFIG:
                raise NetworkFileError(path, "a config.json of absurd size", expected)
            config = json.loads(archive.read("config.json"))
            layers = config["config"]["layers"]
            _refuse_code(path, {**config, "compile_config": None})
            inputs = [each["config"] for each in layers if each["class_name"] == "InputLayer"]
            shapes = [each.get("batch_shape") or each["batch_input_shape"] for each in inputs]
            shapes = shapes or [config["build_config"]["input_shape"]]
            dims = [None if side is None else int(side) for side in shapes[0]]
    except NetworkFileError:
        raise
    except Exception as error:  # of zip, JSON or whatever an unknown layout raises
        raise NetworkFileError(path, f"{type(error).__name__}: {error}", expected) from error
    if len(shapes) != 1:
        raise NetworkFileError(path, f"{len(shapes)} inputs", "one")
    return _image_input(path, "", dims, "float32", (False,))


def _refuse_code(path: Path | str, config: Any) -> None:
    """Refuse a Keras network that names anything but Keras' own harmless parts."""
    for part in _objects(config):
        name, module = str(part["class_name"]), part.get("module")
        expected = "a network of Keras' own layers, since nothing that a file brings is executed"
        if name in _RUNNING or name == "__lambda__":
            raise NetworkFileError(path, f"a {name.strip('_')} layer, which holds code", expected)
        if name in _READING:
            raise NetworkFileError(path, f"a {name} layer, which reads files", expected)
        known = (
            (module is None and (name in _VALUES or not name.startswith("__")))
            or (module == "keras" and name in _IN_KERAS)
            or (module == "builtins" and name == "function")
            or str(module).startswith(_KERAS_MODULES)
        )
        if not known:
            raise NetworkFileError(path, f"{module}.{name}", expected)


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a Keras config, however deep."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


# --- ONNX
# The encoding is that of Protocol Buffers (protobuf.dev/programming-guides/encoding), the numbers
# of the fields are those of onnx/onnx.proto.


def _of_onnx(path: Path | str) -> ImageInput:
    """Return the input of an ONNX network."""
    expected = "a network in ONNX"
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_ONNX:
                raise NetworkFileError(path, f"{size:,} bytes", f"at most {MAX_ONNX:,}")
            inputs, tensors = _read_graph(path, file, size)
    except OSError as error:
        raise NetworkFileError(path, str(error), expected) from error
    except (ValueError, EOFError, KeyError, IndexError) as error:
        if isinstance(error, NetworkFileError):
            raise
        raise NetworkFileError(path, "another kind of file", expected) from error
    # Older files list their weights among the inputs.
    images = {name: value for name, value in inputs.items() if name not in tensors}
    if len(images) != 1:
        raise NetworkFileError(path, f"{len(images)} inputs", "one, of images")
    ((name, (kind, dims)),) = images.items()
    if kind not in TYPES:
        raise NetworkFileError(
            path, f"an input of type {kind}", f"one of {', '.join(TYPES.values())}"
        )
    return _image_input(path, name, dims, TYPES[kind], (True, False))


def _read_graph(
    path: Path | str, file: IO[bytes], size: int
) -> tuple[dict[str, tuple[int, list[int | None]]], set[str]]:
    """Return the graph's inputs, each with type and dimensions, and the names of its tensors."""
    budget = iter(range(MAX_FIELDS))
    inputs, tensors = {}, set()
    graphs = [value for number, value in _fields(file, 0, size, budget) if number == 7]
    if len(graphs) != 1:
        raise ValueError
    for number, value in _fields(file, *graphs[0], budget):
        if number == 5:  # initializer
            fields = list(_fields(file, *value, budget))
            if any(field == 13 or (field == 14 and inner == (1, 1)) for field, inner in fields):
                raise NetworkFileError(
                    path,
                    "tensors whose data are in other files",
                    "all data in the ONNX file itself",
                )
            tensors |= {_text(file, inner) for field, inner in fields if field == 8}
        elif number == 11:  # input
            info = dict(_fields(file, *value, budget))
            tensor = dict(_fields(file, *dict(_fields(file, *info[2], budget))[1], budget))
            dims = []
            if 2 in tensor:
                for _, dim in _fields(file, *tensor[2], budget):
                    found = dict(_fields(file, *dim, budget))
                    dims.append(found[1][0] if 1 in found and found[1][0] else None)
            inputs[_text(file, info[1])] = (tensor[1][0], dims)
    return inputs, tensors


def _fields(
    file: IO[bytes], begin: int, end: int, budget: Iterator[int]
) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the fields of a message: number, and begin and end of its bytes.

    A number among the fields is yielded as (value, 1).

    Raises:
        ValueError: this is no such message.
    """
    while begin < end:
        if next(budget, None) is None:
            raise ValueError
        file.seek(begin)
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if number == 0 or kind not in (0, 1, 2, 5):
            raise ValueError
        if kind == 0:
            value = _varint(file)
            begin = file.tell()
            yield number, (value, 1)
            continue
        length = _varint(file) if kind == 2 else {1: 8, 5: 4}[kind]
        start = file.tell()
        begin = start + length
        if begin > end:
            raise ValueError
        yield number, (start, begin)


def _varint(file: IO[bytes]) -> int:
    """Read a number of variable length."""
    value = 0
    for shift in range(0, 70, 7):
        (byte,) = file.read(1) or b"\xff"
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise ValueError


def _text(file: IO[bytes], where: tuple[int, int]) -> str:
    """Read a name."""
    begin, end = where
    if end - begin > 10_000:
        raise ValueError
    file.seek(begin)
    return file.read(end - begin).decode()
