"""A sweep of heads as a script: python heads_peers.py keras|sklearn|torch STUDY OUTPUT THREADS."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from transfer_gain.config.loading import load
from transfer_gain.data.replicates import Replicates, read_replicates

Score = tuple[float, float]


def by_keras(data: Replicates, threads: int) -> Callable[..., Score]:
    """Return a function that trains a head with Keras' `fit`."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    train, validation = data.samples[0], data.validation

    def fit(layers: list[int], activation: str, rate: float, l2: float, epochs: int) -> Score:
        keras.backend.clear_session()
        penalty = keras.regularizers.L2(l2)
        model = keras.Sequential(
            [keras.layers.Dense(units, activation, kernel_regularizer=penalty) for units in layers]
            + [keras.layers.Dense(data.classes, "softmax", kernel_regularizer=penalty)]
        )
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        features, labels = data.features[train], data.labels[train]
        model.fit(features, labels, batch_size=50, epochs=epochs, verbose=0)
        tested = (features, labels), (data.features[validation], data.labels[validation])
        return tuple(model.evaluate(*some, verbose=0)[1] for some in tested)

    return fit


def by_sklearn(data: Replicates, threads: int) -> Callable[..., Score]:
    """Return a function that trains a head with scikit-learn's MLPClassifier."""
    from sklearn.neural_network import MLPClassifier

    train, validation = data.samples[0], data.validation

    def fit(layers: list[int], activation: str, rate: float, l2: float, epochs: int) -> Score:
        head = MLPClassifier(
            layers,
            {"sigmoid": "logistic", "elu": "relu"}[activation],
            alpha=l2,
            batch_size=min(50, len(train)),
            learning_rate_init=rate,
            max_iter=epochs,
            n_iter_no_change=epochs,
            tol=0,
        )
        head.fit(data.features[train], data.labels[train])
        return tuple(
            head.score(data.features[rows], data.labels[rows]) for rows in (train, validation)
        )

    return fit


def by_torch(data: Replicates, threads: int) -> Callable[..., Score]:
    """Return a function that trains a head with a loop in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    features, labels = torch.from_numpy(data.features), torch.from_numpy(data.labels).long()
    train, validation = torch.from_numpy(data.samples[0]), torch.from_numpy(data.validation)

    def fit(layers: list[int], activation: str, rate: float, l2: float, epochs: int) -> Score:
        activate = {"sigmoid": nn.Sigmoid, "elu": nn.ELU}[activation]
        widths = [features.shape[1], *layers]
        modules = []
        for fan_in, fan_out in zip(widths, layers, strict=False):
            modules += [nn.Linear(fan_in, fan_out), activate()]
        model = nn.Sequential(*modules, nn.Linear(layers[-1], data.classes))
        for module in model:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        kernels = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        adam = torch.optim.Adam(model.parameters(), rate)
        for _ in range(epochs):
            for rows in train[torch.randperm(len(train))].split(50):
                loss = nn.functional.cross_entropy(model(features[rows]), labels[rows])
                loss = loss + l2 * sum(kernel.square().sum() for kernel in kernels)
                adam.zero_grad()
                loss.backward()
                adam.step()
        with torch.inference_mode():
            return tuple(
                (model(features[rows]).argmax(1) == labels[rows]).float().mean().item()
                for rows in (train, validation)
            )

    return fit


def main(name: str, config: str, output: str, threads: int) -> None:
    """Train every head of a study on its first replicate and write one row per head."""
    about = load(yaml.safe_load(Path(config).read_text()))
    paths, heads, rows = about.paths, about.heads, []
    train = {"keras": by_keras, "sklearn": by_sklearn, "torch": by_torch}[name]
    for fraction in about.fraction_names():
        names = {"dataset": "clothes", "backbone": "vgg16", "fraction": fraction}
        files = [
            file.format(**names) for file in (paths.features, paths.samples, paths.validation_roles)
        ]
        data = read_replicates(*files)
        fit = train(data, threads)
        steps = -(-data.samples.shape[1] // 50)
        epochs = max(heads.epochs, -(-heads.min_updates // steps))
        for head in heads.configurations():
            layers = [int(units) for units in head["layers"].split("-")]
            rate = float(head["learning_rate"])
            trained, validated = fit(layers, head["activation"], rate, heads.l2, epochs)
            scores = {"train_accuracy": trained, "validation_accuracy": validated}
            rows.append({"fraction": fraction, **head, **scores})
    pd.DataFrame(rows).to_csv(output, index=False)


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    np.random.seed(0)
    main(*sys.argv[1:4], int(sys.argv[4]))
