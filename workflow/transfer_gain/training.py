"""The one training loop that all models share: Adam, with the replicates as a batch dimension."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from . import devices
from .devices import tf

# Adam as Keras has it (Kingma & Ba 2015, with epsilon outside the bias correction).
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7

# Scoring 7,000 validation images costs more than training on 42, so a run is scored only so often.
EVALUATIONS = 10

Parameters = Sequence[tf.Variable]


def training_epochs(epochs: int, min_updates: int, batches_per_epoch: int) -> int:
    """Return how long a run trains: `epochs`, or more where those are too few updates."""
    return max(epochs, math.ceil(min_updates / batches_per_epoch))


def evaluation_epochs(epochs: int, landmark: int, evaluations: int = EVALUATIONS) -> list[int]:
    """Return after which epochs a run is evaluated: evenly spread, the last and a landmark.

    Args:
        epochs: length of the run.
        landmark: an epoch whose figure is wanted whatever the length, such as the report's 20.
        evaluations: about how many.
    """
    spread = np.linspace(epochs / evaluations, epochs, evaluations)
    spread = {max(1, round(epoch)) for epoch in spread}
    return sorted(spread | {epochs} | {min(landmark, epochs)})


def glorot_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Draw a kernel, float32 (fan_in, fan_out), from U(-a, a), a = sqrt(6 / (fan_in + fan_out)).

    The report's "uniform parameter initialisation strategy" in Keras' default form (Glorot &
    Bengio 2010).
    """
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)


def fit(
    parameters: Parameters,
    losses: Callable[[Parameters, tf.Tensor], tf.Tensor],
    batches: np.ndarray,
    learning_rate: float,
    pauses: Sequence[int],
) -> Iterator[int]:
    """Train in place, pausing so that the caller can evaluate.

    All updates between two pauses are one call of one compiled program.

    Args:
        parameters: variables (replicates, ...), changed in place.
        losses: parameters and a batch's row numbers, int32 (replicates, batch), -1 for filler, to
            each replicate's loss (replicates,), penalties included.
        batches: int32 (updates, replicates, batch).
        learning_rate: Adam's.
        pauses: after how many updates to pause, ascending.

    Yields:
        The number of updates done, at each pause.
    """
    means = [tf.Variable(tf.zeros_like(parameter)) for parameter in parameters]
    squares = [tf.Variable(tf.zeros_like(parameter)) for parameter in parameters]
    updates = tf.Variable(0.0)

    # XLA's matrix products are slower than oneDNN's on a CPU, and it takes seconds to compile.
    @tf.function(jit_compile=devices.on_gpu(), reduce_retracing=True)
    def advance(batches: tf.Tensor) -> None:
        for batch in batches:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(parameters)
                loss = tf.reduce_sum(losses(parameters, batch))
            updates.assign_add(1.0)
            for parameter, mean, square, gradient in zip(
                parameters, means, squares, tape.gradient(loss, parameters), strict=True
            ):
                tf.raw_ops.ResourceApplyAdam(
                    var=parameter.handle,
                    m=mean.handle,
                    v=square.handle,
                    beta1_power=BETA_1**updates,
                    beta2_power=BETA_2**updates,
                    lr=learning_rate,
                    beta1=BETA_1,
                    beta2=BETA_2,
                    epsilon=EPSILON,
                    grad=gradient,
                )

    done = 0
    for pause in pauses:
        advance(tf.constant(batches[done:pause]))
        done = pause
        yield done
