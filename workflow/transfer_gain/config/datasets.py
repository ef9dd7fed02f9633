"""The datasets of a study: one model per source of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import (
    ALL_DIFFERENT,
    FROM_LIST,
    UNIQUE_ITEMS,
    Named,
    PathText,
    is_file,
)
from transfer_gain.names import EXPRESSIONS
from transfer_gain.printable import shorten, shown

if TYPE_CHECKING:
    from transfer_gain.config.study import Study

Garment = Literal[
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle-boot",
]  # fmt: skip
GARMENTS_2018: tuple[Garment, ...] = (
    *("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt"),
)

Training = Annotated[int, Field(ge=1, description="Training images per class at fraction 1.")]
Validation = Annotated[
    int,
    Field(
        ge=2,
        description="Validation images per class. Half of them form the selection set, the other "
        "half the test set.",
    ),
]
ValidationOrNone = Annotated[
    int,
    Field(ge=0, description="Validation images per class; 0 if nothing is validated on them."),
]
Transfer = Annotated[
    bool,
    Field(
        description="Whether the dataset is part of the transfer study. If not, it only serves for "
        "comparison with other datasets and for one-shot learning."
    ),
]
Channels = Annotated[
    Literal["gray", "rgb"],
    Field(
        description="Whether all methods see gray images, as in the 2018 paper, or colors. Gray "
        "files are repeated in three channels."
    ),
]
Resize = Annotated[
    Literal["stretch", "pad", "crop"],
    Field(
        description="How an image becomes a square. `stretch` ignores its proportions, as the 2018 "
        "paper did; `pad` keeps them and fills the rest with the background; `crop` keeps them and "
        "cuts the longer side."
    ),
]
Background = Annotated[
    str,
    Field(
        pattern="^#[0-9a-fA-F]{6}$",
        title="a color code such as '#808080'",
        description="Color behind transparent pixels and beside padded images, as a color code; "
        "`'#000000'` is black.",
    ),
    AfterValidator(str.lower),
]
ByCharacter = Annotated[
    Literal["by-image", "by-character"],
    Field(
        description="How validation images are drawn. `by-image` draws from all images, as the "
        "2018 paper did. `by-character` holds out whole characters, which training never sees: "
        "the honest test if the images are frames of a few characters."
    ),
]


class Dataset(Named):
    """Images of some classes; what all sources have in common."""

    source: str = Field(description="Where the images come from.")
    training_per_class: int | None
    validation_per_class: int | None
    image_size: int = Field(
        default=64, ge=8, le=1024, description="Side in pixels to which every image is resized."
    )
    channels: Channels = "gray"
    resize: Resize = "stretch"
    background: Background = "#ffffff"
    transfer: Transfer = True

    @property
    def options(self) -> dict[str, Any]:
        """Return the settings that only some sources have."""
        values = self.model_dump(mode="json")
        return {key: values[key] for key in values if key not in Dataset.model_fields}

    def settings(self) -> dict[str, Any]:
        """Return name and settings as a plain dict; what only some sources have is in `options`."""
        common = {key: getattr(self, key) for key in Dataset.model_fields}
        return {"name": self.name, **common, "options": self.options}

    @property
    def class_count(self) -> int | None:
        """Return the number of classes; None if only the user's images tell."""
        return EXPRESSIONS

    @property
    def matches_2018(self) -> bool:
        """Whether these are the 2018 paper's images (Tables 1 and 2), drawn as it drew them."""
        return False

    def _has_counts(self, training: int, validation: int) -> bool:
        """Tell whether there are so many images per class, in the shape of the 2018 paper."""
        found = (self.training_per_class, self.validation_per_class)
        shape = (self.image_size, self.channels, self.resize)
        return found == (training, validation) and shape == (64, "gray", "stretch")

    def check(self, study: Study) -> None:
        """Refuse images that do not exist, that results would lie among, or that are too few."""
        path = self.options.get("path")
        if path is not None:
            self._check_path(path, study.results)
        validation = self.validation_per_class
        if self.transfer and validation is not None and validation < 2:
            raise ConfigError(
                f"datasets.{self.name}.validation_per_class: found {validation}, allowed: at least "
                "2 if transfer is true"
            )

    def _check_path(self, path: str, results: str) -> None:
        """Refuse a path that leads nowhere, and results among the images."""
        # Opening a pipe would wait for ever.
        if not (is_file(path) or Path(path).is_dir()):
            what = (type(self).model_fields["path"].description or "").rstrip(".")
            there = "neither a file nor a folder" if os.path.lexists(path) else "nothing"
            raise ConfigError(
                f"datasets.{self.name}.path: found {there} at {shown(path)}, allowed: {what}"
            )
        if Path(results).resolve().is_relative_to(Path(path).resolve()):
            raise ConfigError(
                f"results: found '{shorten(results)}', allowed: a folder outside of the images of "
                f"{self.name}"
            )


class FashionMnist(Dataset):
    """Clothes from Zalando's Fashion-MNIST."""

    source: Literal["fashion-mnist"] = Field(description="Where the images come from.")
    training_per_class: Annotated[Training, Field(le=6000)] = 6000
    validation_per_class: Annotated[Validation, Field(le=1000)] = 1000
    classes: Annotated[
        tuple[Garment, ...], Field(min_length=2), UNIQUE_ITEMS, FROM_LIST, ALL_DIFFERENT
    ] = Field(
        default=GARMENTS_2018,
        description="Classes of Fashion-MNIST. The default seven (labels 0 to 6) are those of the "
        "2018 paper.",
    )

    @property
    def class_count(self) -> int:
        """Return the number of classes."""
        return len(self.classes)

    @property
    def matches_2018(self) -> bool:
        """Whether these are the 2018 paper's clothes."""
        return self._has_counts(6000, 1000) and sorted(self.classes) == sorted(GARMENTS_2018)


class Avatars(Dataset):
    """Drawn faces that stand in for FERG-DB: seven expressions of a few characters."""

    source: Literal["avatars"] = Field(description="Where the images come from.")
    training_per_class: Training = 6000
    validation_per_class: Validation = 900
    identities: Literal["six", "free"] = Field(
        default="six",
        description="Who is drawn: `six` fixed characters, as in FERG-DB, or, which is harder, a "
        "new person in every image (`free`).",
    )
    validation: ByCharacter = "by-image"

    def check(self, study: Study) -> None:
        """Refuse to hold out characters if there are none."""
        super().check(study)
        if self.identities == "free" and self.validation == "by-character":
            raise ConfigError(
                f"datasets.{self.name}.validation: found 'by-character', allowed: 'by-image' if "
                "identities are free, because every image then shows a character of its own"
            )


class Ferg(Dataset):
    """FERG-DB: rendered faces of six characters with seven expressions."""

    source: Literal["ferg"] = Field(description="Where the images come from.")
    path: PathText = Field(
        description="The FERG-DB archive or unpacked folder. Request it from the University of "
        "Washington (https://grail.cs.washington.edu/projects/deepexpr/ferg-2d-db.html); "
        "`source: avatars` needs none."
    )
    training_per_class: Training = 6000
    validation_per_class: Validation = 900
    validation: ByCharacter = "by-image"

    @property
    def matches_2018(self) -> bool:
        """Whether these are the 2018 paper's expressions."""
        return self._has_counts(6000, 900) and self.validation == "by-image"


class Peeps(Dataset):
    """Drawn faces in another style, which stand in for JAFFE: few images of seven expressions."""

    source: Literal["peeps"] = Field(description="Where the images come from.")
    training_per_class: Training = 29
    validation_per_class: ValidationOrNone = 0
    transfer: Transfer = False


class Jaffe(Dataset):
    """JAFFE: photographs of ten Japanese women with seven expressions."""

    source: Literal["jaffe"] = Field(description="Where the images come from.")
    path: PathText = Field(
        description="The JAFFE archive or unpacked folder. Request it through Zenodo "
        "(https://doi.org/10.5281/zenodo.3451524); `source: peeps` needs none."
    )
    training_per_class: Training = 29
    validation_per_class: ValidationOrNone = 0
    transfer: Transfer = False


class Folder(Dataset):
    """Your own images."""

    source: Literal["folder"] = Field(description="Where the images come from.")
    path: PathText = Field(
        description="Your folder (or a zip or tar file of it). It has one folder of images per "
        "class, or such folders in `train`, `val` and `test`; `test` is held out and only scored."
    )
    training_per_class: int | None = Field(
        default=None,
        ge=1,
        description="Training images per class at fraction 1; null for all that are not "
        "validation or test images.",
    )
    validation_per_class: int | None = Field(
        default=None,
        ge=2,
        description="Validation images per class; null for those in `val` or, without `val`, a "
        "quarter of each class in `train`.",
    )
    channels: Channels = "rgb"
    resize: Resize = "pad"
    on_bad_image: Literal["error", "skip"] = Field(
        default="error",
        description="What happens to a file that is no image, to an empty class, and to a picture "
        "that is in two classes. `error` stops the run; `skip` leaves it out and lists it in the "
        "table `skipped`.",
    )

    merge_similar_classes: bool = Field(
        default=False,
        description="Whether class folders whose names differ only in case, Unicode form or "
        "surrounding blanks are one class. If not, they stop the run.",
    )

    @property
    def class_count(self) -> None:
        """Return None: only the folder tells."""
        return None


# A new source is a class above and its name here.
AnyDataset = Annotated[
    FashionMnist | Avatars | Ferg | Peeps | Jaffe | Folder, Field(discriminator="source")
]
