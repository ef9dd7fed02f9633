"""What `model.json` says about a model, and the check that a folder holds what it says."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transfer_gain.data.fitting import Fit
from transfer_gain.printable import printable, shorten

KERAS, ONNX, FEATURES = "model.keras", "model.onnx", "training_features.npy"
DESCRIPTION, CARD = "model.json", "MODEL_CARD.md"
MAX_BYTES = 50_000_000  # of model.json
MAX_SIDE = 1024  # pixels

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ModelError(ValueError):
    """A folder is no model, or its files lie; the message says what was found and expected."""

    def __init__(self, path: Path | str, found: str, expected: str):
        super().__init__(f"{printable(path)}: found {printable(shorten(found))}, {expected}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Image(_Part):
    """How pictures are brought to the shape that enters the model; see `fitting.Fit`."""

    size: int = Field(ge=1, le=MAX_SIDE)
    channels: Literal["gray", "rgb"]
    resize: Literal["stretch", "pad", "crop"]
    background: str = Field(pattern="^#[0-9a-f]{6}$")

    @property
    def fit(self) -> Fit:
        """Return it as the functions of `fitting` take it."""
        return Fit(self.size, self.channels, self.resize, self.background)


class Expected(_Part):
    """The score to expect on new images, measured before the model was trained on everything.

    Attributes:
        metric: name of the metric.
        score: the method's mean score under protocol "held-out".
        low: lower end of its 95 % interval; None if there is none.
        high: upper end.
        labels: training images per class that it was measured with.
    """

    metric: str
    score: float = Field(allow_inf_nan=False)
    low: float | None = Field(allow_inf_nan=False)
    high: float | None = Field(allow_inf_nan=False)
    labels: float = Field(allow_inf_nan=False)


class Description(_Part):
    """The content of `model.json`.

    Attributes:
        format: number of this format.
        dataset: name of the dataset that it was trained on.
        classes: names, in the order of the probabilities.
        images_of_class: training images of each class.
        image: how pictures become the model's input, uint8 (images, size, size, 3).
        method: name of the method.
        backbone: name of the backbone, or "none".
        configuration: layers, activation, learning_rate and l2; None where a method has none.
        expected: the score to expect on new images.
        instead_of: why better methods are no models, a sentence each.
        unlike_distance: an image is unlike the training images if its distance from the nearest
            one is larger (see `unlike`).
        onnx_difference: the largest difference between the probabilities of both files, for some
            of the training images.
        digests: SHA-256 of the code, of the data by path, and of the files beside this one.
    """

    format: Literal[2]
    dataset: str
    classes: tuple[str, ...] = Field(min_length=2)
    images_of_class: tuple[int, ...]
    image: Image
    method: str
    backbone: str
    configuration: dict[str, str | float | None]
    expected: Expected
    instead_of: tuple[str, ...]
    unlike_distance: float = Field(ge=0, allow_inf_nan=False)
    onnx_difference: float = Field(ge=0, allow_inf_nan=False)
    code: Digest
    data: dict[str, Digest]
    files: dict[Literal["model.keras", "model.onnx", "training_features.npy"], Digest]


class _Sealed(Description):
    """A description as it is on the disk, with the SHA-256 of all the rest."""

    seal: Digest


def write(described: Description, path: Path | str) -> None:
    """Write a description as JSON."""
    sealed = _Sealed(**described.model_dump(), seal=_seal(described))
    text = json.dumps(sealed.model_dump(mode="json"), indent=2, ensure_ascii=False)
    Path(path).write_text(f"{text}\n", encoding="utf-8")


def _seal(described: Description) -> str:
    content = described.model_dump(mode="json", exclude={"seal"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read(folder: Path | str) -> Description:
    """Read and check the description of a model; nothing else is opened.

    Args:
        folder: the folder of the model, or a file in it.

    Raises:
        ModelError: there is no model, or it was changed.
    """
    path = folder_of(folder) / DESCRIPTION
    expected = f"expected a folder with {DESCRIPTION} and {KERAS}, as the study makes it"
    if not path.is_file():
        found = "nothing" if not Path(folder).exists() else f"no {DESCRIPTION}"
        raise ModelError(folder, found, expected)
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(path, f"{path.stat().st_size:,} bytes", expected)
    try:
        sealed = _Sealed.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its content"
        raise ModelError(
            path, f"{where}: {first['msg']}", "expected what the study wrote"
        ) from None
    if len(sealed.images_of_class) != len(sealed.classes):
        raise ModelError(path, "another number of classes", "expected what the study wrote")
    if sealed.seal != _seal(sealed):
        raise ModelError(path, "another SHA-256", "expected what the study wrote")
    return Description(**sealed.model_dump(exclude={"seal"}))


def check_file(folder: Path | str, described: Description, name: str) -> Path:
    """Return the path of a file of a model, after checking that it is the one described.

    Raises:
        ModelError: it is missing, or another file.
    """
    path = folder_of(folder) / name
    if not path.is_file():
        raise ModelError(path, "no file", f"expected the one that {DESCRIPTION} describes")
    if digest(path) != dict(described.files).get(name):  # type: ignore[call-overload]
        raise ModelError(
            path, "another SHA-256", f"expected that in {DESCRIPTION}: the file was changed"
        )
    return path


def folder_of(path: Path | str) -> Path:
    """Return the folder of a model from its path or that of one of its files."""
    return Path(path).parent if Path(path).is_file() else Path(path)


def digest(path: Path | str) -> str:
    """Return the SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(values: Mapping[str, Any]) -> dict[str, str | float | None]:
    """Return a configuration as JSON can hold it: NaN becomes None."""
    found: dict[str, str | float | None] = {}
    for name, value in values.items():
        missing = isinstance(value, float) and value != value
        found[name] = None if missing else value if isinstance(value, str) else float(value)
    return found
