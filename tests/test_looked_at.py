"""Promises of the answer's opening: it says what was looked at, and what little is known."""

import numpy as np
import pandas as pd
import pytest

from transfer_gain.evaluation import tables
from transfer_gain.reporting.looked_at import few_scored, looked_at


def made(*rows, skipped: int = 0, **facts) -> dict[str, pd.DataFrame]:
    columns = ["class", "training", "selection", "test"]
    facts = {"dataset": "mine", "size": 64, "channels": "rgb", "resize": "crop"} | facts
    classes = pd.DataFrame(rows, columns=columns).assign(splits=1)
    classes = classes.assign(images=classes[columns[1:]].sum(axis=1), scored=classes["test"])
    return {
        "classes": classes.assign(**facts),
        "skipped": pd.DataFrame({"dataset": ["mine"] * skipped + ["other"]}),
    }


def test_it_says_what_was_looked_at():
    some = made(("sound", 203, 34, 35), ("cracked", 22, 4, 3), skipped=2)
    assert looked_at(some, "mine") == (
        "Looked at 301 images of mine: 272 sound and 29 cracked; in color, cropped to a square of "
        "64 pixels. 225 are for training, 38 for selection and 38 are scored: one scored image is "
        "2.6 points. Always answering 'sound' is right for 0.921 of them. 2 files were left out "
        "(table skipped)."
    )


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((0.55, 5.11), "an image of 'cracked' as 9.3 of 'sound'."),
        ((0.5, 60.0), "an image of 'cracked' as 120 of 'sound'."),
        ((1.01, 0.99), "they have about as many images."),
    ],
)
def test_it_says_that_classes_were_weighted(weights, expected):
    some = made(("sound", 203, 34, 35), ("cracked", 22, 4, 3))
    unweighted = looked_at(some, "mine")
    some["classes"] = some["classes"].assign(weight=weights)
    said = looked_at(some, "mine").removeprefix(unweighted)
    assert said.startswith(" In training, all classes count equally (class_weights: balanced)")
    assert said.endswith(expected)
    assert "count equally" not in unweighted


def test_it_says_at_which_sizes_backbones_see_the_pictures():
    said = looked_at(made(("a", 90, 10, 10), ("b", 90, 10, 11), larger_sizes="96, 224"), "mine")
    assert "a square of 64 pixels (of 96 and 224 for backbones that see more). " in said


def test_many_classes_are_counted():
    rows = [(f"class {number}", 10 + number, 2, 2) for number in range(20)]
    said = looked_at(made(*rows, channels="gray", resize="stretch"), "mine")
    assert "20 classes of 14 to 33; in gray, stretched to a square of 64 pixels" in said
    assert "left out" not in said


def test_classes_of_few_scored_images_are_named():
    assert few_scored(made(("a", 90, 10, 10), ("b", 90, 10, 11))) == []
    (said,) = few_scored(made(("a", 90, 10, 10), ("b", 9, 4, 3)))
    assert said.startswith("On mine, few images are scored of b (3): these")
    (said,) = few_scored(made(*[(f"c{number}", 9, 4, 3) for number in range(9)]))
    assert "c0 (3), c1 (3), c2 (3), c3 (3) and 5 more" in said


def test_classes_are_counted_by_role():
    index = pd.DataFrame(
        {
            "image_id": list("abcdefgh"),
            "label": [0, 0, 0, 1, 1, 1, 1, 0],
            "split": ["training"] * 4 + ["validation"] * 4,
        }
    )
    roles = pd.DataFrame({"image_id": list("efgh"), "role": ["selection", "test", "test", "test"]})
    roles = roles.assign(split=0)
    metadata = {"classes": ["x", "y"], "shape": [32, 32, 3], "resize": "pad"}
    table = tables.classes(index, roles, metadata, "mine")
    assert table["class"].tolist() == ["x", "y"]
    assert np.array_equal(table[["training", "selection", "test"]], [[3, 0, 1], [1, 1, 2]])
    assert table[["images", "scored", "splits"]].to_numpy().tolist() == [[4, 1, 1], [4, 2, 1]]
    assert set(table["channels"]) == {"rgb"}
    assert "weight" not in table
    weighted = tables.classes(index, roles, metadata, "mine", "balanced")
    assert weighted["weight"].tolist() == [4 / (2 * 3), 4 / (2 * 1)]
    pd.testing.assert_frame_equal(weighted.drop(columns="weight"), table)
    seen_larger = tables.classes(index, roles, metadata, "mine", larger=[224, 96])
    assert set(seen_larger["larger_sizes"]) == {"96, 224"}
    pd.testing.assert_frame_equal(seen_larger.drop(columns="larger_sizes"), table)


def test_of_several_splits_each_image_that_is_scored_counts_once():
    index = pd.DataFrame({"image_id": list("abcdef"), "label": [0, 0, 0, 1, 1, 1]})
    folds = [list("ad"), list("be"), list("cf")]
    roles = pd.concat(
        pd.DataFrame({"split": split, "image_id": folds[(split + number) % 3], "role": role})
        for split in range(3)
        for number, role in enumerate(("test", "selection"))
    )
    metadata = {"classes": ["x", "y"], "shape": [32, 32, 3], "resize": "crop"}
    table = tables.classes(index, roles, metadata, "mine")
    columns = ["images", "training", "selection", "test", "scored", "splits"]
    assert table[columns].to_numpy().tolist() == [[3, 1, 1, 1, 3, 3]] * 2
    said = looked_at({"classes": table, "skipped": made()["skipped"]}, "mine")
    assert "All are scored, in 3 splits, by networks that have not seen them" in said
    assert "a split trains on 2, selects on 2 and scores 2." in said
