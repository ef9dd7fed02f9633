"""What all sections of the config share: their base class, and types that several have."""

import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from transfer_gain import gpus

T = TypeVar("T")


class Section(BaseModel):
    """Settings that belong together; strictly checked and immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    def settings(self) -> dict[str, Any]:
        """Return the settings as a plain dict, which Snakemake's `params` can hold."""
        return self.model_dump()


class Named(Section):
    """Settings of something that has a name, which is their key in the config."""

    _name: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """Return the name."""
        return self._name


def _tuple_of_list(value: Any) -> Any:
    """Return a list as a tuple; anything else is returned unchanged and refused later."""
    return tuple(value) if isinstance(value, list) else value


def _all_different(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse a value that is there twice."""
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", "no value twice")
    return values


def _path(text: str) -> str:
    """Return a path in canonical form: no `./`, no final slash, `~` expanded as in a shell."""
    return str(Path(os.path.expanduser(text)))  # noqa: PTH111 (Path's fails for no user)


# Annotations that make up the types of lists below.
FROM_LIST = BeforeValidator(_tuple_of_list)
ALL_DIFFERENT = AfterValidator(_all_different)
UNIQUE_ITEMS = Field(json_schema_extra={"uniqueItems": True})

# A list; one without duplicates; one of at least one value; and one of which both are true.
List = Annotated[tuple[T, ...], FROM_LIST]
Distinct = Annotated[tuple[T, ...], UNIQUE_ITEMS, FROM_LIST, ALL_DIFFERENT]
Some = Annotated[tuple[T, ...], Field(min_length=1), FROM_LIST]
SomeDistinct = Annotated[tuple[T, ...], Field(min_length=1), UNIQUE_ITEMS, FROM_LIST, ALL_DIFFERENT]

# Without "_", which separates names in the file names of figures.
NAMES = "lower-case letters, digits and hyphens"
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$", title=NAMES)]
# Without braces, which are Snakemake's wildcards.
PATH = "^[^{}]+$"
PathText = Annotated[str, Field(pattern=PATH, title="a path without braces"), AfterValidator(_path)]
Weights = Annotated[
    str,
    Field(pattern=PATH, title="imagenet, none or a path without braces"),
    AfterValidator(_path),
]

# Settings that several sections have.
LearningRate = Annotated[float, Field(gt=0, description="Learning rate of Adam.")]
L2 = Annotated[
    float,
    Field(
        ge=0, description="Weight of the L2 penalty: the sum of squared kernels times this weight."
    ),
]
MaxFraction = Annotated[
    float,
    Field(ge=0, le=1, description="Largest fraction at which this is done; 0 for none."),
]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
# A fraction of each class's training images.
Fraction = Annotated[float, Field(gt=0, le=1)]


def is_file(path: Path | str) -> bool:
    """Tell whether there is a file, also of a name that no system takes."""
    return os.path.isfile(path)  # noqa: PTH113 (Path's fails for a name that is too long)


def is_elsewhere(path: Path | str) -> bool:
    """Tell whether a path is missing because this is a job on another machine, without shared disk.

    Planning has checked it. The job has what was made of it where it is, or a copy.
    """
    return gpus.SUBMITTED in os.environ and not os.path.lexists(path)
