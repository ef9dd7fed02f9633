import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from containers import CONTAINERS, encode, make, noise, opened, png
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.folder import Folder
from transfer_gain.data.sources.layouts import LayoutError
from transfer_gain.data.sources.limits import UnreadableError
from transfer_gain.data.sources.pictures import FORMATS, decode_picture

TREE = {
    f"{name}/{number}.png": noise(10 * label + number)
    for label, name in enumerate(["cat", "dog", "eel"])
    for number in range(3)
}
FILES = {name: png(pixels) for name, pixels in TREE.items()}
SPLIT = {
    f"{split}/{name}": png(noise(100 * part + seed))
    for part, split in enumerate(["train", "val"])
    for seed, name in enumerate(TREE)
}
NO_IMAGE = f"no image of a known format ({', '.join(FORMATS)})"


def folder(tmp_path, tree, **options) -> Folder:
    return opened(make("folder", tmp_path / "data", tree), **options)


def problems(tmp_path, tree) -> list[str]:
    """Return the lines of the error, and check that `skip` leaves out all that they name."""
    path = make("folder", tmp_path / "data", tree)
    with pytest.raises(SourceError) as error:
        opened(path)
    title, *lines = str(error.value).splitlines()
    assert title.startswith(f"{path}: bad images (expected <class>/<image>")
    skipped = [f"  {name}: {reason}" for name, reason in opened(path, on_bad_image="skip").skipped]
    assert set(lines) <= set(skipped)
    return [line.strip() for line in lines]


@pytest.mark.parametrize("above", ["", "my/pets/"])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_container_gives_the_same_images(kind, above, tmp_path):
    tree = {f"{above}{name}": content for name, content in FILES.items()}
    pets = opened(make(kind, tmp_path / "data", tree))
    assert pets.classes == ("cat", "dog", "eel")
    assert [item.image_id for item in pets.items] == sorted(TREE)
    for item in pets.items:
        assert pets.classes[item.label] == item.image_id.split("/")[0]
        assert np.array_equal(pets.read(item), TREE[item.image_id])
        assert (item.split, item.group) == (None, None)
    assert pets.skipped == []


@pytest.mark.parametrize(
    ("train", "val"), [("train", "val"), ("Training", "valid"), ("TRAIN", "validation")]
)
def test_a_given_split_is_kept(train, val, tmp_path):
    names = {"train": train, "val": val}
    tree = {f"{names[n.split('/')[0]]}/{n.split('/', 1)[1]}": SPLIT[n] for n in SPLIT}
    pets = folder(tmp_path, tree)
    assert pets.classes == ("cat", "dog", "eel")
    expected = [(f"{train}/{name}", "training") for name in TREE]
    expected += [(f"{val}/{name}", "validation") for name in TREE]
    assert [(item.image_id, item.split) for item in pets.items] == expected


def test_a_class_may_be_called_train(tmp_path):
    tree = {f"{name}/1.png": png(noise(seed)) for seed, name in enumerate(["car", "train"])}
    pets = folder(tmp_path, tree)
    assert (pets.classes, {item.split for item in pets.items}) == (("car", "train"), {None})


def test_clutter_and_notes_beside_the_classes_are_no_problem(tmp_path):
    clutter = ["README.md", "cat/Thumbs.db", "cat/._0.png", ".git/logo.png", "__MACOSX/cat/._0.png"]
    assert folder(tmp_path, FILES | dict.fromkeys(clutter, b"clutter")).skipped == []


def test_files_that_are_no_whole_image_are_named(tmp_path):
    bad = {
        "cat/notes": b"no image",
        "cat/cut.png": png(noise(0, (64, 64, 3)))[:5000],
        "dog/cut.jpg": encode(Image.fromarray(noise(0, (64, 64, 3))), "JPEG")[:900],
        "eel/empty.png": b"",
        "eel/page.eps": encode(Image.fromarray(noise(99)), "EPS"),
        "logo.PNG": png(noise(98)),
        "dog/puppies/1.jpg": b"",
    }
    lines = problems(tmp_path, FILES | bad)
    assert [line.split(":")[0] for line in lines] == sorted(bad)
    assert f"cat/notes: {NO_IMAGE}" in lines
    # Pillow would run Ghostscript.
    assert "eel/page.eps: a PostScript drawing; save it as PNG" in lines
    assert "logo.PNG: an image that is not directly in a class folder" in lines


def test_skip_leaves_out_only_what_is_bad(tmp_path):
    pets = folder(tmp_path, FILES | {"cat/bad.png": b""}, on_bad_image="skip")
    assert [item.image_id for item in pets.items] == sorted(TREE)
    assert pets.skipped == [("cat/bad.png", "an empty file")]


def test_no_more_than_ten_problems_are_listed(tmp_path):
    tree = FILES | {f"cat/bad{number:02}.png": b"" for number in range(13)}
    with pytest.raises(SourceError) as error:
        folder(tmp_path, tree)
    _, *lines = str(error.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[:-1]] == [
        f"cat/bad{number:02}.png" for number in range(10)
    ]
    assert lines[-1] == "  … and 3 more"


def test_a_class_without_an_image_is_named_and_skipped_as_a_whole(tmp_path):
    path = make("folder", tmp_path / "data", FILES | {"fox/bad.png": b""})
    (path / "gnu").mkdir()
    with pytest.raises(SourceError) as error:
        opened(path)
    assert "fox: a class without any images\n  fox/bad.png" in str(error.value)
    assert "gnu: a class without any images" in str(error.value)
    assert opened(path, on_bad_image="skip").classes == ("cat", "dog", "eel")


def test_a_class_needs_images_on_both_sides_of_a_given_split(tmp_path):
    tree = {name: content for name, content in SPLIT.items() if not name.startswith("val/dog")}
    assert problems(tmp_path, tree) == ["dog: a class without validation images"]
    pets = opened(tmp_path / "data", on_bad_image="skip")
    assert pets.classes == ("cat", "eel")
    assert [item.image_id for item in pets.items] == [n for n in sorted(tree) if "dog" not in n]


def test_a_side_of_the_split_without_classes_is_refused(tmp_path):
    path = make("folder", tmp_path / "data", {f"train/{name}": FILES[name] for name in FILES})
    (path / "val").mkdir()
    with pytest.raises(LayoutError, match="but val without class folders"):
        opened(path)


def test_identical_images_of_two_classes_are_named_and_none_is_kept(tmp_path):
    twin = {"dog/copy.png": FILES["cat/1.png"], "cat/copy.png": FILES["cat/1.png"]}
    assert problems(tmp_path, FILES | twin) == [
        "cat/1.png: identical to dog/copy.png, of another class",
        "cat/copy.png: identical to cat/1.png; not all of one class",
        "dog/copy.png: identical to cat/1.png; not all of one class",
    ]
    kept = {item.image_id for item in opened(tmp_path / "data", on_bad_image="skip").items}
    assert kept == set(FILES) - {"cat/1.png"}


def test_identical_images_on_both_sides_of_a_split_are_named_and_kept_for_training(tmp_path):
    tree = SPLIT | {"val/cat/copy.png": SPLIT["train/cat/2.png"]}
    assert problems(tmp_path, tree) == [
        "val/cat/copy.png: identical to train/cat/2.png, on the other side of the split"
    ]
    kept = {item.image_id for item in opened(tmp_path / "data", on_bad_image="skip").items}
    assert kept == set(SPLIT)


def test_pictures_that_differ_in_hue_alone_are_told_apart_in_color_only(tmp_path):
    # Two colors of the same luma, on white.
    red, green = (np.full((6, 6, 3), 255, np.uint8) for _ in range(2))
    red[1:5, 1:5], green[1:5, 1:5] = (196, 0, 0), (0, 100, 0)
    tree = {"red/0.png": png(red), "green/0.png": png(green)}
    path = make("folder", tmp_path / "data", tree)
    assert len(opened(path).items) == 2
    with pytest.raises(SourceError, match=r"compared in gray at 6 pixels") as error:
        opened(path, Fit(6, "gray"))
    assert "green/0.png: identical to red/0.png, of another class" in str(error.value)


def test_the_same_picture_in_gray_and_in_colour_is_identical(tmp_path):
    gray = noise(0, (16, 16))
    in_colour = np.repeat(gray[:, :, None], 3, axis=2)
    twins = {"cat/gray.png": png(gray), "dog/colour.png": png(in_colour)}
    assert problems(tmp_path, FILES | twins) == [
        "cat/gray.png: identical to dog/colour.png, of another class",
        "dog/colour.png: identical to cat/gray.png; not all of one class",
    ]


def test_pixels_twice_in_a_class_are_used_once(tmp_path):
    # The same pixels in another format: the files differ.
    copy = encode(Image.fromarray(TREE["cat/1.png"]), "BMP")
    pets = folder(tmp_path, FILES | {"cat/copy.bmp": copy})
    assert pets.skipped == [("cat/copy.bmp", "identical to cat/1.png")]
    assert [item.image_id for item in pets.items] == sorted(TREE)


def test_the_same_bytes_in_another_shape_are_another_image(tmp_path):
    flat = noise(50, (2, 8))
    tree = FILES | {"cat/flat.png": png(flat), "dog/tall.png": png(flat.reshape(8, 2))}
    assert len(folder(tmp_path, tree).items) == len(tree)


@settings(max_examples=40, deadline=None)
@given(
    placed=st.lists(
        st.tuples(st.sampled_from(["train", "val"]), st.sampled_from("ab"), st.integers(0, 3)),
        max_size=12,
    )
)
def test_no_pixels_are_ever_in_two_classes_or_on_both_sides(placed, tmp_path_factory):
    places = ["train/a", "val/a", "train/b", "val/b"]
    tree = {f"{place}/x.png": png(noise(seed)) for seed, place in enumerate(places, start=9)}
    for number, (split, name, seed) in enumerate(placed):
        tree[f"{split}/{name}/{number}.png"] = png(noise(seed))
    path = make("folder", tmp_path_factory.mktemp("pets") / "data", tree)
    pets = opened(path, on_bad_image="skip")
    pixels = [pets.read(item).tobytes() for item in pets.items]
    assert len(set(pixels)) == len(pixels)
    left_out = {name for name, _ in pets.skipped}
    assert {item.image_id for item in pets.items} | left_out == set(tree)


@pytest.mark.parametrize(
    ("tree", "found"),
    [({}, "[]"), ({"README.md": b""}, "[]"), ({"cat/1.png": FILES["cat/1.png"]}, "['cat']")],
)
def test_fewer_than_two_classes_are_refused(tree, found, tmp_path):
    with pytest.raises(SourceError) as error:
        folder(tmp_path, tree)
    assert f"classes with images: {found}; expected" in str(error.value)


GRAY16 = np.array([[0, 128, 129], [257, 32768, 65535]], np.uint16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_gray_is_kept(kind):
    assert np.array_equal(decode_picture(encode(Image.fromarray(GRAY16), kind), "x"), GRAY16)


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_16_bit_color_is_kept_and_turned_as_exif_says(ending):
    wide = np.random.default_rng(0).integers(0, 65536, (4, 3, 3), dtype=np.uint16)
    content = cv2.imencode(ending, wide[:, :, ::-1])[1].tobytes()
    assert np.array_equal(decode_picture(content, "x"), wide)


@pytest.mark.parametrize("pixels", [np.float32([[0.5]]), np.int32([[70000]]), np.int32([[-1]])])
def test_pixels_without_a_known_range_are_refused(pixels):
    with pytest.raises(UnreadableError, match=r"x\.tiff: .*32 pixels, expected 8 or 16 bits"):
        decode_picture(encode(Image.fromarray(pixels), "TIFF"), "x.tiff")


RGB = np.uint8([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]])


def image(mode: str) -> Image.Image:
    return Image.fromarray(RGB).convert(mode)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode(image("RGB"), "PNG"), RGB),
        (encode(Image.fromarray(RGB).quantize(4), "PNG"), RGB),
        (encode(Image.fromarray(RGB).quantize(4), "GIF"), RGB),
        (encode(image("RGBA"), "WEBP", lossless=True), RGB),
        (encode(image("CMYK"), "TIFF"), RGB),
        (encode(image("L"), "BMP"), np.asarray(image("L"))),
        (encode(image("1"), "PNG"), np.asarray(image("1")) * np.uint8(255)),
        (encode(image("LA"), "PNG"), np.asarray(image("L"))),
    ],
    ids=["rgb", "palette", "gif", "rgba", "cmyk", "gray", "1-bit", "gray-alpha"],
)
def test_every_kind_of_pixels_is_decoded(content, expected):
    pixels = decode_picture(content, "x")
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, expected)


def test_pictures_of_one_color_are_told(tmp_path):
    """White objects on transparency would come out blank."""
    logo = np.zeros((6, 6, 4), np.uint8)
    logo[:, :, :3] = 255
    logo[2:4, 2:4, 3] = 255
    path = make("folder", tmp_path / "data", FILES | {"cat/logo.png": png(logo)})
    reason = r"one color, \(255, 255, 255\); if .* transparent, set another `background`"
    with pytest.raises(SourceError, match=rf"cat/logo\.png: all pixels have {reason}"):
        opened(path)
    assert len(opened(path, Fit(6, "rgb", background="#000000")).items) == len(FILES) + 1


def test_one_range_for_all_pictures_of_16_bits(tmp_path):
    """Those of a 12-bit camera keep their brightness relative to each other."""
    dark = np.tile(np.array([[0, 400]], np.uint16), (6, 3))
    bright = np.tile(np.array([[0, 4000]], np.uint16), (6, 3))
    tree = {"cat/0.png": png(dark), "dog/0.png": png(bright), "dog/1.png": png(noise(0))}
    mine = opened(make("folder", tmp_path / "data", tree))
    levels = [int(mine.read(item).max()) for item in mine.items]
    assert levels[:2] == [round(400 * 255 / 4095), round(4000 * 255 / 4095)]
    assert np.array_equal(mine.read(mine.items[2]), noise(0))


def test_colors_of_16_bits_are_not_cut_to_8_before_they_are_scaled(tmp_path):
    wide = np.random.default_rng(0).integers(0, 4096, (6, 6, 3), dtype=np.uint16)
    files = {
        f"{name}/0.png": cv2.imencode(".png", wide[:, :, order])[1].tobytes()
        for name, order in (("cat", [2, 1, 0]), ("dog", [0, 1, 2]))
    }
    mine = opened(make("folder", tmp_path / "data", files))
    assert np.array_equal(mine.read(mine.items[0]), np.round(wide * (255 / 4095)))


def test_a_jpeg_that_lacks_its_last_bytes_is_read_as_viewers_do():
    whole = encode(Image.fromarray(noise(0, (160, 160, 3))), "JPEG")
    pixels = decode_picture(whole, "x")
    assert np.array_equal(decode_picture(whole[:-40], "x")[:140], pixels[:140])
    with pytest.raises(UnreadableError, match="truncated"):
        decode_picture(whole[: len(whole) // 2], "x")


def test_the_orientation_is_read_beside_a_broken_tag():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    content = encode(Image.fromarray(RGB[:, :1]), "JPEG", exif=exif, quality=100)
    broken = content.replace(b"maker\0", b"\xff\xfe\xfd\xfc\xfb\0")
    # An impossible type of the maker's tag.
    place = broken.index(b"\x01\x0f\x00\x02")
    broken = broken[: place + 2] + b"\x00\x63" + broken[place + 4 :]
    assert decode_picture(broken, "x").shape == (1, 2, 3)


def test_a_photograph_decoded_at_a_reduced_size_is_the_same_picture():
    rough = Image.fromarray(noise(0, (30, 40, 3)))
    photo = encode(rough.resize((2000, 1504), Image.Resampling.BICUBIC), "JPEG", quality=92)
    how = Fit(64, "rgb", "pad")
    reduced = decode_picture(photo, "x", enough=128)
    assert reduced.shape == (188, 250, 3)
    whole = fit(decode_picture(photo, "x"), how)
    difference = np.abs(fit(reduced, how).astype(int) - whole)
    assert difference.max() <= 3


def test_transparency_is_laid_on_the_background():
    half = Image.fromarray(np.uint8([[[0, 0, 0, 128], [10, 20, 30, 255], [9, 9, 9, 0]]]))
    expected = [[[127] * 3, [10, 20, 30], [255] * 3]]
    assert decode_picture(encode(half, "PNG"), "x").tolist() == expected
    gray = Image.fromarray(np.uint8([[[7, 0], [7, 255]]]), "LA")
    assert decode_picture(encode(gray, "PNG"), "x").tolist() == [[255, 7]]
    clear = Image.fromarray(RGB).quantize(4)
    index = clear.getpixel((0, 0))
    assert decode_picture(encode(clear, "PNG", transparency=index), "x")[0, 0].tolist() == [255] * 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_exif_is_that_of_pillow(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(noise(0, (4, 7, 3))), "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(decode_picture(content, "x"), np.asarray(upright))


def test_pictures_are_turned_as_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    content = encode(Image.fromarray(RGB[:, :1]), "PNG", exif=exif)
    assert np.array_equal(decode_picture(content, "x"), np.rot90(RGB[:, :1], -1))


def test_the_limit_of_pixels_is_an_error_by_name(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    assert decode_picture(png(noise(0, (10, 10))), "x").shape == (10, 10)
    with pytest.raises(
        UnreadableError, match=r"big\.png: more than 64,000,000 pixels, which is the limit"
    ):
        decode_picture(png(noise(0, (9, 12))), "big.png")


WHOLE = {
    kind: encode(Image.fromarray(noise(0, (16, 16, 3))), kind, **options)
    for kind, options in {"PNG": {}, "BMP": {}, "WEBP": {"lossless": True}, "TIFF": {}}.items()
}


@settings(deadline=None)
@given(kind=st.sampled_from(sorted(WHOLE)), share=st.floats(0, 1, exclude_max=True))
@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")  # they say that a TIFF is cut
def test_a_truncated_image_never_passes_for_another(kind, share):
    content = WHOLE[kind][: int(share * len(WHOLE[kind]))]
    try:
        pixels = decode_picture(content, "cut")
    except UnreadableError as error:
        assert str(error).startswith("cut: ")
    else:  # only the end mark is missing
        assert np.array_equal(pixels, noise(0, (16, 16, 3)))
