"""Images that belong together stay together: frames of a video, pictures of a patient."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from configs import ROOT
from containers import make, noise, opened, png
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import load
from transfer_gain.data import images, store
from transfer_gain.data.fitting import Fit
from transfer_gain.data.sampling import draw_samples, groups_of, validation_roles
from transfer_gain.data.sources import groups as grouping
from transfer_gain.data.sources.base import Item, SourceError
from transfer_gain.data.splits import draw_split, hold_out_groups
from transfer_gain.evaluation import tables
from transfer_gain.few_shot import tasks

quick = settings(deadline=None, max_examples=25)


def frames(per_class=6, frames=10, size=4) -> tuple[list[Item], np.ndarray]:
    """Noisy frames of textures, whose classes are random."""
    rng = np.random.default_rng(0)
    items, pixels = [], []
    for label in (0, 1):
        for texture in range(per_class):
            base = rng.normal(size=(size, size))
            for frame in range(frames):
                name = f"{label}-{texture}"
                items.append(Item(f"{name}-{frame}", label, None, name))
                pixels.append((base + 0.1 * rng.normal(size=base.shape)).ravel())
    return items, np.array(pixels)


@pytest.mark.parametrize(("unit", "low", "high"), [("image", 0.97, 1), ("group", 0.3, 0.7)])
def test_frames_of_textures_of_random_classes_cannot_be_learned(unit, low, high):
    items, pixels = frames()
    labels = np.array([item.label for item in items])
    row = {item: number for number, item in enumerate(items)}
    accuracies = []
    for seed in range(20):
        chosen = draw_split(items, "ab", None, None, np.random.default_rng(seed), unit)
        parts = {
            split: [row[item] for item, of in chosen if of == split]
            for split in ("training", "validation")
        }
        model = LogisticRegression().fit(pixels[parts["training"]], labels[parts["training"]])
        accuracies.append(model.score(pixels[parts["validation"]], labels[parts["validation"]]))
    assert low <= np.mean(accuracies) <= high


sizes_of_groups = st.lists(
    st.lists(st.integers(1, 9), min_size=3, max_size=12), min_size=2, max_size=4
)


@quick
@given(sizes_of_groups, st.integers(0, 2**31))
def test_groups_are_on_one_side_in_one_role_and_every_class_in_both(sizes, seed):
    labels = np.concatenate([np.repeat(c, sum(of_class)) for c, of_class in enumerate(sizes)])
    counts = np.concatenate(sizes)
    groups = np.repeat(np.arange(len(counts)), counts)
    names = [f"class {label}" for label in range(len(sizes))]
    items = [
        Item(f"{row}", int(label), None, f"g{group}")
        for row, (label, group) in enumerate(zip(labels, groups, strict=True))
    ]
    chosen = draw_split(items, names, None, None, np.random.default_rng(seed), "group")
    again = draw_split(items, names, None, None, np.random.default_rng(seed), "group")
    assert chosen == again
    assert len(chosen) == len(items)
    index = pd.DataFrame(
        [(item.image_id, split, item.label, item.group) for item, split in chosen],
        columns=["image_id", "split", "label", "group"],
    )
    assert (index.groupby("group")["split"].nunique() == 1).all()
    assert (index.groupby("label")["split"].nunique() == 2).all()
    roles = validation_roles(index, "mine", seed)
    roles = roles.merge(index, on="image_id")
    assert (roles.groupby("group")["role"].nunique() == 1).all()
    assert (roles.groupby("label")["role"].nunique() == 2).all()


def test_groups_held_out_are_a_quarter_and_stratified():
    groups = np.repeat(np.arange(80), 5)
    labels = np.repeat([0, 1], [300, 100])
    held_out = hold_out_groups(labels, groups, "ab", None, np.random.default_rng(0))
    assert [held_out[labels == label].mean() for label in (0, 1)] == pytest.approx(
        [0.25, 0.25], 0.1
    )


def test_a_group_of_two_classes_stays_whole():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 8)
    labels = rng.integers(0, 2, 160)
    held_out = hold_out_groups(labels, groups, "ab", None, rng)
    assert all(len(set(held_out[groups == group])) == 1 for group in range(20))


def test_with_counts_enough_groups_are_held_out():
    items, _ = frames()
    chosen = draw_split(items, "ab", 15, 25, np.random.default_rng(0), "group")
    found = pd.Series([(split, item.label) for item, split in chosen]).value_counts()
    expected = [(("training", c), 15) for c in (0, 1)] + [(("validation", c), 25) for c in (0, 1)]
    assert found.to_dict() == dict(expected)
    sides = {
        split: {i.group for i, of in chosen if of == split} for split in ("training", "validation")
    }
    assert sides["training"].isdisjoint(sides["validation"])


def test_too_few_groups_are_refused_with_what_is_needed():
    items, _ = frames(per_class=2)
    with pytest.raises(
        SourceError, match="class cat: found 2 groups of images, expected at least 3"
    ):
        draw_split(items, ["cat", "dog"], None, None, np.random.default_rng(0), "group")


def test_a_given_split_is_kept_with_groups():
    items = [
        Item(f"{n}", n % 2, ("training", "validation")[n // 8], f"g{n // 2}") for n in range(16)
    ]
    chosen = draw_split(items, "ab", None, None, np.random.default_rng(0), "group")
    assert [split for _, split in chosen] == [item.split for item in items]


def with_test(groups: int) -> list[Item]:
    """Two classes, each of some groups of three open images and of one group of test images."""
    return [
        Item(f"{label}-{group}-{n}", label, "test" if group == groups else None, f"{label}-{group}")
        for label in (0, 1)
        for group in range(groups + 1)
        for n in range(3)
    ]


@pytest.mark.parametrize("groups", [2, 7])
def test_given_test_images_are_kept_and_groups_are_drawn_from_the_others(groups):
    items = with_test(groups)
    chosen = draw_split(items, "ab", None, None, np.random.default_rng(0), "group")
    assert len(chosen) == len(items)
    index = pd.DataFrame(
        [(item.image_id, split, item.label, item.group) for item, split in chosen],
        columns=["image_id", "split", "label", "group"],
    )
    assert set(index["image_id"][index["split"] == "test"]) == {
        item.image_id for item in items if item.split == "test"
    }
    assert (index.groupby("group")["split"].nunique() == 1).all()
    assert (index.groupby("label")["split"].nunique() == 3).all()
    roles = validation_roles(index, "mine", 0)[["image_id", "role"]].merge(index, on="image_id")
    assert dict(zip(roles["split"], roles["role"], strict=True)) == {
        "validation": "selection",
        "test": "test",
    }


def test_beside_given_test_images_a_class_needs_two_groups():
    message = r"class a: found 1 group of images, expected at least 2: one to train on and one to "
    with pytest.raises(SourceError, match=message):
        draw_split(with_test(1), "ab", None, None, np.random.default_rng(0), "group")


@pytest.mark.parametrize(
    "layout", ["{part}/{label}/{group}/{n}.png", "{label}/{part}/{group}/{n}.png"]
)
def test_groups_of_subfolders_in_every_part_of_a_given_split(tmp_path, layout):
    names = [
        layout.format(part=part, label=label, group=f"{part}-{label}-{group}", n=n)
        for part in ("train", "val", "test")
        for label in ("cat", "dog")
        for group in range(2)
        for n in range(2)
    ]
    files = {name: png(noise(seed)) for seed, name in enumerate(names)}
    path = make("folder", tmp_path / "mine", files)
    mine = opened(path, groups={"subfolder": True})
    found = {item.image_id: (item.split, item.group) for item in mine.items}
    of_part = {"train": "training", "val": "validation", "test": "test"}
    assert found == {
        name: (of_part[name.split("/")[-2].split("-")[0]], name.split("/")[-2]) for name in names
    }
    assert not any("both sides" in note for note in mine.notes)


def test_groups_that_are_in_training_and_in_given_test_images_are_told(tmp_path):
    names = [
        f"{part}/{label}/p{patient}/{n}.png"
        for label, patients in {"cat": (1, 2), "dog": (3, 4)}.items()
        for part in ("train", "test")
        for patient in patients
        for n in range(2)
    ]
    files = {name: png(noise(seed)) for seed, name in enumerate(names)}
    mine = opened(make("folder", tmp_path / "mine", files), groups={"subfolder": True})
    assert any("groups on both sides of the given split" in note for note in mine.notes)


def test_a_group_whose_name_is_not_printable_is_escaped(tmp_path):
    names = [f"{label}/{label}\n{group}/{n}.png" for label in "ab" for group in "12" for n in "01"]
    files = {name: png(noise(seed)) for seed, name in enumerate(names)}
    mine = opened(make("folder", tmp_path / "mine", files), groups={"subfolder": True})
    assert {item.group for item in mine.items} == {"a\\n1", "a\\n2", "b\\n1", "b\\n2"}


def grouped_index(per_class=8, size=5) -> pd.DataFrame:
    rows = [
        (f"{label}-{group}-{n}", store.TRAINING, label, f"{label}-{group}")
        for label in (0, 1)
        for group in range(per_class)
        for n in range(size)
    ]
    index = pd.DataFrame(rows, columns=["image_id", "split", "label", "group"])
    return index.sample(frac=1, random_state=0, ignore_index=True)


def test_samples_take_whole_groups_but_for_the_last_and_are_nested():
    index = grouped_index()
    group = index.set_index("image_id")["group"]
    small, large = (draw_samples(index, fraction, "mine", 4, 0) for fraction in (0.3, 0.5))
    for replicate in range(4):
        ids = [s["image_id"][s["replicate"] == replicate] for s in (small, large)]
        assert set(ids[0]) <= set(ids[1])
        assert [len(each) for each in ids] == [24, 40]  # the same for all replicates
        assert group[ids[0]].value_counts().to_numpy().tolist() == [5, 5, 5, 5, 2, 2]
    assert len({frozenset(group[small["image_id"][small["replicate"] == r]]) for r in range(4)}) > 1


def test_without_groups_samples_and_roles_are_what_they_were():
    index = grouped_index()
    alone = index.drop(columns="group")
    empty = index.assign(group=None)
    single = index.assign(group=index["image_id"])
    expected = draw_samples(alone, 0.3, "mine", 2, 0)
    for each in (empty, single):
        pd.testing.assert_frame_equal(draw_samples(each, 0.3, "mine", 2, 0), expected)
        validation = each.assign(split=store.VALIDATION)
        pd.testing.assert_frame_equal(
            validation_roles(validation, "mine", 0),
            validation_roles(alone.assign(split=store.VALIDATION), "mine", 0),
        )


def test_roles_of_one_group_are_refused():
    index = grouped_index(per_class=1).assign(split=store.VALIDATION)
    with pytest.raises(SourceError, match="mine: found 1 group of validation images"):
        validation_roles(index, "mine", 0)


def test_table_fractions_counts_groups_where_there_are_any():
    index = grouped_index()
    samples = draw_samples(index, 0.5, "mine", 2, 0)
    row = tables.fractions(index, samples, None, "mine", 0.5).iloc[0]
    assert (row["training_samples"], row["training_groups"]) == (40, 8)
    alone = index.drop(columns="group")
    assert "training_groups" not in tables.fractions(alone, None, None, "m", 1)


def test_tasks_and_episodes_compare_images_of_different_groups():
    index = grouped_index(per_class=3)
    labels, groups = index["label"].to_numpy(), groups_of(index)
    rng = np.random.default_rng(0)
    drawn = tasks.draw_tasks(labels, 300, rng, groups=groups)
    assert (labels[drawn.query] == labels[drawn.candidates[:, 0]]).all()
    assert (groups[drawn.query] != groups[drawn.candidates[:, 0]]).all()
    support, query = tasks.draw_episodes(labels, 2, 5, 5, 50, rng, groups)
    for of_class, asked in zip(support.reshape(-1, 5), query.reshape(-1, 5), strict=True):
        assert set(groups[of_class]).isdisjoint(groups[asked])
        assert len(set(labels[[*of_class, *asked]])) == 1
    with pytest.raises(SourceError, match="found 3 groups in 15 test images"):
        tasks.draw_episodes(labels, 2, 11, 5, 1, rng, groups)


def test_without_groups_tasks_and_episodes_are_what_they_were():
    labels = np.repeat(np.arange(4), 10)
    for draw in (
        lambda rng, **groups: tasks.draw_tasks(labels, 50, rng, 5, **groups),
        lambda rng, **groups: tasks.draw_episodes(labels, 3, 2, 4, 20, rng, **groups),
    ):
        one, other = (draw(np.random.default_rng(3), **g) for g in ({}, {"groups": np.arange(40)}))
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# --- where groups come from


def pictures(names) -> dict[str, bytes]:
    return {name: png(noise(seed)) for seed, name in enumerate(names)}


PATIENTS = [
    f"{c}/p{p}_{n}.png"
    for c, ps in (("ill", range(6)), ("well", range(5, 11)))
    for p in ps
    for n in range(3)
]


def groups_in(source) -> dict[str, str]:
    return {item.image_id: item.group for item in source.items}


@pytest.mark.parametrize("pattern", ["^p[0-9]+", "^(p.*)_", "p[0-9]{1,2}"])
def test_groups_by_a_pattern_on_file_names(pattern, tmp_path):
    mine = opened(make("folder", tmp_path / "d", pictures(PATIENTS)), groups={"pattern": pattern})
    assert groups_in(mine) == {name: re.split("[/_]", name)[1] for name in PATIENTS}
    assert mine.notes == [
        "36 images in 11 groups, which splits keep whole",
        "groups with images of several classes: 1 (p5)",
    ]


def test_groups_by_subfolder(tmp_path):
    names = [
        f"{above}{c}/{name}"
        for above in ("",)
        for c in "ab"
        for name in ("v1/0.png", "v1/x/1.png", "v2/0.png", "0.png")
    ]
    path = make("folder", tmp_path / "d", pictures(names))
    mine = opened(path, groups={"subfolder": True})
    assert groups_in(mine) == {
        name: name.split("/")[1] if name.count("/") > 1 else None for name in names
    }
    with pytest.raises(SourceError, match="set `groups: subfolder` for the dataset"):
        opened(path)


def test_groups_by_a_column(tmp_path):
    names = [f"{n}.png" for n in range(6)]
    table = "file,label,who\n" + "".join(
        f"{n},{'ab'[i % 2]},{i // 3}\n" for i, n in enumerate(names)
    )
    columns = {"file": "file", "label": "label", "split": "split"}
    labels = {"file": "t.csv", "columns": columns}
    path = make("folder", tmp_path / "d", pictures(names) | {"t.csv": table.encode()})
    mine = opened(path, labels=labels, groups={"column": "who"})
    assert [groups_in(mine)[name] for name in names] == ["0", "0", "0", "1", "1", "1"]
    with pytest.raises(SourceError, match=r"no column whom.*did you mean who\?"):
        opened(path, labels=labels, groups={"column": "whom"})
    (path / "t.csv").write_text(table.replace("who", "group"))
    assert groups_in(opened(path, labels=labels)) == groups_in(mine)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^x", "no group"),
        (".*", "one group per image, such as p0_0.png"),
        ("p", "one group, p, of"),
    ],
)
def test_a_pattern_that_groups_nothing_is_one_line(pattern, found, tmp_path):
    path = make("folder", tmp_path / "d", pictures([n for n in PATIENTS if "p5" not in n]))
    with pytest.raises(
        SourceError, match=re.escape(f"groups: pattern {pattern} gives {found}")
    ) as error:
        opened(path, groups={"pattern": pattern})
    assert "\n" not in str(error.value)


def test_a_group_on_both_sides_of_a_given_split_is_told(tmp_path):
    names = [
        f"{part}/{c}/{w}_{n}.png"
        for part, who in (("train", "uv"), ("val", "vw"))
        for c in "ab"
        for w in who
        for n in (1, 2)
    ]
    mine = opened(make("folder", tmp_path / "d", pictures(names)), groups={"pattern": "^[a-z]"})
    assert mine.notes[-1].endswith("accuracy may look better than it is: 1 (v)")


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (PATIENTS, 11),
        ([f"{c}/video{v}_frame{f:04}.jpg" for c in "ab" for v in range(5) for f in range(4)], 5),
        ([f"{c}/{c}{w}-{f}.jpg" for c in "ab" for w in "tuvwx" for f in range(4)], 10),
        ([f"{c}/IMG_{n:04}.jpg" for c in "ab" for n in range(40)], None),
        ([f"{c}/{n}.jpg" for c in "ab" for n in range(40)], None),
        ([f"{c}/{c}_{n}.jpg" for c in "ab" for n in range(40)], None),
        ([f"{c}/{c}1-{n}.jpg" for c in "ab" for n in range(40)], None),
        ([f"{c}/{n}_1.jpg" for c in "ab" for n in range(40)][:40], None),
    ],
)
def test_names_suggest_groups_only_if_many_share_many_beginnings(names, groups):
    found = grouping.suggest({name: name.split("/")[0] for name in names})
    assert (found and found[1]) == groups
    if found:
        assert len(set(grouping.by_pattern(names, found[0]).values())) == groups


def test_suggested_groups_are_noted_with_a_pattern_to_paste(tmp_path):
    path = make("folder", tmp_path / "d", pictures(PATIENTS))
    (note,) = opened(path).notes
    pattern = re.search(r"`groups: \{pattern: '(.*)'\}`$", note)[1]
    assert len(set(groups_in(opened(path, groups={"pattern": pattern})).values())) == 11


def test_groups_reach_the_images_file(tmp_path):
    source = opened(
        make("folder", tmp_path / "d", pictures(PATIENTS)), groups={"pattern": "^p[0-9]+"}
    )
    output = tmp_path / "images.parquet"
    images.write_images(
        source, output, dataset="mine", training_per_class=None, validation_per_class=None,
        how=Fit(6, "rgb"), study_seed=0, unit="group",
    )  # fmt: skip
    index = store.read_index(output)
    assert (index.groupby("group")["split"].nunique() == 1).all()
    assert store.read_metadata(output)["notes"] == [[note] for note in source.notes]


# --- the config


def folder_config(**keys):
    mine = {"source": "folder", "path": str(ROOT / "docs"), **keys}
    return {"datasets": {"mine": mine}, "results": "results/x"}


@pytest.mark.parametrize(
    "groups", ["subfolder", {"subfolder": True}, {"pattern": r"^(\w+)_"}, None]
)
def test_groups_are_given_in_one_way(groups):
    load(folder_config(groups=groups))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            {},
            "datasets.mine.groups: found none, allowed: exactly one of subfolder, pattern, column",
        ),
        ({"subfolder": True, "pattern": "x"}, "found subfolder, pattern, allowed: exactly one"),
        ({"column": "who"}, r"groups.column: found 'who' without a table"),
        ({"pattern": "("}, "groups.pattern: found '(', allowed: a regular expression with at most"),
        ({"pattern": "(a)(b)"}, "allowed: a regular expression with at most one group"),
        ("folder", "datasets.mine.groups: found 'folder', allowed: keys with values or null"),
    ],
)
def test_wrong_groups_are_refused(groups, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(folder_config(groups=groups))
