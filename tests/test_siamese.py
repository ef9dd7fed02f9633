"""The Siamese network and the embeddings trained by gradients: known answers."""

import numpy as np
import pytest

from toys import one_shot_data
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.few_shot import inputs
from transfer_gain.few_shot.tasks import CANDIDATES
from transfer_gain.names import BY_GRADIENTS

LABELS = np.repeat(np.arange(4, dtype=np.int32), 12)


@pytest.fixture(scope="module")
def siamese(tensorflow):
    from transfer_gain.few_shot import siamese

    return siamese


@pytest.fixture(scope="module")
def siamese_training(tensorflow):
    from transfer_gain.few_shot import siamese_training

    return siamese_training


@pytest.fixture(scope="module")
def metric_learning(tensorflow):
    from transfer_gain.few_shot import metric_learning

    return metric_learning


@pytest.fixture(scope="module")
def network(siamese):
    """Two replicates of a small network."""
    rng = np.random.default_rng(1)
    parts = zip(*(siamese.initial_parameters(rng, 9, 64) for _ in range(2)), strict=True)
    return [np.stack(part) for part in parts]


def images(count: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(1, count, 9)).astype(np.float32)


def test_it_has_the_report_s_shapes(siamese):
    parameters = siamese.initial_parameters(np.random.default_rng(0), 2048)
    assert [part.shape for part in parameters] == [(2048, 4096), (4096,), (4096, 1), (1,)]
    assert not parameters[1].any()
    assert not parameters[3].any()


def test_weights_set_by_hand_give_the_expected_probability(siamese):
    kernel = np.array([[[1.0, 0.0], [0.0, 2.0]]], np.float32)
    bias = np.array([[0.0, -1.0]], np.float32)
    last = np.array([[[-2.0], [3.0]]], np.float32)
    parameters = [kernel, bias, last, np.array([[0.5]], np.float32)]
    left, right = np.array([[[1.0, 0.0]]], np.float32), np.array([[[0.0, 1.0]]], np.float32)

    def sigmoid(value):
        return 1 / (1 + np.exp(-value))

    differences = [abs(sigmoid(1) - sigmoid(0)), abs(sigmoid(-1) - sigmoid(1))]
    expected = sigmoid(-2 * differences[0] + 3 * differences[1] + 0.5)
    assert siamese.probability(parameters, left, right).item() == pytest.approx(expected, rel=1e-6)


def test_identical_images_have_distance_zero_whatever_the_weights(siamese, network):
    same = siamese.probability(network, images(5), images(5))
    of_bias = 1 / (1 + np.exp(-network[3]))
    assert (same == np.broadcast_to(of_bias, (2, 5)).astype(np.float32)).all()


def test_it_is_symmetric_bit_for_bit(siamese, network):
    left, right = images(50, 3), images(50, 4)
    there, back = (siamese.probability(network, *pair) for pair in ((left, right), (right, left)))
    assert there.tobytes() == back.tobytes()
    assert np.ptp(there) > 0


# Blocks have 64 images: part of one, several, and several with one image left over.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "units"), [(1, 64), (30, 64), (150, 64), (65, 4096), (129, 4096)]
)
def test_all_pairs_are_those_one_by_one(siamese, count, units):
    network = siamese.initial_parameters(np.random.default_rng(1), 9, units)
    features = images(count)[0]
    network = [part[None] for part in network]
    scores = siamese.all_logits(network, features)
    left, right = np.indices((count, count)).reshape(2, -1)
    assert (scores.ravel() == siamese.pair_logits(network, features, left, right)).all()
    one_by_one = siamese.probability(network, features[None, left], features[None, right])[0]
    probabilities = 1 / (1 + np.exp(-scores.ravel()))
    np.testing.assert_allclose(probabilities, one_by_one, rtol=1e-5)


def data(features: np.ndarray, labels: np.ndarray, replicates: int = 2) -> inputs.Data:
    return one_shot_data(features, labels, replicates, tasks=400, queries=4, episodes=30)


def clustered(noise: int = 5) -> np.ndarray:
    """Return features of four slightly overlapping classes; `noise` is the seed of the noise."""
    centres = 2.5 * np.random.default_rng(5).random((4, 20))
    rng = np.random.default_rng(noise)
    return np.maximum(centres[LABELS] + rng.normal(0, 0.4, (48, 20)), 0).astype(np.float32)


SETTINGS = {"batch_size": 16, "learning_rate": 0.01, "l2": 1e-4, "units": 32}


def train(siamese_training, labels=LABELS, epochs=10, batches_per_epoch=20):
    return siamese_training.train(
        data(clustered(), labels),
        epochs=epochs,
        batches_per_epoch=batches_per_epoch,
        seed_names=(1, "faces", "faces", "siamese"),
        **SETTINGS,
    )


def test_training_learns_and_says_what_it_was_before(siamese_training):
    history, few_shot, parameters = train(siamese_training)
    by_epoch = history.groupby("epochs")["accuracy"].mean()
    assert by_epoch[10] > max(by_epoch[0], 0.6)
    assert history["train_loss"][history["epochs"] == 10].max() < 0.5
    assert set(history["method"][history["epochs"] == 0]) == {"siamese-untrained"}
    assert set(history["method"][history["epochs"] > 0]) == {"siamese"}
    tasks = history.groupby("epochs")["tasks"].unique().map(list).to_dict()
    assert tasks == {epoch: [400 if epoch in (0, 10) else 320] for epoch in range(11)}
    assert (history["updates"] == 20 * history["epochs"]).all()
    assert set(few_shot["epochs"]) == {0, 10}
    assert [part.shape for part in parameters] == [(2, 20, 32), (2, 32), (2, 32, 1), (2, 1)]


@pytest.fixture
def losses(siamese_training, monkeypatch) -> list[float]:
    """The loss of each training's first batch, with all parameters 0.5; nothing is trained."""
    seen = []

    def fit(parameters, loss, batches, *_):
        halves = [np.full(part.shape, 0.5, np.float32) for part in parameters]
        seen.append(float(loss(halves, *(batch[0] for batch in batches))))
        return iter(())

    monkeypatch.setattr(siamese_training.loop, "fit", fit)
    return seen


def test_the_penalty_is_on_both_kernels_and_no_bias(siamese_training, losses):
    for l2 in (0, 1):
        siamese_training.train(
            data(clustered(), LABELS),
            epochs=1,
            batches_per_epoch=1,
            seed_names=(1, "faces", "faces", "siamese"),
            **{**SETTINGS, "l2": l2},
        )
    none, one = losses
    assert one - none == pytest.approx(0.25 * 2 * (20 * 32 + 32), rel=1e-5)


@pytest.mark.parametrize("method", BY_GRADIENTS)
def test_near_the_identity_has_a_penalty_of_its_own(metric_learning, losses, monkeypatch, method):
    for l2, stay in ((0, 0), (1, 0), (0, 1)):
        monkeypatch.setattr(metric_learning, "DISTANCE_PENALTY", stay)
        settings = {"batch_size": 16, "updates": 1, "learning_rate": 0.01, "l2": l2}
        names = (1, "faces", "faces")
        metric_learning.train(data(clustered(), LABELS), method, seed_names=names, **settings)
    none, by_l2, by_distance = losses
    if method == metric_learning.NEAR_IDENTITY:
        assert (by_l2 - none, by_distance - none) == pytest.approx(
            (0, 0.25 * 2 * 20 * 20), rel=1e-5
        )
    else:
        squares = 0.25 * 2 * 20 * metric_learning.DIMENSIONS
        assert (by_l2 - none, by_distance - none) == pytest.approx((squares, 0), rel=1e-5)


def of_labels_that_mean_nothing(seed: int) -> inputs.Data:
    """Return one replicate that is tested on images that it was not trained on."""
    rng = np.random.default_rng(seed)
    learned, others = (
        data(clustered(noise), rng.permutation(LABELS), replicates=1) for noise in (5, 6)
    )
    return learned._replace(pools=others.pools, evaluations=others.evaluations)


@pytest.mark.slow
def test_labels_that_mean_nothing_teach_nothing(siamese_training):
    accuracies = []
    for seed in range(8):
        history, _, _ = siamese_training.train(
            of_labels_that_mean_nothing(seed),
            epochs=2,
            batches_per_epoch=50,
            seed_names=(seed, "faces", "faces", "siamese"),
            **SETTINGS,
        )
        accuracies.append(history["accuracy"].iloc[-1])
    _, low, high = mean_interval(accuracies, level=0.999)
    assert low <= 1 / CANDIDATES <= high


def test_the_same_seed_gives_the_same_bytes(siamese_training):
    first, again = (train(siamese_training, epochs=2, batches_per_epoch=3) for _ in range(2))
    assert first[0].equals(again[0])
    assert all((a == b).all() for a, b in zip(first[2], again[2], strict=True))


def test_classes_are_compared_by_the_mean_over_pairs_of_different_images(siamese, network):
    first = [part[:1] for part in network]
    some = [images(3, seed)[0] for seed in (1, 2)]
    samples = inputs.ClassSamples(["x", "y"], ["a", "b"], some)
    table = siamese.compare_classes(first, samples).set_index(["class_a", "class_b"])["p_same"]
    p_same = 1 / (1 + np.exp(-siamese.all_logits(first, np.concatenate(some)).astype(float)))
    assert table["a", "b"] == pytest.approx(p_same[:3, 3:].mean())
    assert table["a", "a"] == pytest.approx(p_same[:3, :3][~np.eye(3, dtype=bool)].mean())
    assert len(table) == 3


def test_tasks_are_shown_with_the_network_s_probabilities(siamese):
    some = data(np.random.default_rng(0).random((48, 9)).astype(np.float32), LABELS, 1)
    parameters = siamese.initial_parameters(np.random.default_rng(1), 9, 8)
    shown = siamese.show_tasks([part[None] for part in parameters], some, "unseen", 3)
    assert len(shown) == 3 * 8
    first = shown[shown["position"] == 1]["label"].to_numpy()
    assert (first == shown[shown["position"] == 0]["label"].to_numpy()).all()
    assert ((shown["p_same"] > 0) & (shown["p_same"] <= 1)).all()


# --- Embeddings trained by gradients ---


def test_the_supervised_contrastive_loss_of_a_batch_by_hand(metric_learning):
    embedded = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]], np.float32)
    loss = metric_learning.supervised_contrastive(embedded, np.array([[0, 0, 1, 1]]))
    expected = -np.log(np.exp(10) / (np.exp(10) + 2))
    assert loss.numpy() == pytest.approx([expected], abs=1e-5)


def test_the_prototypical_loss_of_a_batch_by_hand(metric_learning):
    # Support of class 0 twice, of class 1 once; one query, at the mean of class 0's.
    support = [[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]]
    query = [[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]
    embedded = np.array([[*support, *query]], np.float32)
    labels = np.array([[0, 0, 1, 0, 0, 0]])
    distances = np.array([0.0, 4.0]) / metric_learning.TEMPERATURE
    expected = -np.log(np.exp(-distances[0]) / np.exp(-distances).sum())
    loss = metric_learning.prototypical(embedded, labels)
    assert loss.numpy() == pytest.approx([expected], abs=1e-5)


def test_both_halves_of_a_batch_have_as_many_images_of_each_class(metric_learning):
    batches = metric_learning.draw_batches(LABELS, 20, 18, np.random.default_rng(0))
    assert batches.shape == (20, 16)
    assert all(len({*batch}) == 16 for batch in batches)
    for half in np.split(LABELS[batches], 2, axis=1):
        assert (np.sort(half, axis=1) == np.repeat(np.arange(4), 2)).all()


@pytest.mark.parametrize("method", BY_GRADIENTS)
def test_an_embedding_learns(metric_learning, method):
    rows, few_shot = metric_learning.train(
        data(clustered(), LABELS),
        method,
        batch_size=24,
        updates=40,
        learning_rate=0.001,
        l2=1e-4,
        seed_names=(1, "faces", "faces"),
    )
    assert (rows["accuracy"] > 0.7).all()
    assert (few_shot["accuracy"] > 0.7).all()
    assert set(rows["method"]) == {method}


@pytest.mark.slow
@pytest.mark.parametrize("method", BY_GRADIENTS)
def test_an_embedding_learns_nothing_from_labels_that_mean_nothing(metric_learning, method):
    accuracies = []
    for seed in range(8):
        rows, _ = metric_learning.train(
            of_labels_that_mean_nothing(seed),
            method,
            batch_size=24,
            updates=20,
            learning_rate=0.001,
            l2=1e-4,
            seed_names=(seed, "faces", "faces"),
        )
        accuracies += [*rows["accuracy"]]
    _, low, high = mean_interval(accuracies, level=0.999)
    assert low <= 1 / CANDIDATES <= high
