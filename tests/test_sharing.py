"""What a report that is passed on gives away about the user's own images."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import reports
import studies
from containers import TWO_IMAGES, encode, make_folder, noise, opened, png
from transfer_gain.config.loading import complete
from transfer_gain.data.fitting import Fit
from transfer_gain.evaluation.mistakes import MISTAKES
from transfer_gain.evaluation.tables import NOTICED, noticed
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting import report
from transfer_gain.reporting.figures.style import save
from transfer_gain.reporting.sharing import Sharing

HOME = "/home/ada"
CONFIG = complete(
    {
        "datasets": {
            "mine": {
                "source": "folder",
                "path": "/home/ada/ward 3/images",
                "unlabelled": "/home/ada/ward 3/others",
            },
            "theirs": {"source": "folder", "path": "/data/images"},
        },
        "backbones": {"mine": {"architecture": "VGG16", "weights": "/home/ada/secret/w.h5"}},
    }
)
PRIVATE = Sharing(own=["clothes"], target="clothes", home=HOME)
PUBLIC = Sharing(public=True, own=["clothes"], target="clothes", home=HOME)


@pytest.mark.parametrize(
    ("path", "private", "public"),
    [
        ("/home/ada/ward 3/images", "~/ward 3/images", "images"),
        ("/home/ada", "~", "ada"),
        ("/home/adam/images", "/home/adam/images", "images"),
        ("../ward 3/images.zip", "../ward 3/images.zip", "images.zip"),
        (".", ".", "."),
    ],
)
def test_a_path_is_shown_without_the_home_and_in_public_by_its_last_name(
    path: str, private: str, public: str
):
    assert PRIVATE.path(path) == private
    assert PUBLIC.path(path) == public


def test_the_config_and_the_inputs_hide_the_user_s_paths_and_nothing_else():
    shown = PUBLIC.config(CONFIG)
    assert [each["path"] for each in shown["datasets"].values()] == ["images", "images"]
    assert shown["datasets"]["mine"]["unlabelled"] == "others"
    assert shown["backbones"]["mine"]["weights"] == "w.h5"
    assert CONFIG["datasets"]["mine"]["path"] == "/home/ada/ward 3/images"  # unchanged
    inputs = {
        "/home/ada/ward 3/images": "a",
        "/data/images": "b",
        "/home/ada/ward 3/others": "e",
        "/home/ada/secret/w.h5": "c",
        "resources/weights/vgg16-imagenet.npz": "d",
    }
    assert PUBLIC.inputs(inputs, CONFIG) == {
        "images": "a",
        "images (2)": "b",
        "others": "e",
        "w.h5": "c",
        "resources/weights/vgg16-imagenet.npz": "d",
    }
    assert [*PRIVATE.inputs(inputs, CONFIG)][:4] == [
        "~/ward 3/images",
        "/data/images",
        "~/ward 3/others",
        "~/secret/w.h5",
    ]


def test_a_config_that_shows_the_home_as_a_tilde_is_the_same_config(monkeypatch):
    monkeypatch.setenv("HOME", HOME)
    assert complete(PRIVATE.config(CONFIG)) == CONFIG


def own_images(folder: Path) -> dict[str, pd.DataFrame]:
    """Return tables about a folder with something to notice of every kind, all by one name."""
    rough = Image.fromarray(noise(7, (12, 12, 3)))
    picture = rough.resize((96, 96), Image.Resampling.BICUBIC)
    tree = TWO_IMAGES | {
        "a/SECRET1.png": encode(picture, "PNG"),
        "a/SECRET2.jpg": encode(picture, "JPEG", quality=90),
        "a/SECRET3.png": png(noise(8)),
        "b/SECRET3.png": png(noise(9)),
        "a/SECRET4.png": b"no image",
        "outside/y.png": png(noise(11)),
    }
    path = make_folder(folder / "mine", tree)
    (path / "outside").rename(folder / "outside")
    (path / "b" / "SECRET5.png").symlink_to(folder / "outside" / "y.png")
    options = {"groups": {"pattern": "(SECRET[0-9])"}, "on_bad_image": "skip"}
    source = opened(path, Fit(32, "rgb"), **options)
    assert sum("SECRET" in note for note in source.notes) == 3
    found = {
        "skipped": source.skipped,
        "notes": [(note,) for note in source.notes],
        "near_copies": source.near_copies,
    }
    assert found.keys() == NOTICED.keys()
    return {name: noticed(name, {"clothes": rows}) for name, rows in found.items()}


def rendered(folder: Path, sharing: Sharing) -> str:
    mine = own_images(folder)
    row = ("clothes", "vgg16", "transfer", 1.0, "SECRET6.png", "coat", "shirt", 0.9, 1, 1)
    mine["mistakes"] = pd.DataFrame([row], columns=MISTAKES)
    assert all(mine[name].to_csv().count("SECRET") for name in mine)
    tables = [each for each in reports.tables() if each.name not in mine]
    tables += [
        reports.made(name, rows)._replace(content=sharing.table(name, rows))
        for name, rows in mine.items()
    ]
    figures = reports.drawings(folder)
    save(studies.samples(), folder / "copies.svg")
    pairs = (folder / "copies.svg").read_text()
    known = {figure.name for figure in figures}
    for kind in {"near_copies", "mistakes"} - {name.removesuffix("_clothes") for name in known}:
        figures.append(reports.made(kind, pairs, dataset="clothes"))
    facts = reports.FACTS | {"config": sharing.config(CONFIG)}
    return report.render(figures, tables, reports.runs(), ACCURACY, facts, sharing)


def test_a_public_report_names_and_shows_no_image(tmp_path: Path):
    html = reports.said(rendered(tmp_path, PUBLIC))
    assert "SECRET" not in html
    assert "ward 3" not in html
    assert "figure-samples_clothes" not in html
    assert "figure-near_copies_clothes" not in html
    assert "figure-mistakes_clothes" not in html
    assert "images are near copies of each other" in html  # how many is still told
    assert "Names and pictures of the images are left out" in html


def test_a_private_report_shows_them_and_says_so_at_its_top(tmp_path: Path):
    html = reports.said(rendered(tmp_path, PRIVATE))
    for name in ("SECRET1.png", "SECRET4.png", "~/ward 3/images"):
        assert name in html
    assert HOME not in html
    assert "figure-near_copies_clothes" in html
    assert "set share: public and run again" in html[: html.index('id="answer"')]


def test_a_report_of_no_own_images_has_nothing_to_hide(tmp_path: Path):
    public, private = Sharing(public=True), Sharing()
    assert public.left_out() == frozenset()
    assert public.unlisted() == frozenset()
    assert public.notice() == private.notice() == ""


def test_what_the_crate_lists_of_own_images():
    tables = {"skipped", "notes", "near_copies"}
    tables |= {"mistakes", "next_labels", "unlabelled_skipped"}
    figures = {"samples_clothes", "near_copies_clothes", "augmented_clothes", "mistakes_clothes"}
    figures |= {"one_shot_tasks", "to_label_clothes"}
    assert PUBLIC.unlisted() == tables | figures
    assert PRIVATE.unlisted() == frozenset()
    other = Sharing(public=True, own=["clothes"], target="avatars")
    assert "one_shot_tasks" not in other.unlisted()


def test_a_table_that_the_report_brings_along_holds_no_formula(tmp_path: Path):
    rows = noticed("skipped", {"clothes": [("=cmd|' /C calc'!A0", "an empty file")]})
    tables = [each for each in reports.tables() if each.name != "skipped"]
    tables.append(reports.made("skipped", rows))
    figures = reports.drawings(tmp_path)
    html = report.render(figures, tables, reports.runs(), ACCURACY, reports.FACTS)
    assert "clothes,'=cmd|' /C calc'!A0,an empty file" in reports.said(html)
    assert ",=cmd" not in reports.said(html)
