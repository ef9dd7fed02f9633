from itertools import product

import numpy as np
import pytest
from PIL import Image

from containers import CONTAINERS, encode, make, noise, png, zip_bytes
from transfer_gain.data.sources.base import Item, SourceError
from transfer_gain.data.sources.expressions import EXPRESSIONS
from transfer_gain.data.sources.ferg import Ferg
from transfer_gain.data.sources.jaffe import Jaffe

CODES = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "joy",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
CHARACTERS = ("aia", "bonnie", "jules", "malcolm", "mery", "ray")
FERG = {
    f"{character}/{character}_{expression}/{character}_{expression}_{number}.png": noise(seed)
    for seed, (character, expression, number) in enumerate(product(CHARACTERS, EXPRESSIONS, (1, 2)))
}
JAFFE = {
    f"{person}.{code}{number}.{seed}.tiff": noise(seed, (6, 5))
    for seed, (person, code, number) in enumerate(product(("KA", "YM"), CODES, (1, 2)))
}
CLUTTER = {
    "__MACOSX/FERG_DB_256/aia/aia_joy/._aia_joy_1.png": b"fork",
    "FERG_DB_256/aia/aia_joy/._aia_joy_1.png": b"fork",
    "FERG_DB_256/aia/aia_joy/Thumbs.db": b"thumbs",
    "FERG_DB_256/aia/.DS_Store": b"store",
    "FERG_DB_256/ReadMe.txt": b"terms",
    "jaffe/README_FIRST.txt": b"terms",
    "jaffe/._KA.AN1.0.tiff": b"fork",
}
FERG_FILES = {f"FERG_DB_256/{name}": png(pixels) for name, pixels in FERG.items()}
JAFFE_FILES = {
    f"jaffe/{name}": encode(Image.fromarray(pixels), "TIFF") for name, pixels in JAFFE.items()
}


@pytest.mark.parametrize("above", ["", "downloads/2018/"])
@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize(
    ("source", "images", "files"), [(Ferg, FERG, FERG_FILES), (Jaffe, JAFFE, JAFFE_FILES)]
)
def test_every_container_gives_the_same_images(source, images, files, kind, above, tmp_path):
    tree = {f"{above}{name}": content for name, content in (files | CLUTTER).items()}
    found = source(make(kind, tmp_path / "data", tree))
    assert [item.image_id for item in found.items] == sorted(images)
    assert all(np.array_equal(found.read(item), images[item.image_id]) for item in found.items)


def test_ferg_has_its_expressions_as_classes_and_its_characters_as_groups(tmp_path):
    ferg = Ferg(make("folder", tmp_path / "data", FERG_FILES))
    assert ferg.classes == tuple(CODES.values())
    for item in ferg.items:
        character, _, name = item.image_id.split("/")
        assert name.startswith(f"{character}_{ferg.classes[item.label]}_")
        assert (item.group, item.split) == (character, None)
    assert {item.group for item in ferg.items} == set(CHARACTERS)


def test_jaffe_has_its_expressions_as_classes_and_its_persons_as_groups(tmp_path):
    jaffe = Jaffe(make("zip", tmp_path / "data", JAFFE_FILES))
    for item in jaffe.items:
        assert jaffe.classes[item.label] == CODES[item.image_id[3:5]]
        assert (item.group, item.split) == (item.image_id[:2], None)


def test_a_zip_within_the_zip_is_entered(tmp_path):
    tree = {"request/FERG_DB_256.zip": zip_bytes(FERG_FILES)}
    assert len(Ferg(make("zip", tmp_path / "data", tree)).items) == len(FERG)


def test_uppercase_extensions_are_images_too(tmp_path):
    tree = {
        "aia/aia_joy/aia_joy_1.PNG": png(noise(0)),
        "aia/aia_fear/aia_fear_1.Png": png(noise(1)),
    }
    assert len(Ferg(make("folder", tmp_path / "ferg", tree)).items) == 2
    tree = dict.fromkeys(["KA.HA1.29.TIFF", "KA.SU3.38.TIF"], JAFFE_FILES["jaffe/KA.AN1.0.tiff"])
    assert len(Jaffe(make("folder", tmp_path / "jaffe", tree)).items) == 2


def test_the_order_does_not_depend_on_the_folders_above(tmp_path):
    above = {"aia": "z", "bonnie": "y", "jules": "x", "malcolm": "c", "mery": "b", "ray": "a"}
    tree = {f"{above[name.split('/')[0]]}/{name}": png(pixels) for name, pixels in FERG.items()}
    items = Ferg(make("folder", tmp_path / "data", tree)).items
    assert [item.image_id for item in items] == sorted(FERG)


def test_what_is_not_in_the_layout_is_no_image_of_the_dataset(tmp_path):
    strays = [
        "FERG_DB_256/aia/aia_1.png",
        "FERG_DB_256/aia/bonnie_joy/bonnie_joy_1.png",
        "FERG_DB_256/aia/aia_boredom/aia_boredom_1.png",
        "FERG_DB_256/aia/aia_joy/notes.txt",
        # Broken in the original.
        "FERG_DB_256/bonnie/bonnie_surprise/bonnie_surprise_1389.png",
        "jaffe/KA.XX1.39.tiff",
        "jaffe/KA.AN1.39.tiff.txt",
    ]
    tree = FERG_FILES | JAFFE_FILES | dict.fromkeys(strays, b"stray")
    path = make("folder", tmp_path / "data", tree)
    assert {item.image_id for item in Ferg(path).items} == set(FERG)
    assert {item.image_id for item in Jaffe(path).items} == set(JAFFE)


def test_an_image_that_is_there_twice_is_named(tmp_path):
    copy = "copy/aia/aia_joy/aia_joy_1.png"
    path = make("zip", tmp_path / "data", FERG_FILES | {copy: png(noise(0))})
    with pytest.raises(
        SourceError, match=rf"twice: FERG_DB_256/aia/aia_joy/aia_joy_1.png and {copy}"
    ):
        Ferg(path)


def test_a_truncated_image_is_named_when_read(tmp_path):
    name = "aia/aia_joy/aia_joy_1.png"
    path = make("tar.gz", tmp_path / "data", {name: png(noise(0, (64, 64)))[:-300]})
    with pytest.raises(SourceError, match=rf"data\.tar\.gz/{name}: "):
        Ferg(path).read(Item(name, 3))


def test_transparent_pixels_are_white(tmp_path):
    pixels = noise(0, (6, 5, 4))
    pixels[..., 3] = 255
    pixels[0, :, 3] = 0
    path = make("folder", tmp_path / "data", {"aia/aia_joy/aia_joy_1.png": png(pixels)})
    ferg = Ferg(path)
    expected = pixels[..., :3].copy()
    expected[0] = 255
    assert np.array_equal(ferg.read(ferg.items[0]), expected)


@pytest.mark.parametrize(
    ("source", "layout", "where"),
    [
        (Ferg, "<character>/<character>_<expression>", "https://grail.cs.washington.edu/"),
        (Jaffe, "KA.AN1.39.tiff", "https://doi.org/10.5281/zenodo.3451524"),
    ],
)
def test_what_is_missing_is_said_with_where_to_request_it(source, layout, where, tmp_path):
    with pytest.raises(SourceError) as missing:
        source(tmp_path / "nowhere.zip")
    with pytest.raises(SourceError) as other:
        source(make("zip", tmp_path / "other", {"cats/tom.png": b"", "cats/readme.txt": b""}))
    assert "nowhere.zip: no such file" in str(missing.value)
    assert "cats/readme.txt, cats/tom.png" in str(other.value)
    for error in (missing, other):
        assert layout in str(error.value) and where in str(error.value)
