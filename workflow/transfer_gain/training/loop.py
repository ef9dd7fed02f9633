"""The training loop that all models share: Adam, with the replicates as a batch dimension."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from transfer_gain import schedule
from transfer_gain.data import class_weights as weighting
from transfer_gain.data import rows, store
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sampling import shuffled_batches
from transfer_gain.metrics import Predictions
from transfer_gain.seeds import run_seed
from transfer_gain.training import devices
from transfer_gain.training.devices import tf

# Adam as in Keras (Kingma & Ba 2015, with epsilon outside the bias correction).
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7

# Images are augmented ahead for as many updates as fit into this many bytes.
CHANGED_BYTES = 2**23

Parameters = Sequence[tf.Variable]

log = logging.getLogger(__name__)


class Network(NamedTuple):
    """A classifier as the training loop sees it.

    Attributes:
        initial: function from a random generator to one replicate's parameters, float32. Kernels,
            the parameters of two or more dimensions, are penalized.
        logits: function from parameters (replicates, ...) and inputs (replicates or 1, images, ...)
            to logits (replicates, images, classes).
        configuration: layers, activation, learning_rate and l2, for the rows of `runs`.
        scored_at_once: number of images scored together, which bounds memory.
        training_logits: like `logits`, with the weights of the images, 0 for padding (replicates,
            images), as a third argument; for training alone. None if it is the same function.
        averages: what `training_logits` keeps beside the parameters, such as the moments of batch
            normalization: variables (replicates, ...), which the result has after the parameters.
        compilable: whether XLA can compile its training. It has no deterministic gradient of
            TensorFlow's max-pooling, and fails on a GPU.
    """

    initial: Callable[[np.random.Generator], list[np.ndarray]]
    logits: Callable[[Parameters, tf.Tensor], tf.Tensor]
    configuration: Mapping[str, Any]
    scored_at_once: int = 4096
    training_logits: Callable[[Parameters, tf.Tensor, tf.Tensor], tf.Tensor] | None = None
    averages: Parameters = ()
    compilable: bool = True


class Augmentation(NamedTuple):
    """How batches are augmented during training.

    Attributes:
        draw: function from a random generator and a number of images to random parameters, float32
            (images, ...).
        apply: function from inputs and their random parameters, with the same leading axes, to
            changed inputs.
    """

    draw: Callable[[np.random.Generator, int], np.ndarray]
    apply: Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass
class ChangedBatches:
    """The augmented inputs of every update, made on demand because all would not fit in memory.

    Attributes:
        inputs: (images, ...)
        batches: rows of `inputs`, (updates, replicates, images); padding, -1, is changed as well.
        drawn: random parameters, (updates, replicates, images, ...).
        apply: see `Augmentation`.
    """

    inputs: np.ndarray
    batches: np.ndarray
    drawn: np.ndarray
    apply: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __getitem__(self, updates: int | slice) -> np.ndarray:
        """Return the inputs of one update (replicates, images, ...) or of several updates."""
        return self.apply(self.inputs[self.batches[updates]], self.drawn[updates])

    @property
    def at_once(self) -> int:
        """Return the number of updates whose inputs are made together."""
        return max(1, CHANGED_BYTES // (self.batches[0].size * self.inputs[0].nbytes))


class Trained(NamedTuple):
    """The result of a training run.

    Attributes:
        runs: one row per replicate.
        history: one row per evaluation and replicate.
        predictions: one row per replicate and image that it selects or is scored on, at the end.
        parameters: float32 arrays (replicates, ...).
    """

    runs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame
    parameters: list[np.ndarray]


def glorot_uniform(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw a kernel, float32, from U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    This is the 2018 paper's "uniform parameter initialisation strategy" in Keras' default form
    (Glorot & Bengio 2010).

    Args:
        rng: random generator.
        shape: (fan_in, fan_out), preceded by the window's height and width for a convolution.
    """
    window = math.prod(shape[:-2])
    limit = math.sqrt(6 / (window * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def train(
    data: Replicates,
    network: Network,
    *,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    min_updates: int,
    l2: float,
    seed_names: tuple[int, str, str],
    evaluate: str = schedule.SPARSELY,
    augmentation: Augmentation | None = None,
    class_weights: str = weighting.NONE,
    stop_at_train_loss: float | None = None,
) -> Trained:
    """Train one configuration on every replicate's sample.

    The loss is the softmax cross-entropy, weighted and averaged over the images of a batch, plus
    `l2` times the sum of squares of all kernels. The optimizer is Adam. Batches are reshuffled
    every epoch. The reported losses are the cross-entropy alone, unweighted, on unchanged images.

    Args:
        data: inputs, labels, samples and validation roles.
        network: the network to train.
        learning_rate: learning rate of Adam.
        batch_size: images per batch.
        epochs: number of epochs, unless `min_updates` requires more.
        min_updates: least number of updates.
        l2: weight of the penalty.
        seed_names: study seed, dataset and fraction, from which each replicate's seed is derived.
        evaluate: when, see `schedule.epochs_evaluated`.
        augmentation: random changes, drawn again for every batch; None for unchanged images.
        class_weights: "none", or "balanced" for weights with which the classes of a replicate's
            sample count equally, see `class_weights.balanced`.
        stop_at_train_loss: the result of a replicate is that of the first evaluation at which the
            loss on its sample, see `loss_by_class`, is below this, if there is one; None for that
            of the last.
    """
    images = data.samples.shape[1]
    batches_per_epoch = -(-images // min(batch_size, images))
    length = schedule.training_epochs(epochs, min_updates, batches_per_epoch)
    numbers = data.replicate_numbers
    seeds = [run_seed(*seed_names, number) for number in numbers]
    initial, orders, drawn = [], [], []
    for replicate, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        initial.append(network.initial(rng))
        order = shuffled_batches(images, batch_size, length, rng)
        orders.append(np.where(order < 0, -1, data.samples[replicate][order]).astype(np.int32))
        if augmentation:
            values = augmentation.draw(rng, order.size)
            drawn.append(values.reshape(*order.shape, *values.shape[1:]))
    parameters = [tf.Variable(np.stack(values)) for values in zip(*initial, strict=True)]
    ordered = np.stack(orders, axis=1)
    batches: list[np.ndarray | ChangedBatches] = [ordered]
    times = schedule.EVALUATIONS_TO_STOP_AT if stop_at_train_loss else schedule.EVALUATIONS
    stops = schedule.epochs_evaluated(evaluate, length, epochs, times)
    evaluations = [epoch * batches_per_epoch for epoch in stops]
    pauses = set(evaluations)
    if augmentation:
        changed = ChangedBatches(
            data.features, ordered, np.stack(drawn, axis=1), augmentation.apply
        )
        batches.append(changed)
        pauses |= set(range(changed.at_once, len(ordered), changed.at_once))

    features = tf.constant(data.features)
    one_hot = tf.one_hot(data.labels, data.classes)
    importance = None  # of each image, (replicates, images)
    if class_weights == weighting.BALANCED:
        counts = [np.bincount(own, minlength=data.classes) for own in data.labels[data.samples]]
        of_classes = np.stack([*map(weighting.balanced, counts)])
        importance = tf.constant(of_classes[:, data.labels], tf.float32)

    def loss(parameters: Parameters, batch: tf.Tensor, *changed: tf.Tensor) -> tf.Tensor:
        # Padding is read as row 0 and has weight zero.
        weights = tf.cast(batch >= 0, tf.float32)
        batch = tf.maximum(batch, 0)
        inputs = changed[0] if changed else tf.gather(features, batch)
        # The deterministic sparse-label loss costs about 60 extra small operations.
        values = (
            network.training_logits(parameters, inputs, weights)
            if network.training_logits
            else network.logits(parameters, inputs)
        )
        entropy = tf.nn.softmax_cross_entropy_with_logits(tf.gather(one_hot, batch), values)
        if importance is not None:
            entropy *= tf.gather(importance, batch, batch_dims=1)
        # Not divided by the batch's importance: a batch without rare images would count as much
        # as one of them.
        mean = tf.reduce_sum(entropy * weights, axis=1) / tf.reduce_sum(weights, axis=1)
        kernels = [parameter for parameter in parameters if parameter.shape.rank > 2]
        return tf.reduce_sum(mean) + penalty(kernels, l2)

    @tf.function(autograph=False)
    def score(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return class, cross-entropy and probabilities of rows (1 or replicates, images)."""
        values = network.logits(parameters, tf.gather(features, images))
        truth = tf.broadcast_to(tf.gather(one_hot, images), tf.shape(values))
        entropy = tf.nn.softmax_cross_entropy_with_logits(truth, values)
        return tf.argmax(values, axis=-1, output_type=tf.int32), entropy, tf.nn.softmax(values)

    def predictions(images: np.ndarray) -> Predictions:
        return Predictions(data.labels[images], *_in_chunks(score, images, network.scored_at_once))

    places = data.own_places
    running = np.ones(len(numbers), bool)  # replicates that have not ended
    fitted = ~running  # those that have ended early
    ends: list[np.ndarray] = []  # of all replicates: predictions, then what they have learned
    history = []
    for updates in fit(
        parameters, loss, batches, learning_rate, sorted(pauses), compilable=network.compilable
    ):
        if updates not in evaluations:
            continue
        validation = rows.of_all_images(predictions(data.validation[places]), places, data)
        on_samples = predictions(data.samples)
        scores = rows.scores(on_samples, validation, data)
        epoch = updates // batches_per_epoch
        log.info(
            "epoch %d of %d: training loss %.3f, validation accuracy %.3f",
            epoch,
            length,
            scores["train_loss"].mean(),
            scores["validation_accuracy"].mean(),
        )
        now = pd.DataFrame({"replicate": numbers, "epoch": epoch, "updates": updates, **scores})
        history.append(now[running])
        if stop_at_train_loss:
            fitted |= running & (loss_by_class(on_samples) < stop_at_train_loss)
        ended = running & (fitted | (epoch == length))
        if ended.any():
            learned = (values.numpy() for values in (*parameters, *network.averages))
            reached = [np.array(values) for values in (*validation[1:], *learned)]
            ends = ends or reached
            for of_all, values in zip(ends, reached, strict=True):
                of_all[ended] = values[ended]
            running &= ~ended
        if not running.any():
            break
    history = store.with_names(pd.concat(history, ignore_index=True), network.configuration)
    last = history.drop_duplicates("replicate", keep="last")
    last = last.sort_values("replicate", ignore_index=True)
    runs = last.rename(columns={"epoch": "epochs"}).assign(
        levelled_off=rows.levelled_off(history) | fitted, training_samples=images, seed=seeds
    )
    at_end = Predictions(validation.labels, *ends[:3])
    predicted = store.with_names(rows.predictions(at_end, data), network.configuration)
    return Trained(runs, history, predicted, ends[3:])


def loss_by_class(predicted: Predictions) -> np.ndarray:
    """Return each replicate's loss, averaged over the classes of its images.

    The mean over images can be low while all images of a rare class are taken for another.

    Args:
        predicted: of each replicate's images, with labels (replicates, images).
    """
    pairs = zip(predicted.labels, predicted.losses, strict=True)
    return np.array(
        [
            np.mean([losses[labels == label].mean() for label in np.unique(labels)])
            for labels, losses in pairs
        ]
    )


def joined(parts: Sequence[Trained]) -> dict[str, pd.DataFrame]:
    """Return the rows of runs of different replicates together, by kind; runs by replicate."""
    made = {
        kind: pd.concat([getattr(part, kind) for part in parts], ignore_index=True)
        for kind in ("runs", "history", "predictions")
    }
    made["runs"] = made["runs"].sort_values("replicate", ignore_index=True)
    return made


def penalty(kernels: Parameters, weight: float) -> tf.Tensor:
    """Return `weight` times the sum of squares of kernels, over all replicates."""
    # `l2_loss` is half of this sum. Its gradient reads a kernel once, that of the sum four times.
    return 2 * weight * tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])


def fit(
    parameters: Parameters,
    loss: Callable[..., tf.Tensor],
    batches: Sequence[np.ndarray | ChangedBatches],
    learning_rate: float,
    pauses: Sequence[int],
    compilable: bool = True,
) -> Iterator[int]:
    """Train in place, pausing to evaluate or to augment more images.

    All updates between two pauses run in one call of a compiled program.

    Args:
        parameters: variables (replicates, ...), changed in place.
        loss: function from the parameters and one update's slice of each of `batches` to the sum of
            all replicates' losses, including penalties.
        batches: arrays (updates, ...), or objects sliced like one, such as the rows of the images
            in every batch.
        learning_rate: learning rate of Adam.
        pauses: numbers of updates after which to pause, ascending.
        compilable: see `Network`.

    Yields:
        The number of updates done so far, at each pause.
    """
    means = [tf.Variable(tf.zeros_like(parameter)) for parameter in parameters]
    squares = [tf.Variable(tf.zeros_like(parameter)) for parameter in parameters]
    updates = tf.Variable(0.0)
    # XLA compiles a program for each shape, so all segments are as long as the longest.
    longest = max(np.diff([0, *pauses]))
    compiled = compilable and devices.on_gpu()

    # On a CPU, XLA's matrix products are slower than oneDNN's, and XLA takes seconds to compile.
    # AutoGraph is off: searching the source for loops costs each job a third of a second.
    @tf.function(autograph=False, jit_compile=compiled)
    def advance(count: tf.Tensor, *batches: tf.Tensor) -> None:
        def update(number: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(parameters)
                total = loss(parameters, *(batch[number] for batch in batches))
            updates.assign_add(1.0)
            power_1, power_2 = BETA_1**updates, BETA_2**updates
            for parameter, mean, square, gradient in zip(
                parameters, means, squares, tape.gradient(total, parameters), strict=True
            ):
                tf.raw_ops.ResourceApplyAdam(
                    var=parameter.handle,
                    m=mean.handle,
                    v=square.handle,
                    beta1_power=power_1,
                    beta2_power=power_2,
                    lr=learning_rate,
                    beta1=BETA_1,
                    beta2=BETA_2,
                    epsilon=EPSILON,
                    grad=gradient,
                )
            return [number + 1]

        tf.while_loop(lambda number: number < count, update, [tf.constant(0)])

    done = 0
    for pause in pauses:
        segment = (_padded(batch[done:pause], longest) for batch in batches)
        advance(tf.constant(pause - done), *map(tf.constant, segment))
        done = pause
        yield done


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    """Return values with zeros appended, up to a length."""
    more = np.zeros((length - len(values), *values.shape[1:]), values.dtype)
    return np.concatenate([values, more])


def _in_chunks(score: Callable, rows: np.ndarray, images: int) -> list[np.ndarray]:
    """Score rows (1 or replicates, images), `images` at a time; see `score`."""
    chunks = [
        score(tf.constant(rows[:, start : start + images], tf.int32))
        for start in range(0, rows.shape[1], images)
    ]
    return [np.concatenate(parts, axis=1) for parts in zip(*chunks, strict=True)]
