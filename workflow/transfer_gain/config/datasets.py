"""The datasets of a study: one model per source of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from transfer_gain.config.baselines import Augmentation
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import (
    ALL_DIFFERENT,
    FROM_LIST,
    UNIQUE_ITEMS,
    Named,
    PathText,
    is_elsewhere,
    is_file,
)
from transfer_gain.config.own_images import Groups, Labels, also_subfolder
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
TrainingOrAll = Annotated[
    int | None,
    Field(
        ge=1,
        description="Training images per class at fraction 1; null for all that are not "
        "validation or test images.",
    ),
]
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
    """Images of some classes; what all sources have in common.

    Attributes:
        few_images: whether there are so few that all are worth scoring, and a model is worth
            taking home, as of the user's own images.
    """

    few_images: ClassVar[bool] = False

    # Whether pictures can have more pixels than `image_size`, so that backbones get larger ones.
    has_larger_pictures: ClassVar[bool] = True

    source: str = Field(description="Where the images come from.")
    training_per_class: int | None
    validation_per_class: int | None
    image_size: int = Field(
        default=64,
        ge=8,
        le=1024,
        description="Side in pixels to which every image is resized: what the network trained "
        "from scratch sees, and every backbone whose `input_size` is not larger.",
    )
    channels: Channels = "gray"
    resize: Resize = "stretch"
    background: Background = "#ffffff"
    transfer: Transfer = True
    augmentation: Augmentation | None = Field(
        default=None,
        description="How its images are augmented, in place of the study's `augmentation`, such as "
        "`{flip: false}` if its classes are left and right; keys that are left out have their "
        "defaults. Null for the study's.",
    )

    @property
    def is_cross_fitted(self) -> bool:
        """Whether its images are cross-fitted, unless they come with a split."""
        return self.few_images and self.validation_per_class is None

    @property
    def options(self) -> dict[str, Any]:
        """Return the settings that only some sources have."""
        values = self.model_dump(mode="json")
        return {key: values[key] for key in values if key not in Dataset.model_fields}

    def settings(self) -> dict[str, Any]:
        """Return name and settings as a plain dict; what only some sources have is in `options`.

        How images are augmented is left out, because it makes no other images.
        """
        common = {key: getattr(self, key) for key in Dataset.model_fields if key != "augmentation"}
        return {"name": self.name, **common, "options": self.options}

    @property
    def class_count(self) -> int | None:
        """Return the number of classes; None if only the user's images show it."""
        return EXPRESSIONS

    def class_sizes(self) -> list[int]:
        """Return images per class, up to a factor; empty if only the user's images show them."""
        return [1] * (self.class_count or 0)

    @property
    def image_count(self) -> int | None:
        """Return the number of images in all; None if it is not in the config."""
        return None

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
        """Refuse images that do not exist, are too few, or would hold the results."""
        path = self.options.get("path")
        if path is not None:
            self._check_path("path", path, study.results)
        validation = self.validation_per_class
        if self.transfer and validation is not None and validation < 2:
            raise ConfigError(
                f"datasets.{self.name}.validation_per_class: found {validation}, allowed: at least "
                "2 if transfer is true"
            )

    def _check_path(self, key: str, path: str, results: str) -> None:
        """Refuse a path that leads nowhere, and results among the images."""
        if is_elsewhere(path):
            return
        # Opening a pipe would block forever.
        if not (is_file(path) or Path(path).is_dir()):
            what = (type(self).model_fields[key].description or "").rstrip(".")
            there = "neither a file nor a folder" if os.path.lexists(path) else "nothing"
            raise ConfigError(
                f"datasets.{self.name}.{key}: found {there} at {shown(path)}, allowed: {what}"
            )
        if Path(results).resolve().is_relative_to(Path(path).resolve()):
            raise ConfigError(
                f"results: found '{shorten(results)}', allowed: a folder outside of the images of "
                f"{self.name}"
            )


class FashionMnist(Dataset):
    """Clothes from Zalando's Fashion-MNIST."""

    has_larger_pictures: ClassVar[bool] = False  # 28 x 28 pixels

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


class SolarCells(Dataset):
    """Photographs of solar cells, functional and defective (PyPI package `elpv-dataset`)."""

    few_images: ClassVar[bool] = True

    source: Literal["solar-cells"] = Field(description="Where the images come from.")
    images: int = Field(
        default=300,
        ge=40,
        le=2000,
        description="Images drawn from the 2,223 whose label is certain, about two functional "
        "cells for a defective one.",
    )
    rest: Literal["unused", "test"] = Field(
        default="unused",
        description="What becomes of the images that are not drawn: nothing, or all are test "
        "images. `test` shows what an answer from `images` photographs is worth in the world.",
    )
    training_per_class: TrainingOrAll = None
    validation_per_class: int | None = Field(
        default=None,
        ge=2,
        description="Validation images per class, drawn once, half of them to select on and half "
        "to score; null for `cross_fitting`. With `rest: test`, null is a quarter of each class, "
        "all to select on.",
    )

    @property
    def class_count(self) -> int:
        """Return the number of classes."""
        return 2

    def class_sizes(self) -> list[int]:
        """Return images per class, up to a factor: about two functional for a defective one."""
        return [2, 1]

    @property
    def image_count(self) -> int:
        """Return the number of drawn images."""
        return self.images


class Folder(Dataset):
    """Your own images."""

    few_images: ClassVar[bool] = True

    source: Literal["folder"] = Field(description="Where the images come from.")
    path: PathText = Field(
        description="Your folder (or a zip or tar file of it). It has one folder of images per "
        "class, or such folders in `train`, `val` and `test`, or a table of labels (`labels`). "
        "`test` is held out and only scored."
    )
    training_per_class: TrainingOrAll = None
    validation_per_class: int | None = Field(
        default=None,
        ge=2,
        description="Validation images per class, drawn once; null for those in `val`, for "
        "a quarter of each class if there is `test` without `val`, and for `cross_fitting` if "
        "there is no split.",
    )
    channels: Channels = "rgb"
    resize: Resize = "crop"
    labels: Labels | None = Field(
        default=None,
        description="A table beside the images that gives their classes; null if folders do.",
    )
    groups: Groups | None = Field(
        default=None,
        description="Which images belong together, such as those of one patient: exactly one of "
        "the keys below. A group is never on two sides of a split. Null if every image stands for "
        "itself.",
        json_schema_extra=also_subfolder,
    )
    near_copies: Literal["warn", "group", "drop"] = Field(
        default="group",
        description="What happens to near copies, such as a picture and the same as a smaller JPEG "
        "(table `near_copies`). `group` makes one group of those of a class, so that they are on "
        "one side of the split; `drop` uses only one of them, and of copies in two parts of a "
        "given split that of the earlier part (training, validation, test); `warn` changes "
        "nothing. Near copies of different classes are always kept and told.",
    )
    on_bad_image: Literal["error", "skip"] = Field(
        default="error",
        description="What happens to a file that is no image, to an empty class, and to a picture "
        "that is in two classes. `error` stops the run; `skip` leaves it out and lists it in the "
        "table `skipped`.",
    )
    merge_similar_classes: bool = Field(
        default=False,
        description="Whether classes whose names differ only in case, Unicode form or surrounding "
        "blanks are one class. If not, they stop the run.",
    )
    unlabelled: PathText | None = Field(
        default=None,
        description="A folder (or a zip or tar file of it) of images without labels. Table "
        "`next_labels` then lists which of them to label next, and `next_labels_test` has how much "
        "that helped on the labeled images; null for neither.",
    )

    @property
    def options(self) -> dict[str, Any]:
        """Return the settings that only this source has, and that its images depend on."""
        return {key: value for key, value in super().options.items() if key != "unlabelled"}

    @property
    def class_count(self) -> None:
        """Return None: only the folder tells."""
        return None

    def check(self, study: Study) -> None:
        """Refuse groups that are given in no way or in several, or by a column of no table."""
        super().check(study)
        if self.unlabelled is not None:
            self._check_unlabelled(self.unlabelled, study)
        if self.groups is None:
            return
        if len(self.groups.chosen) != 1:
            raise ConfigError(
                f"datasets.{self.name}.groups: found {', '.join(self.groups.chosen) or 'none'}, "
                "allowed: exactly one of subfolder, pattern, column"
            )
        if self.groups.column and self.labels is None:
            raise ConfigError(
                f"datasets.{self.name}.groups.column: found {shown(self.groups.column)} without a "
                "table, allowed: a column of the table that `labels` names"
            )

    def _check_unlabelled(self, path: str, study: Study) -> None:
        """Refuse unlabelled images that do not exist, have labels, or cannot be looked at."""
        self._check_path("unlabelled", path, study.results)
        if Path(path).resolve().is_relative_to(Path(self.path).resolve()):
            raise ConfigError(
                f"datasets.{self.name}.unlabelled: found {shown(path)} in {shown(self.path)}, "
                "allowed: a place outside of the labeled images"
            )
        if not self.transfer:
            raise ConfigError(
                f"datasets.{self.name}.unlabelled: found {shown(path)} with transfer: false, "
                "allowed: a dataset with transfer: true"
            )


# A new source is a class above and its name here.
AnyDataset = Annotated[
    FashionMnist | Avatars | Ferg | Peeps | Jaffe | SolarCells | Folder,
    Field(discriminator="source"),
]
