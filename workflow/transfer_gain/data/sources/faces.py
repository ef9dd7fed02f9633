"""Drawn faces with seven expressions: `Avatars` stands in for FERG-DB, `Peeps` for JAFFE.

A picture is a set of options for a DiceBear style in three parts: identity, expression and pose.
Each part has its own random stream, seeded by names alone. A picture therefore does not depend on
which other pictures are drawn, in what order or in which process. The stream of the identity does
not depend on the class.
"""

import io
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
import resvg_py
from dicebear import Avatar, Style
from PIL import Image

from transfer_gain.data.sources.base import Item, Source, SourceError
from transfer_gain.seeds import generator

Choices = Mapping[str, str]  # an option's name to the values that it may take, between spaces

AVATAR_EXPRESSIONS: dict[str, Choices] = {
    "anger": {
        "eyebrowsVariant": "angry angryNatural",
        "eyesVariant": "default squint side",
        "mouthVariant": "serious grimace sad screamOpen",
    },
    "disgust": {
        "eyebrowsVariant": "flatNatural frownNatural sadConcernedNatural",
        "eyesVariant": "eyeRoll squint xDizzy",
        "mouthVariant": "eating vomit",
    },
    "fear": {
        "eyebrowsVariant": "sadConcerned sadConcernedNatural frownNatural",
        "eyesVariant": "surprised",
        "mouthVariant": "grimace concerned screamOpen sad",
    },
    "joy": {
        "eyebrowsVariant": "default defaultNatural raisedExcited raisedExcitedNatural",
        "eyesVariant": "default happy wink hearts",
        "mouthVariant": "smile twinkle default tongue",
    },
    "neutral": {
        "eyebrowsVariant": "default defaultNatural flatNatural",
        "eyesVariant": "default side closed squint",
        "mouthVariant": "serious",
    },
    "sadness": {
        "eyebrowsVariant": "sadConcerned sadConcernedNatural frownNatural",
        "eyesVariant": "cry default closed",
        "mouthVariant": "sad disbelief serious",
    },
    "surprise": {
        "eyebrowsVariant": "raisedExcited raisedExcitedNatural upDown",
        "eyesVariant": "surprised",
        "mouthVariant": "disbelief default screamOpen",
    },
}

# Hair that leaves eyes and eyebrows free.
AVATAR_PEOPLE: Choices = {
    "topVariant": "bun curly curvy dreads dreads01 dreads02 frida frizzle fro froBand hijab "
    "shavedSides shortCurly shortFlat shortRound shortWaved sides theCaesar theCaesarAndSidePart "
    "winterHat02",
    "hairColor": "#a55728 #2c1b18 #b58143 #d6b370 #724133 #4a312c #f59797 #ecdcbf #c93305 #e8e1e1",
    "hatColor": "#262e33 #65c9ff #5199e4 #25557c #929598 #3c4f5c #a7ffc4 #ffafb9 #ff488e",
    "skinColor": "#614335 #d08b5b #ae5d29 #edb98a #ffdbb4 #fd9841 #f8d25c",
    "clothesVariant": "blazerAndShirt blazerAndSweater collarAndSweater hoodie overall "
    "shirtCrewNeck shirtScoopNeck shirtVNeck",
    "clothesColor": "#262e33 #65c9ff #5199e4 #25557c #e6e6e6 #929598 #a7ffc4 #ffafb9 #ff488e",
}
# The columns are the options of AVATAR_PEOPLE.
AVATAR_CHARACTERS = {
    "ada": "bun #2c1b18 #262e33 #ae5d29 shirtVNeck #a7ffc4",
    "bruno": "shortFlat #4a312c #262e33 #edb98a hoodie #5199e4",
    "chloe": "curly #d6b370 #262e33 #ffdbb4 overall #ff488e",
    "dina": "hijab #2c1b18 #25557c #d08b5b blazerAndShirt #929598",
    "emil": "sides #e8e1e1 #262e33 #ffdbb4 collarAndSweater #25557c",
    "femi": "dreads01 #2c1b18 #262e33 #614335 shirtCrewNeck #e6e6e6",
}

PEEP_EXPRESSIONS: dict[str, Choices] = {
    "anger": {"expressionVariant": "angryWithFang rage veryAngry"},
    "disgust": {"expressionVariant": "cheeky suspicious"},
    "fear": {"expressionVariant": "concerned fear hectic"},
    "joy": {"expressionVariant": "calm smile smileBig smileLOL smileTeethGap"},
    "neutral": {"expressionVariant": "blank eyesClosed serious"},
    "sadness": {"expressionVariant": "solemn tired"},
    "surprise": {"expressionVariant": "awe explaining"},
}
PEEP_PEOPLE: Choices = {
    "headVariant": "afro bantuKnots bun bun2 buns cornrows cornrows2 flatTop flatTopLong grayBun "
    "grayMedium grayShort hatBeanie hatHip hijab long longCurly medium1 medium2 medium3 "
    "mohawk mohawk2 noHair1 noHair2 noHair3 pomp shaved1 shaved2 shaved3 short1 short2 short3 "
    "short4 short5 turban twists twists2",
    "headContrastColor": "#2c1b18 #e8e1e1 #ecdcbf #d6b370 #f59797 #b58143 #a55728 #724133 #c93305",
    "skinColor": "#ffdbb4 #edb98a #d08b5b #ae5d29 #694d3d",
    "clothingColor": "#8fa7df #78e185 #ffcf77 #e279c7 #e78276 #9ddadb #fdea6b",
}

BACKGROUNDS = "#ffffff #eeeeee #dddddd #cccccc #bbbbbb"


class _Faces(Source):
    """Common base of both sources; a subclass sets its style, people and expressions."""

    forkable = True
    dataset: str
    style: str
    expressions: dict[str, Choices]
    people: Choices
    hidden: tuple[str, ...]  # components that would hide the face
    zoom: tuple[float, float]
    centre: tuple[float, float]  # the head's, in percent of the canvas from its middle

    def __init__(self, images_per_class: int, *, seed: int, size: int = 64) -> None:
        self.classes = tuple(self.expressions)
        self.seed = seed
        self.size = size
        self.items = [
            Item(f"{name}-{index:05d}", label, group=self._person(label, index))
            for label, name in enumerate(self.classes)
            for index in range(images_per_class)
        ]

    def _person(self, label: int, index: int) -> str:
        return f"person-{index * len(self.classes) + label:05d}"

    def identity(self, item: Item) -> dict[str, str]:
        """Return hair, skin and clothes: a function of the item's group (and the seed) alone."""
        return _draw(self._generator(str(item.group), "identity"), self.people)

    def expression(self, item: Item) -> dict[str, str]:
        """Return the face's parts, drawn from the variants of the item's class."""
        choices = self.expressions[self.classes[item.label]]
        return _draw(self._generator(item.image_id, "expression"), choices)

    def pose(self, item: Item) -> dict[str, str | float]:
        """Return background, mirroring, zoom, rotation (degrees) and shift (percent of frame)."""
        rng = self._generator(item.image_id, "pose")
        drawn = _draw(rng, {"flip": "none horizontal", "backgroundColor": BACKGROUNDS})
        across, down = self.centre
        if drawn["flip"] == "horizontal":
            across = -across
        zoom = rng.uniform(*self.zoom)
        place = {
            "scale": zoom,
            "rotate": rng.uniform(-20, 20),
            "translateX": rng.uniform(-7, 7) - zoom * across,
            "translateY": rng.uniform(-5, 5) - zoom * down,
        }
        # Rounded, because processors differ in the last bit.
        return {**drawn, **{name: round(value, 3) for name, value in place.items()}}

    def options(self, item: Item) -> dict[str, str | float]:
        """Return all DiceBear options of an item's picture."""
        hidden = {f"{component}Probability": 0 for component in self.hidden}
        return {**self.identity(item), **self.expression(item), **self.pose(item), **hidden}

    def read(self, item: Item) -> np.ndarray:
        """Return an item's picture: uint8 RGB, (size, size, 3)."""
        svg = Avatar(_style(self.style), self.options(item)).to_string()
        png = resvg_py.svg_to_bytes(svg_string=svg, width=self.size, skip_system_fonts=True)
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))

    def _generator(self, *names: str) -> np.random.Generator:
        return generator(self.seed, self.dataset, *names)


class Avatars(_Faces):
    """Faces in the style `avataaars`: of six fixed characters, or one new person per image.

    The items' groups are the characters, or persons.

    Args:
        images_per_class: how many images of each expression.
        seed: the study's seed.
        identities: "six" fixed characters, in turn; or "free": a new person in every image.
        size: the pictures' width and height in pixels.

    Raises:
        SourceError: `identities` is neither "six" nor "free".
    """

    dataset = "avatars"
    style = "avataaars"
    expressions = AVATAR_EXPRESSIONS
    people = AVATAR_PEOPLE
    hidden = ("accessories", "facialHair")
    zoom = (1.4, 1.65)
    centre = (0, -9)

    def __init__(
        self, images_per_class: int, *, seed: int, identities: str = "six", size: int = 64
    ) -> None:
        if identities not in ("six", "free"):
            raise SourceError(f"identities: expected 'six' or 'free', got {identities!r}")
        self.identities = identities
        super().__init__(images_per_class, seed=seed, size=size)

    def _person(self, label: int, index: int) -> str:
        if self.identities == "free":
            return super()._person(label, index)
        return list(AVATAR_CHARACTERS)[index % len(AVATAR_CHARACTERS)]

    def identity(self, item: Item) -> dict[str, str]:
        """Return hair, skin and clothes: a function of the item's group (and the seed) alone."""
        if self.identities == "free":
            return super().identity(item)
        return dict(zip(self.people, AVATAR_CHARACTERS[str(item.group)].split(), strict=True))


class Peeps(_Faces):
    """Faces in the style `open-peeps`, one new person per image.

    Args:
        images_per_class: how many images of each expression.
        seed: the study's seed.
        size: the pictures' width and height in pixels.
    """

    dataset = "peeps"
    style = "open-peeps"
    expressions = PEEP_EXPRESSIONS
    people = PEEP_PEOPLE
    hidden = ("accessories", "facialHair", "mask")
    zoom = (1.3, 1.5)
    centre = (6, 2)


def _draw(rng: np.random.Generator, choices: Choices) -> dict[str, str]:
    return {name: str(rng.choice(values.split())) for name, values in choices.items()}


@cache
def _style(name: str) -> Style:
    return Style(json.loads(files("dicebear_styles").joinpath(f"{name}.json").read_text("utf-8")))
