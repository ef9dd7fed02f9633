"""Promises of intervals for new images: known answers, independent oracles and error rates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from transfer_gain.data.splits import cross_fitting
from transfer_gain.evaluation import evidence, image_sampling, statistics
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.metrics import ACCURACY, BALANCED_ACCURACY, BY_NAME, LOSS, Predictions
from transfer_gain.names import HELD_OUT, SAME_IMAGES

quick = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)
LABELS = np.repeat([0, 1, 2], [12, 14, 16])


@pytest.mark.parametrize(
    ("metric", "low", "high", "better"),
    [
        (ACCURACY, 0.55, 0.9, True),
        (ACCURACY, 0.45, 0.9, False),
        (ACCURACY, np.nan, np.nan, True),
        (LOSS, 0.1, 0.45, True),
        (LOSS, 0.1, 0.55, False),
        (LOSS, np.nan, np.nan, False),
    ],
)
def test_what_beats_a_guess_does_so_with_its_whole_interval(metric, low, high, better):
    assert evidence.beats(0.5, 0.6, low, high, metric) == better
    columns = (pd.Series([value] * 2) for value in (0.5, 0.6, low, high))
    assert evidence.beats(*columns, metric).tolist() == [better] * 2


def evidence_of(values: np.ndarray, labels: np.ndarray = LABELS, overlap=None) -> Evidence:
    """Evidence of values (replicates, images)."""
    values = np.asarray(values, float)
    scores = pd.Series(np.nanmean(values, axis=1))
    return Evidence(scores, values, labels, overlap, values.shape[1])


def fixed_images(rng, replicates=5, labels=LABELS, images=1.0, training=0.3, errors=0.5):
    """Values of replicates crossed with images, with these standard deviations."""
    size = replicates, len(labels)
    return (
        labels * 0.5  # classes differ, but not by chance
        + images * rng.normal(size=size[1])
        + training * rng.normal(size=(replicates, 1))
        + errors * rng.normal(size=size)
    )


def cross_fitted_images(rng, labels=LABELS, images=1.0, trained=1.0, training=0.3, errors=0.5):
    """Values of two times six splits; every image that trains moves a split's score as well."""
    roles = cross_fitting(labels, np.arange(len(labels)), "abc", 6, 2, rng)
    own, moves = rng.normal(size=(2, len(labels)))
    values = np.full((len(roles), len(labels)), np.nan)
    for row, role in enumerate(roles):
        scored = role == "test"
        moved = trained * moves[role == ""].mean() + training * rng.normal()
        noise = errors * rng.normal(size=scored.sum())
        values[row, scored] = labels[scored] * 0.5 + images * own[scored] + moved + noise
    return values


def of_kind(kind: str, rng: np.random.Generator) -> Evidence:
    """Accuracies of one of the three kinds of evidence, some of them at 0 or 1."""
    if kind == "scores":
        return Evidence(pd.Series(rng.integers(0, 11, 5) / 10))
    shares = rng.random() ** 0.5
    if kind == "fixed":
        return evidence_of(rng.random((5, len(LABELS))) < shares)
    values = cross_fitted_images(rng)
    return evidence_of(
        np.where(np.isnan(values), np.nan, rng.random(values.shape) < shares), overlap=0.25
    )


KINDS = ("scores", "fixed", "cross-fitted")


# --- replicates on the same test images


def sums_of_squares(values: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Mean squares of replicates, of images in their class and of errors, by least squares.

    As an analysis of variance by regression: what each group of dummy variables explains.
    """
    replicates, images = values.shape
    replicate, image = np.indices(values.shape).reshape(2, -1)
    one_hot = [np.eye(size)[which] for size, which in ((replicates, replicate), (images, image))]
    of_class = np.eye(labels.max() + 1)[labels[image]]

    def left(*columns: np.ndarray) -> tuple[float, int]:
        design = np.hstack(columns)
        fitted = design @ np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
        free = values.size - np.linalg.matrix_rank(design)
        return np.square(values.ravel() - fitted).sum(), free

    everything, without_replicates, without_images = (
        left(*one_hot),
        left(one_hot[1]),
        left(one_hot[0], of_class),
    )
    mean_square = [
        (other[0] - everything[0]) / (other[1] - everything[1])
        for other in (without_replicates, without_images)
    ]
    return (*mean_square, everything[0] / everything[1])


@pytest.mark.parametrize("seed", range(5))
def test_the_variance_is_that_of_an_analysis_of_variance(seed):
    labels = np.repeat([0, 1, 2], 10)  # equal classes, as the formula in the literature has them
    values = fixed_images(np.random.default_rng(seed), labels=labels)
    found = evidence.contrast([evidence_of(values, labels)], [1])
    replicates, images, errors = sums_of_squares(values, labels)
    count = values.size
    assert found.estimate == pytest.approx(values.mean())
    assert found.error**2 == pytest.approx((replicates + images - errors) / count)
    of_image = values.mean(axis=0)
    of_classes = [5 * of_image[labels == label].var(ddof=1) / 3 for label in range(3)]
    assert sum(of_classes) == pytest.approx(images)
    parts = [(replicates, 4), *((part, 9) for part in of_classes), (errors, 4 * 29)]
    freedom = (replicates + images - errors) ** 2 / sum(part**2 / free for part, free in parts)
    assert found.freedom == pytest.approx(freedom)
    half = stats.t.ppf(0.975, freedom) * found.error
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


@pytest.mark.parametrize(
    ("images", "training", "errors"),
    [(1, 0.3, 0.5), (0.3, 0.3, 1), (0.2, 1, 0.2), (1, 0, 0)],
)
def test_the_interval_covers_new_replicates_and_new_images(images, training, errors):
    rng = np.random.default_rng(2018)
    truth = 0.5 * LABELS.mean()
    made = [
        evidence.contrast(
            [evidence_of(fixed_images(rng, 6, LABELS, images, training, errors))], [1]
        )
        for _ in range(1500)
    ]
    covered = np.mean([one.low <= truth <= one.high for one in made])
    assert 0.93 < covered < 0.985
    spread = np.var([one.estimate for one in made])
    assert 0.9 * spread < np.mean([one.error**2 for one in made]) < 1.4 * spread


def test_the_same_run_five_times_is_uncertain_by_its_images_alone():
    once = (np.random.default_rng(0).random(len(LABELS)) < 0.7).astype(float)
    found = evidence.contrast([evidence_of(np.tile(once, (5, 1)))], [1])
    counts = np.bincount(LABELS)
    variances = [once[label == LABELS].var(ddof=1) for label in range(3)]
    assert found.error**2 == pytest.approx(
        sum(n * variance for n, variance in zip(counts, variances, strict=True)) / 42**2
    )


def test_the_variance_is_at_least_that_of_replicates_and_of_images():
    rng = np.random.default_rng(1)
    for _ in range(50):
        values = fixed_images(rng, images=0.0, training=0.0, errors=1.0)
        found = evidence.contrast([evidence_of(values)], [1])
        of_replicates = values.mean(axis=1).var(ddof=1) / 5
        once = evidence.contrast([evidence_of(np.tile(values.mean(axis=0), (5, 1)))], [1])
        assert found.error**2 >= max(of_replicates, once.error**2) - 1e-15


def test_one_replicate_has_no_interval():
    found = evidence.contrast([evidence_of(fixed_images(np.random.default_rng(0), 1))], [1])
    assert np.isnan(found[1:]).all()


# --- splits of cross-fitting


def test_the_variance_of_cross_fitting_is_that_of_images_twice_and_of_splits():
    values = cross_fitted_images(np.random.default_rng(0), training=2.0)
    found = evidence.contrast([evidence_of(values, overlap=0.25)], [1])
    of_image = np.nanmean(values, axis=0)
    counts = np.bincount(LABELS)
    images = (
        sum(n * of_image[label == LABELS].var(ddof=1) for label, n in enumerate(counts))
        / len(LABELS) ** 2
    )
    explained = []
    for own in values:
        scored = np.isfinite(own)
        groups = [own[scored & (label == LABELS)] for label in range(3)]
        parts = [len(group) * group.var(ddof=1) for group in groups if len(group) > 1]
        explained.append(sum(parts) / scored.sum() ** 2)
    scores = np.nanmean(values, axis=1)
    training = (1 / 12 + 0.25) * (scores.var(ddof=1) - np.mean(explained))
    assert training > 0
    assert found.estimate == pytest.approx(scores.mean())
    assert found.error**2 == pytest.approx(2 * images + training)


def test_splits_whose_images_all_agree_have_the_variance_of_nadeau_and_bengio():
    # All that differs is training; images add what splits make of their means.
    scores = np.array([0.5, 0.6, 0.8, 0.7, 0.4, 0.9] * 2)
    labels = np.zeros(36, int)
    values = np.full((12, 36), np.nan)
    for row, score in enumerate(scores):
        values[row, row % 6 * 6 : row % 6 * 6 + 6] = score
    found = evidence.contrast([evidence_of(values, labels, overlap=0.25)], [1])
    images = 2 * values[:6][np.isfinite(values[:6])].var(ddof=1) / 36
    nadeau_bengio = (1 / 12 + 0.25) * scores.var(ddof=1)
    assert found.error**2 == pytest.approx(images + nadeau_bengio)


def test_splits_that_agree_by_chance_do_not_narrow_the_interval():
    rng = np.random.default_rng(3)
    for _ in range(50):
        values = cross_fitted_images(rng, trained=0, training=0)
        found = evidence.contrast([evidence_of(values, overlap=0.25)], [1])
        of_image = np.tile(np.nanmean(values, axis=0), (2, 1))
        images = evidence.contrast([evidence_of(of_image)], [1]).error ** 2
        assert found.error**2 >= 2 * images - 1e-15


@pytest.mark.parametrize(
    ("images", "trained", "training", "errors"),
    [(1, 1, 0, 0.5), (0.5, 1, 0.3, 1), (1, 0, 0, 0), (0.2, 0.2, 1, 0.2)],
)
def test_the_interval_of_cross_fitting_covers_new_images_to_train_on_and_to_score(
    images, trained, training, errors
):
    rng = np.random.default_rng(2018)
    truth = 0.5 * LABELS.mean()
    made = []
    for _ in range(300):
        values = cross_fitted_images(rng, LABELS, images, trained, training, errors)
        made.append(evidence.contrast([evidence_of(values, overlap=0.25)], [1]))
    assert np.mean([one.low <= truth <= one.high for one in made]) > 0.93


# --- any kind


@quick
@given(st.sampled_from(KINDS), seeds, st.floats(0.1, 3), st.floats(0.5, 0.99))
def test_a_contrast_scales_with_its_weight_and_mirrors_with_its_sign(kind, seed, weight, level):
    own = of_kind(kind, np.random.default_rng(seed))
    once = evidence.contrast([own], [1], level)
    scaled = evidence.contrast([own], [weight], level)
    mirrored = evidence.contrast([own], [-1], level)
    assert scaled[:3] == pytest.approx(np.array(once[:3]) * weight, nan_ok=True)
    assert mirrored[:3] == pytest.approx((-once[0], -once[2], -once[1]), nan_ok=True)
    assert mirrored.p_less == pytest.approx(once.p_greater, nan_ok=True)


@quick
@given(st.sampled_from(KINDS), seeds)
def test_the_order_of_images_and_replicates_does_not_matter(kind, seed):
    rng = np.random.default_rng(seed)
    own = of_kind(kind, rng)
    rows = rng.permutation(len(own.scores))
    values, labels = own.values, own.labels
    if values is not None:
        images = rng.permutation(values.shape[1])
        values, labels = values[rows][:, images], labels[images]
    other = Evidence(own.scores.iloc[rows], values, labels, own.overlap, own.images)
    assert evidence.contrast([own], [1]) == pytest.approx(
        evidence.contrast([other], [1]), nan_ok=True
    )


@quick
@given(st.sampled_from(KINDS), seeds)
def test_a_gain_is_the_difference_in_the_replicates_that_both_have(kind, seed):
    rng = np.random.default_rng(seed)
    own, other = of_kind(kind, rng), of_kind(kind, rng)
    if own.values is not None and own.overlap is not None:
        # Both methods are scored on the same images.
        other = evidence_of(
            np.where(np.isnan(own.values), np.nan, rng.random(own.values.shape) < 0.5), overlap=0.25
        )
    fewer = Evidence(
        other.scores.iloc[1:],
        None if other.values is None else other.values[1:],
        other.labels,
        other.overlap,
        other.images,
    )
    gain = own - fewer
    assert list(gain.scores.index) == list(own.scores.index[1:])
    np.testing.assert_allclose(gain.scores, own.scores.iloc[1:] - other.scores.iloc[1:])
    if gain.values is not None:
        np.testing.assert_allclose(np.nanmean(gain.values, axis=1), gain.scores)
    of_nothing = evidence.contrast([own - own], [1])
    assert of_nothing.estimate == 0
    assert np.isnan(of_nothing.low)


@quick
@given(st.sampled_from(KINDS), seeds)
def test_a_relative_gain_excludes_one_exactly_if_the_absolute_gain_excludes_zero(kind, seed):
    rng = np.random.default_rng(seed)
    own, other = of_kind(kind, rng), of_kind(kind, rng)
    if own.overlap is not None:
        other = evidence_of(
            np.where(np.isnan(own.values), np.nan, rng.random(own.values.shape) < 0.5), overlap=0.25
        )
    difference = evidence.contrast([own - other], [1])
    relative = evidence.relative_gain(own, other, difference)
    assume(np.isfinite(difference.low) and other.mean > 0)
    assert relative.relative_gain == pytest.approx(own.mean / other.mean)
    assume(abs(difference.low) > 1e-6 and abs(difference.high) > 1e-6)
    assume(relative.relative_low > 0 or np.isfinite(relative.relative_high))
    excluded = not relative.relative_low <= 1 <= relative.relative_high
    assert excluded == (not difference.low <= 0 <= difference.high)
    assert relative.relative_low <= relative.relative_gain <= relative.relative_high


@pytest.mark.parametrize("kind", ["fixed", "cross-fitted"])
def test_resampled_means_are_spread_as_wide_as_the_interval(kind):
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1, 2], 40)
    ratios = []
    for _ in range(10):
        if kind == "fixed":
            own = evidence_of(fixed_images(rng, 10, labels, 1, 0.3, 0.3), labels)
        else:
            own = evidence_of(cross_fitted_images(rng, labels, 1, 1, 0.5, 0.3), labels, 0.25)
        weights = image_sampling.bootstrap_weights(labels, None, 2000, rng)
        means = evidence.resampled_means(own, 2000, rng, weights)
        found = evidence.contrast([own], [1])
        low, high = np.quantile(means, [0.025, 0.975])
        ratios.append((high - low) / (found.high - found.low))
        assert abs(means.mean() - found.estimate) < 0.2 * found.error
    assert 0.9 < np.mean(ratios) < 1.15


@pytest.mark.parametrize("kind", KINDS)
def test_methods_are_resampled_in_pairs(kind):
    rng = np.random.default_rng(2)
    own = of_kind(kind, rng)
    values = None if own.values is None else own.values - 0.25
    other = Evidence(own.scores - 0.25, values, own.labels, own.overlap, own.images)
    weights = None
    if own.values is not None:
        weights = image_sampling.bootstrap_weights(own.labels, None, 50, np.random.default_rng(7))
    first, second = (
        evidence.resampled_means(each, 50, np.random.default_rng(8), weights)
        for each in (own, other)
    )
    np.testing.assert_allclose(first - second, 0.25)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), seeds)
@quick
def test_bootstrap_samples_of_images_have_each_class_as_often_as_it_is(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    weights = image_sampling.bootstrap_weights(labels, None, 5, np.random.default_rng(seed))
    for label, count in enumerate(counts):
        shares = weights[:, labels == label].sum(axis=1)
        assert shares == pytest.approx(count / len(labels))


# --- scores


@pytest.mark.parametrize(("right", "images"), [(0, 5), (3, 10), (9, 10), (32, 32), (240, 300)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilsons_interval(right, images, level):
    expected = stats.binomtest(right, images).proportion_ci(level, method="wilson")
    assert evidence.wilson(right / images, images, level) == pytest.approx(tuple(expected))


def test_wilsons_interval_is_wider_if_the_variance_is_less_certain():
    certain, uncertain = evidence.wilson(0.8, 50), evidence.wilson(0.8, 50, freedom=10)
    assert uncertain[0] < certain[0] < certain[1] < uncertain[1]


@pytest.mark.parametrize("overlap", [None, 0.25])
def test_images_that_are_all_right_have_wilsons_interval(overlap):
    values = np.ones((5, 40))
    labels = np.repeat([0, 1], 20)
    mean, low, high = evidence.mean_interval(evidence_of(values, labels, overlap), ACCURACY)
    images = 40 if overlap is None else 20  # cross-fitted images count twice
    assert (mean, high) == (1, pytest.approx(1))
    assert low == pytest.approx(evidence.wilson(1, images)[0])


def test_a_score_of_the_same_images_alone_has_students_interval():
    scores = pd.Series([0.7, 0.8, 0.75])
    found = evidence.mean_interval(Evidence(scores), ACCURACY)
    assert found == pytest.approx(statistics.mean_interval(scores))
    assert np.isnan(evidence.mean_interval(Evidence(scores[:1]), ACCURACY)[1:]).all()


def test_a_loss_has_the_interval_of_its_contrast_above_zero():
    own = evidence_of(np.abs(fixed_images(np.random.default_rng(0), images=3.0)))
    found = evidence.contrast([own], [1])
    assert evidence.mean_interval(own, LOSS) == (found.estimate, max(found.low, 0), found.high)


@quick
@given(st.sampled_from(KINDS), seeds)
def test_an_interval_of_a_share_contains_it_and_lies_between_zero_and_one(kind, seed):
    own = of_kind(kind, np.random.default_rng(seed))
    mean, low, high = evidence.mean_interval(own, ACCURACY)
    assume(np.isfinite(low))
    assert 0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high <= 1


@pytest.mark.parametrize("counts", [(28, 9), (8, 8, 8, 8), (3,) * 10])
@pytest.mark.parametrize("recall", [0.7, 0.95])
def test_an_interval_of_recalls_covers_the_truth_in_few_images(counts, recall):
    # The smaller class is harder: its images are often all right by chance.
    rng = np.random.default_rng(2018)
    labels = np.repeat(np.arange(len(counts)), counts)
    recalls = np.linspace(0.95, recall, len(counts))
    covered = []
    for _ in range(600):
        right = rng.random(len(labels)) < recalls[labels]
        classes = np.where(right, labels, (labels + 1) % len(counts))[None]
        made = Predictions(labels, classes, classes * 0.0, classes[..., None] * 0.0)
        values = np.tile(BALANCED_ACCURACY.values(made), (5, 1))
        _, low, high = evidence.mean_interval(evidence_of(values, labels), BALANCED_ACCURACY)
        covered.append(low <= recalls.mean() <= high)
    assert np.mean(covered) > 0.93


def recalls_of(right: np.ndarray, labels: np.ndarray) -> Evidence:
    """Evidence of the balanced accuracy of five equal runs of two classes, (images,)."""
    classes = np.where(right, labels, 1 - labels)[None]
    made = Predictions(labels, classes, classes * 0.0, classes[..., None] * 0.0)
    return evidence_of(np.tile(BALANCED_ACCURACY.values(made), (5, 1)), labels)


def test_a_class_that_is_never_found_does_not_narrow_the_interval():
    """Ten of ten wrong: a recall of 0.28 is compatible with that."""
    labels = np.repeat([0, 1], [90, 10])
    right = (np.arange(100) >= 4) & (labels == 0)
    mean, low, high = evidence.mean_interval(recalls_of(right, labels), BALANCED_ACCURACY)
    assert low < mean < 0.5 < high
    # A class that is always found is as uncertain as one that never is.
    never = evidence.mean_interval(recalls_of(np.zeros(100, bool), labels), BALANCED_ACCURACY)
    always = evidence.mean_interval(recalls_of(np.ones(100, bool), labels), BALANCED_ACCURACY)
    assert never == pytest.approx([1 - always[0], 1 - always[2], 1 - always[1]])


@pytest.mark.parametrize("counts", [(95, 5), (90, 10), (75, 25)])
@pytest.mark.parametrize("recall", [0.02, 0.05])
def test_an_interval_covers_the_truth_of_a_class_that_is_hardly_ever_found(counts, recall):
    rng = np.random.default_rng(2018)
    labels = np.repeat([0, 1], counts)
    covered = []
    for _ in range(300):
        right = rng.random(100) < np.where(labels == 1, recall, 0.95)
        _, low, high = evidence.mean_interval(recalls_of(right, labels), BALANCED_ACCURACY)
        covered.append(low <= (0.95 + recall) / 2 <= high)
    assert np.mean(covered) > 0.93


# --- from predictions to evidence


def rows_of(rng, tests: list[np.ndarray], labels: np.ndarray, method: str) -> pd.DataFrame:
    """Predictions of replicates for their test images."""
    rows = []
    for replicate, images in enumerate(tests):
        shares = rng.dirichlet([1, 1, 1], len(images)).astype(np.float16).astype(np.float32)
        rows.append(
            pd.DataFrame(
                {
                    "replicate": replicate,
                    "image_id": [f"i{image:03d}" for image in images],
                    "label": labels[images],
                    "predicted": shares.argmax(axis=1),
                    **{f"probability_{label}": shares[:, label] for label in range(3)},
                }
            )
        )
    names = {"backbone": "none", "method": method, "fraction": 1.0}
    return pd.concat(rows, ignore_index=True).assign(**names)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1", "loss", "brier"])
@pytest.mark.parametrize("cross_fitted", [False, True])
def test_the_evidence_of_predictions_has_the_scores_of_the_runs(name, cross_fitted):
    rng, metric = np.random.default_rng(0), BY_NAME[name]
    tests = [np.arange(42)] * 4
    if cross_fitted:
        roles = cross_fitting(LABELS, np.arange(42), "abc", 5, 2, rng)
        tests = [rng.permutation(np.flatnonzero(role == "test")) for role in roles]
    rows = pd.concat([rows_of(rng, tests, LABELS, method) for method in ("baseline", "transfer")])
    selected = []
    for method, own in rows.groupby("method"):
        for replicate, each in own.groupby("replicate"):
            made = evidence.predictions_of(each)
            names = {"dataset": "d", "backbone": "none", "method": method, "fraction": 1.0}
            score = metric.score(made)[0]
            selected.append({**names, "protocol": HELD_OUT, "replicate": replicate, name: score})
    held_out = pd.DataFrame(selected)
    table = pd.concat([held_out, held_out.assign(protocol=SAME_IMAGES)], ignore_index=True)
    places = {}
    for place, known in evidence.by_place(table, {"d": rows}, metric):
        places[place["protocol"]] = known
    for protocol, known in places.items():
        for (_, method), own in known.items():
            expected = held_out.loc[held_out["method"] == method, name]
            np.testing.assert_allclose(own.scores, expected)
            if protocol == SAME_IMAGES:
                assert own.values is None
                continue
            assert own.images == 42
            assert own.overlap == (pytest.approx(1 / 3) if cross_fitted else None)
            np.testing.assert_array_equal(own.labels, LABELS)
            np.testing.assert_allclose(np.nanmean(own.values, axis=1), expected, rtol=1e-6)
            assert (np.isfinite(own.values).sum(axis=1) == [len(test) for test in tests]).all()
