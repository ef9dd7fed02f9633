"""Promises of seeds, splits and samples: stratified, nested, disjoint and independent of order."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toys import in_every_replicate
from transfer_gain.data import store
from transfer_gain.data.replicates import Replicates, read_replicates
from transfer_gain.data.rows import scores
from transfer_gain.data.sampling import draw_samples, shuffled_batches, validation_roles
from transfer_gain.data.sources.base import Item, SourceError
from transfer_gain.data.splits import draw_split
from transfer_gain.data.whole_files import StoreError
from transfer_gain.metrics import Predictions
from transfer_gain.seeds import generator, run_seed, seed_sequence

quick = settings(deadline=None, max_examples=25)
# seed_sequence(2018, "clothes", "0.001", 0, "run"), as every published number was made with it.
KNOWN_WORDS = (3742339853, 3368540053, 604677430, 2146336117)
KNOWN_RUN_SEED = 7233884683321723270
class_counts = st.lists(st.integers(1, 60), min_size=1, max_size=5)
fractions = st.sampled_from([1, 0.5, 0.3, 0.1, 0.01])


def make_items(per_class: list[int], split: str | None = None) -> list[Item]:
    """Items of several classes, mixed."""
    labels = np.repeat(np.arange(len(per_class)), per_class)
    labels = np.random.default_rng(0).permutation(labels)
    return [Item(f"{split}-{row}", int(label), split) for row, label in enumerate(labels)]


def make_index(training: list[int], validation: list[int] = ()) -> pd.DataFrame:
    """An index of images, mixed."""
    rows = [
        (f"{split}-{label}-{row}", split, label)
        for split, counts in ((store.TRAINING, training), (store.VALIDATION, validation))
        for label, count in enumerate(counts)
        for row in range(count)
    ]
    index = pd.DataFrame(rows, columns=["image_id", "split", "label"])
    return index.sample(frac=1, random_state=1, ignore_index=True)


def ids_of(samples: pd.DataFrame, replicate: int) -> set[str]:
    return set(samples["image_id"][samples["replicate"] == replicate])


def words(*names: str | int) -> tuple[int, ...]:
    return tuple(seed_sequence(*names).generate_state(4))


# --- seeds


def test_a_seed_depends_on_every_name_and_on_where_each_ends():
    cases = [
        (0, "clothes", "0.1", 3, "run"),
        (1, "clothes", "0.1", 3, "run"),
        (0, "avatars", "0.1", 3, "run"),
        (0, "clothes", "0.01", 3, "run"),
        (0, "clothes", "0.1", 4, "run"),
        (0, "clothes", "0.1", 3, "sample"),
        (0, "clothes", "0.1", 3),
        (0, "0.1", "clothes", 3, "run"),
        (0, "clothes", "0.13", "run"),
        (0, "clothes0.1", 3, "run"),
    ]
    assert len({words(*case) for case in cases}) == len(cases)


def test_a_seed_is_the_same_whatever_was_drawn_before():
    cases = [(2018, "clothes", replicate, "sample") for replicate in range(5)]
    forwards = {case: generator(*case).random(3).tolist() for case in cases}
    backwards = {case: generator(*case).random(3).tolist() for case in reversed(cases)}
    assert forwards == backwards
    assert len({tuple(drawn) for drawn in forwards.values()}) == len(cases)


def test_a_seed_is_the_same_on_every_machine_and_in_every_release():
    assert words(2018, "clothes", "0.001", 0, "run") == KNOWN_WORDS
    assert run_seed(2018, "clothes", "0.001", 0) == KNOWN_RUN_SEED


def test_a_run_seed_fits_a_signed_column_and_differs_between_runs():
    seeds = {run_seed(2018, "clothes", fraction, n) for fraction in ("1", "0.1") for n in range(50)}
    assert len(seeds) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**53  # all bits are used


# --- splits


@quick
@given(st.data(), class_counts, st.booleans())
def test_a_split_is_disjoint_and_has_the_exact_counts(data, per_class, has_split):
    available = min(per_class)
    if has_split:
        items = make_items(per_class, "training") + make_items(per_class, "validation")
        training = data.draw(st.integers(1, available))
        validation = data.draw(st.integers(0, available))
    else:
        items = make_items(per_class)
        training = data.draw(st.integers(1, available))
        validation = data.draw(st.integers(0, available - training))
    names = [f"class {label}" for label in range(len(per_class))]
    chosen = draw_split(items, names, training, validation, np.random.default_rng(1))
    found = Counter((split, item.label) for item, split in chosen)
    expected = {
        (split, label): count
        for split, count in (("training", training), ("validation", validation))
        for label in range(len(per_class))
        if count
    }
    assert found == expected
    assert len({item.image_id for item, _ in chosen}) == len(chosen)
    assert all(item.split in (None, split) for item, split in chosen)
    order = {item: position for position, item in enumerate(items)}
    assert [order[item] for item, _ in chosen] == sorted(order[item] for item, _ in chosen)


def test_a_split_is_drawn_and_not_the_first_images():
    items = make_items([100])
    draws = [
        tuple(
            item.image_id
            for item, split in draw_split(items, ["a"], 10, 10, np.random.default_rng(seed))
            if split == "training"
        )
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] != tuple(item.image_id for item in items[:10])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            make_items([9, 4]),
            "class coat: found 1 for training beside 3 for validation (of 4 in all), "
            "expected at least 5",
        ),
        (
            make_items([9, 2]),
            "class coat: found 2 for validation (of 2 in all), expected at least 3",
        ),
        (
            make_items([9, 1]),
            "class coat: found 1 for validation (of 1 in all), expected at least 3",
        ),
        (
            make_items([9, 4], "training") + make_items([9, 9], "validation"),
            "class coat: found 4 for training beside 3 for validation (of 13 in all), "
            "expected at least 5",
        ),
        (
            make_items([9, 9], "training") + make_items([9, 0], "validation"),
            "class coat: found 0 for validation (of 9 in all), expected at least 3",
        ),
        (
            make_items([9]),
            "class coat: found 0 for validation (of 0 in all), expected at least 3",
        ),
    ],
)
def test_too_few_images_are_refused_by_class(items: list[Item], message: str):
    with pytest.raises(SourceError, match=f"^{re.escape(message)}$"):
        draw_split(items, ["dress", "coat"], 5, 3, np.random.default_rng(0))


def split_counts(items: list[Item], training: int | None, validation: int | None) -> Counter:
    chosen = draw_split(items, ["a", "b"], training, validation, np.random.default_rng(0))
    return Counter((split, item.label) for item, split in chosen)


def test_without_counts_all_images_are_used_and_a_quarter_validates():
    open_split = split_counts(make_items([20, 41]), None, None)
    assert open_split == {
        ("validation", 0): 5,
        ("training", 0): 15,
        ("validation", 1): 10,
        ("training", 1): 31,
    }
    given_split = make_items([20, 41], "training") + make_items([3, 4], "validation")
    assert split_counts(given_split, None, None) == {
        ("validation", 0): 3,
        ("training", 0): 20,
        ("validation", 1): 4,
        ("training", 1): 41,
    }


def test_groups_held_out_validate_and_never_train():
    items = [
        Item(f"{group}-{label}-{row}", label, None, f"character {group}")
        for group in range(8)
        for label in range(2)
        for row in range(10)
    ]
    held_out = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        chosen = draw_split(items, ["a", "b"], 30, 15, rng, unit="character")
        groups = {
            split: {item.group for item, of in chosen if of == split}
            for split in ("training", "validation")
        }
        assert groups["training"].isdisjoint(groups["validation"])
        assert len(groups["validation"]) == 2  # as few as have 15 of each class
        counts = Counter((split, item.label) for item, split in chosen)
        assert counts == {
            (split, label): count
            for split, count in (("training", 30), ("validation", 15))
            for label in range(2)
        }
        held_out.append(frozenset(groups["validation"]))
    assert len(set(held_out)) > 1
    with pytest.raises(SourceError, match="found images without a character"):
        draw_split(make_items([9, 9]), ["a", "b"], 1, 1, rng, unit="character")


def test_ferg_has_enough_images_to_hold_a_character_out_at_full_size():
    classes = [f"expression {label}" for label in range(7)]
    items = [
        Item(f"{frame}", frame % 7, None, f"character {frame // 7 % 6}")
        for frame in range(55_767)  # as it is distributed
    ]
    rng = np.random.default_rng(0)
    chosen = draw_split(items, classes, 6000, 900, rng, unit="character")
    counts = Counter((split, item.label) for item, split in chosen)
    assert set(counts.values()) == {6000, 900}
    groups = [
        {item.group for item, of in chosen if of == split}
        for split in (store.TRAINING, store.VALIDATION)
    ]
    assert [*map(len, groups)] == [5, 1]
    assert set.isdisjoint(*groups)


# --- samples


def leaving_one(fraction: float, per_class: list[int]) -> float:
    """Return a fraction, or a larger one that leaves each class an image."""
    return min(1.0, max(fraction, 0.51 / min(per_class)))


@quick
@given(class_counts, fractions, st.integers(1, 4), st.integers(0, 2**40))
def test_samples_are_stratified_of_training_images_without_repeats(
    per_class, fraction, replicates, seed
):
    fraction = leaving_one(fraction, per_class)
    index = make_index(per_class, [3] * len(per_class))
    samples = draw_samples(index, fraction, "clothes", replicates, seed)
    assert list(samples) == ["replicate", "image_id", "label"]
    counts = Counter(zip(samples["replicate"], samples["label"], strict=True))
    whole_images = {label: int(np.floor(fraction * n + 0.5)) for label, n in enumerate(per_class)}
    assert counts == {
        (replicate, label): count
        for replicate in range(replicates)
        for label, count in whole_images.items()
    }
    label_of = index.set_index("image_id")["label"]
    assert (label_of[samples["image_id"]].to_numpy() == samples["label"]).all()
    assert not samples.duplicated(["replicate", "image_id"]).any()
    assert samples["image_id"].str.startswith("training").all()
    assert samples["replicate"].is_monotonic_increasing


@quick
@given(class_counts, fractions, fractions, st.integers(0, 2**40))
def test_a_smaller_sample_lies_inside_the_larger_one_of_its_replicate(per_class, one, other, seed):
    index = make_index(per_class)
    small, large = (
        draw_samples(index, leaving_one(fraction, per_class), "clothes", 3, seed)
        for fraction in sorted((one, other))
    )
    for replicate in range(3):
        assert ids_of(small, replicate) <= ids_of(large, replicate)


@quick
@given(class_counts, fractions, st.integers(1, 4), st.integers(1, 4))
def test_more_replicates_leave_the_samples_there_were(per_class, fraction, fewer, more):
    fraction = leaving_one(fraction, per_class)
    index = make_index(per_class)
    before = draw_samples(index, fraction, "clothes", fewer, 2018)
    after = draw_samples(index, fraction, "clothes", fewer + more, 2018)
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)


def test_a_class_that_a_size_leaves_without_an_image_is_refused():
    with pytest.raises(
        SourceError, match=r"clothes: found 40 training images of class hat, .* 0.01"
    ):
        draw_samples(make_index([60, 40]), 0.01, "clothes", 1, 2018, ["coat", "hat"])


def test_replicates_datasets_and_seeds_draw_different_samples():
    index = make_index([60, 60])
    samples = draw_samples(index, 0.1, "clothes", 5, 2018)
    drawn = [ids_of(samples, replicate) for replicate in range(5)]
    drawn.append(ids_of(draw_samples(index, 0.1, "avatars", 1, 2018), 0))
    drawn.append(ids_of(draw_samples(index, 0.1, "clothes", 1, 2019), 0))
    assert len(set(map(frozenset, drawn))) == 7


def test_every_image_is_as_likely_as_another():
    index = make_index([20])
    samples = draw_samples(index, 0.25, "clothes", 500, 2018)
    # An image is in 125 of 500 samples, standard deviation 9.7; five of them either way.
    assert samples["image_id"].value_counts().between(76, 174).all()
    assert samples["image_id"].nunique() == 20


def test_the_reports_counts():
    index = make_index([6000] * 7, [1000] * 7)
    for fraction, count in ((0.1, 600), (0.01, 60), (0.001, 6)):
        samples = draw_samples(index, fraction, "clothes", 2, 2018)
        assert set(samples.groupby(["replicate", "label"]).size()) == {count}
        assert len(samples) == 2 * 7 * count


# --- roles of validation images


@quick
@given(class_counts, st.integers(0, 2**40))
def test_roles_hold_every_validation_image_once_and_half_of_each_class(per_class, seed):
    index = make_index([2] * len(per_class), per_class)
    roles = validation_roles(index, "clothes", seed)
    validation = index[index["split"] == store.VALIDATION]
    assert roles["image_id"].tolist() == validation["image_id"].tolist()
    assert set(roles["role"]) <= {"selection", "test"}
    selection = validation["label"][(roles["role"] == "selection").to_numpy()].value_counts()
    for label, count in enumerate(per_class):
        assert selection.get(label, 0) == count // 2


def test_roles_depend_on_dataset_and_seed():
    index = make_index([1], [40])
    roles = [
        tuple(validation_roles(index, dataset, seed)["role"])
        for dataset, seed in (("clothes", 1), ("clothes", 1), ("clothes", 2), ("avatars", 1))
    ]
    assert roles[0] == roles[1]
    assert len(set(roles)) == 3


# --- batches


@quick
@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 4))
def test_every_image_is_seen_once_an_epoch(images, batch_size, epochs):
    batches = shuffled_batches(images, batch_size, epochs, np.random.default_rng(0))
    steps = -(-images // min(batch_size, images))
    assert batches.dtype == np.int32
    assert batches.shape == (epochs * steps, min(batch_size, images))
    for epoch in batches.reshape(epochs, steps, -1):
        assert sorted(epoch[epoch >= 0]) == list(range(images))
        assert (epoch[:-1] >= 0).all()
        last = epoch[-1]
        assert last[0] >= 0
        assert (np.diff(last < 0) >= 0).all()  # filler comes after all images
        assert (last[last < 0] == -1).all()


def test_every_epoch_is_shuffled_differently():
    batches = shuffled_batches(50, 50, 4, np.random.default_rng(0))
    assert len({tuple(epoch) for epoch in batches}) == 4


# --- what training reads


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Features, samples and roles of a small dataset; each feature identifies its image."""
    paths = {
        name: tmp_path / f"{name}.parquet" for name in ("features", "samples", "validation_roles")
    }
    index = make_index([20, 20, 20], [7, 7, 7])
    values = np.random.default_rng(5).normal(size=(len(index), 4)).astype(np.float32)
    batches = [
        (index[start : start + 16], values[start : start + 16]) for start in range(0, 81, 16)
    ]
    store.write_arrays(paths["features"], "features", (4,), "<f4", batches, {})
    store.write_rows(draw_samples(index, 0.25, "clothes", 4, 2018), paths["samples"])
    store.write_rows(validation_roles(index, "clothes", 2018), paths["validation_roles"])
    return paths


def test_replicates_have_exactly_the_features_of_their_samples(files: dict[str, Path]):
    index = store.read_index(files["features"])
    arrays = store.read_arrays(files["features"])
    of_image = dict(zip(index["image_id"], zip(arrays, index["label"], strict=True), strict=True))
    samples, validation_roles = (
        store.read_rows(files["samples"]),
        store.read_rows(files["validation_roles"]),
    )
    data = read_replicates(**files)
    assert data.samples.shape == (4, 15)
    assert data.classes == 3
    for replicate, rows in enumerate(data.samples):
        of_replicate = samples[samples["replicate"] == replicate]
        for row, image, label in zip(
            rows, of_replicate["image_id"], of_replicate["label"], strict=True
        ):
            np.testing.assert_array_equal(data.features[row], of_image[image][0])
            assert data.labels[row] == of_image[image][1] == label
    assert len(data.validation) == 21
    for row, selects, image, half in zip(
        data.validation,
        data.selection.T,
        validation_roles["image_id"],
        validation_roles["role"],
        strict=True,
    ):
        np.testing.assert_array_equal(data.features[row], of_image[image][0])
        assert data.labels[row] == of_image[image][1]
        assert set(selects) == {half == "selection"}
    np.testing.assert_array_equal(data.test, ~data.selection)


def test_only_images_that_are_used_are_read(files: dict[str, Path]):
    used = store.read_rows(files["samples"])["image_id"].nunique()
    data = read_replicates(**files)
    assert len(data.features) == len(data.labels) == used + 21 < 81
    assert set(data.samples.ravel()).isdisjoint(data.validation)


@pytest.mark.parametrize("file", ["samples", "validation_roles"])
def test_an_unknown_image_is_refused_by_name(files: dict[str, Path], file: str):
    rows = store.read_rows(files[file])
    rows.loc[2, "image_id"] = "stranger"
    store.write_rows(rows, files[file])
    with pytest.raises(
        StoreError, match=rf"{file}\.parquet: found image stranger.*features\.parquet"
    ):
        read_replicates(**files)


def test_a_replicate_of_cross_fitting_scores_its_own_images(files: dict[str, Path]):
    roles = store.read_rows(files["validation_roles"])
    first = roles.iloc[:8].assign(split=0)
    store.write_rows(
        pd.concat([first, *(roles.iloc[5:12].assign(split=split) for split in (1, 2, 3))]),
        files["validation_roles"],
    )
    data = read_replicates(**files)
    assert data.image_ids[data.own_places[0]].tolist() == first["image_id"].tolist()
    # One image fewer: its first one is there twice.
    first_of_others = roles["image_id"].iloc[5]
    for places in data.own_places[1:]:
        assert data.image_ids[places].tolist() == [*roles["image_id"].iloc[5:12], first_of_others]
    assert data.of([3]).own_places.tolist() == [list(range(5, 12))]


def test_an_image_of_several_roles_is_read_once(files: dict[str, Path]):
    samples, roles = (store.read_rows(files[name]) for name in ("samples", "validation_roles"))
    trains = samples["image_id"].unique()
    shared = dict(zip(roles["image_id"][:6], trains, strict=False))
    roles["image_id"] = roles["image_id"].replace(shared)
    store.write_rows(roles, files["validation_roles"])
    data = read_replicates(**files)
    assert len(data.features) == len(trains) + 21 - 6
    index, arrays = store.read_index(files["features"]), store.read_arrays(files["features"])
    rows = index.reset_index().set_index("image_id")["index"][roles["image_id"]]
    np.testing.assert_array_equal(data.features[data.validation], arrays[rows])
    copies = write_copies(files, list(trains), 2)
    with_copies = read_replicates(**files, copies=copies)
    np.testing.assert_array_equal(with_copies.features[with_copies.validation], arrays[rows])


# --- augmented copies


def write_copies(files: dict[str, Path], images: list[str], copies: int) -> Path:
    """Write features of copies, in mixed order; each feature identifies its image and copy."""
    index = store.read_index(files["features"])
    rows = index[index["image_id"].isin(images)].sample(frac=1, random_state=3)
    rows = rows.loc[rows.index.repeat(copies)]
    marks = np.stack([np.arange(len(rows)) % copies, rows.index, *[rows["label"]] * 2], axis=1)
    path = files["features"].with_name("copies.parquet")
    store.write_arrays(path, "features", (4,), "<f4", [(rows, marks.astype(np.float32))], {})
    return path


def test_every_image_of_a_sample_comes_with_its_own_copies(files: dict[str, Path]):
    plain = read_replicates(**files)
    index = store.read_index(files["features"])
    samples = store.read_rows(files["samples"])
    data = read_replicates(**files, copies=write_copies(files, samples["image_id"].unique(), 3))
    assert data.samples.shape == (4, 15 * (1 + 3))
    for replicate, rows in enumerate(data.samples):
        images = samples[samples["replicate"] == replicate]["image_id"]
        np.testing.assert_array_equal(
            data.features[rows[:15]], plain.features[plain.samples[replicate]]
        )
        for image, copies in zip(images, rows[15:].reshape(15, 3), strict=True):
            of_image = index.index[index["image_id"] == image].item()
            assert (data.features[copies, 1] == of_image).all()
            assert sorted(data.features[copies, 0]) == [0, 1, 2]
            assert (data.labels[copies] == index["label"][of_image]).all()
    # Validation stays unchanged: no copy is ever scored.
    np.testing.assert_array_equal(data.features[data.validation], plain.features[plain.validation])
    np.testing.assert_array_equal(data.labels[data.validation], plain.labels[plain.validation])
    np.testing.assert_array_equal(data.selection, plain.selection)
    assert set(data.samples.ravel()).isdisjoint(data.validation)


def test_an_image_without_copies_is_refused_by_name(files: dict[str, Path]):
    images = sorted(store.read_rows(files["samples"])["image_id"].unique())
    copies = write_copies(files, images[1:], 2)
    with pytest.raises(StoreError, match=rf"copies\.parquet: .*image {images[0]},"):
        read_replicates(**files, copies=copies)


# --- test images that a dataset came with


def with_test(training: int, validation: int, test: int) -> list[Item]:
    """Items of two classes; training images are open if there are no validation images."""
    parts = {"training" if validation else None: training, "validation": validation, "test": test}
    return [item for split, count in parts.items() for item in make_items([count] * 2, split)]


@pytest.mark.parametrize("validation", [0, 6])
def test_test_images_are_all_kept_apart(validation):
    items = with_test(40, validation, 7)
    drawn = draw_split(items, ["a", "b"], None, None, np.random.default_rng(0))
    split_of = {item.image_id: split for item, split in drawn}
    assert {name for name, split in split_of.items() if split == store.TEST} == {
        item.image_id for item in items if item.split == store.TEST
    }
    expected = {"test": 14, "validation": 2 * (validation or 10)}
    expected["training"] = 80 - (0 if validation else 20)
    assert Counter(split_of.values()) == expected


def test_test_images_do_not_change_what_is_drawn_from_the_others():
    items = with_test(40, 0, 7)
    open_items = [item for item in items if item.split is None]
    names = ["a", "b"]
    beside = draw_split(items, names, None, None, np.random.default_rng(0))
    alone = draw_split(open_items, names, None, None, np.random.default_rng(0))
    assert [pair for pair in beside if pair[1] != store.TEST] == alone


def test_with_test_images_one_validation_image_is_enough():
    items = with_test(2, 1, 1)
    drawn = draw_split(items, ["a", "b"], None, None, np.random.default_rng(0))
    assert Counter(split for _, split in drawn) == {"training": 4, "validation": 2, "test": 2}


def test_an_error_of_the_split_tells_the_duplicates_that_were_left_out():
    items = make_items([1, 30])
    message = (
        r"class a: found 1 for validation \(of 1 in all and 29 with the same pixels as another"
    )
    with pytest.raises(SourceError, match=message):
        draw_split(items, ["a", "b"], None, None, np.random.default_rng(0), duplicates={0: 29})


def test_given_test_images_are_the_test_set_and_all_validation_images_select():
    index = make_index([5, 5], [4, 3])
    of_test = pd.DataFrame({"image_id": ["t0", "t1"], "split": "test", "label": [0, 1]})
    index = pd.concat([index, of_test], ignore_index=True)
    roles = validation_roles(index, "toy", 0).set_index("image_id")["role"]
    split = index.set_index("image_id")["split"][roles.index]
    assert (roles == split.map({"validation": "selection", "test": "test"})).all()
    assert roles.value_counts().to_dict() == {"selection": 7, "test": 2}


@pytest.mark.parametrize("has_test", [False, True])
def test_given_test_images_enter_no_accuracy_but_their_own(has_test):
    data = Replicates(
        features=np.zeros((6, 1)),
        labels=np.zeros(6, np.int32),
        samples=np.array([[0, 1]]),
        validation=np.arange(2, 6),
        **in_every_replicate(np.array([True, False, True, False]), 1),
        classes=1,
        has_test=has_test,
    )
    truth = np.zeros(4, np.int32)
    training = Predictions(
        truth[:2], np.zeros((1, 2), np.int32), np.zeros((1, 2)), np.ones((1, 2, 2))
    )
    validation = Predictions(
        truth, np.array([[0, 1, 0, 1]]), np.array([[1.0, 10, 3, 20]]), np.ones((1, 4, 2))
    )
    scored = scores(training, validation, data)
    assert scored["validation_accuracy"] == (1 if has_test else 0.5)
    assert scored["validation_loss"] == (2 if has_test else 8.5)
    assert (scored["selection_accuracy"], scored["test_accuracy"]) == (1, 0)
