"""Which network is accurate for the time that it takes: VGG16 at several sizes beside others.

Linear probes on the features of each network, for photographs of solar cells and for avatars. The
workflow itself draws, extracts, fits, selects and scores; this gathers what it made.

    PYTHONPATH=workflow python benchmarks/networks.py [--file NAME=PATH ...] [--write]

--file takes weights that are not ImageNet's, for a network of `FROM_FILES`. --write puts the result
into docs/methods.md. It needs no peers, only the project's environment.
"""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import side_by_side
import simulated
import study
from run import with_section
from side_by_side import CHECKOUT, WORK
from transfer_gain import metrics
from transfer_gain.config.paths import format_number
from transfer_gain.config.study import Study
from transfer_gain.data import store
from transfer_gain.evaluation import predictions, selection
from transfer_gain.names import HELD_OUT
from transfer_gain.reporting import metric_display, words
from transfer_gain.runtime import optional_backbones

PAGE = CHECKOUT / "docs" / "methods.md"
GRAY, COLOR = "gray", "rgb"


class Network(NamedTuple):
    """A network of the table.

    Attributes:
        shown: its name in the table.
        channels: what it sees of pictures that have colors, `GRAY` or `COLOR`.
        settings: of a backbone.
    """

    shown: str
    channels: str
    settings: Mapping[str, Any]


class Pictures(NamedTuple):
    """The pictures that networks are compared on.

    Attributes:
        shown: what they are called.
        channels: what is drawn of them; `GRAY` alone if they have no colors.
        dataset: its settings.
        fraction: of the training images, and the samples that are drawn, unless the images are
            cross-fitted.
        metric: name of the metric that is compared.
    """

    shown: str
    channels: Sequence[str]
    dataset: Mapping[str, Any]
    fraction: Mapping[str, Any]
    metric: str


def _vgg16(side: int, **settings: Any) -> Mapping[str, Any]:
    return {"architecture": "VGG16", "input_size": side, **settings}


NETWORKS = {
    "vgg16-64-gray": Network("VGG16", GRAY, _vgg16(64)),
    "vgg16-64": Network("VGG16", COLOR, _vgg16(64)),
    "vgg16-128": Network("VGG16", COLOR, _vgg16(128, pooling="avg")),
    "vgg16-224": Network("VGG16", COLOR, _vgg16(224, pooling="avg")),
    **{
        name.lower(): Network(
            name, COLOR, {"architecture": name, "input_size": "native", "optional": True}
        )
        for name in ("EfficientNetV2B0", "MobileNetV2")
    },
}
# Networks whose weights come as a file of the user's, by the name that the command line gives.
FROM_FILES = {
    "mobilenetv2-dogs": Network(
        "MobileNetV2 (ImageNet, then dogs)",
        COLOR,
        {"architecture": "MobileNetV2", "input_size": 160},
    )
}
PICTURES = {
    "cells": Pictures(
        "solar cells",
        [GRAY],
        {"source": "solar-cells", "images": 300},
        {"fraction": 1, "replicates": 1},
        metrics.BALANCED_ACCURACY.name,
    ),
    "avatars": Pictures(
        "avatars",
        [GRAY, COLOR],
        {"source": "avatars", "training_per_class": 24, "validation_per_class": 40},
        {"fraction": 0.5, "replicates": 5},
        metrics.ACCURACY.name,
    ),
}


def studies(name: str, networks: Mapping[str, Network]) -> Iterator[tuple[Path, Study]]:
    """Yield the studies of some pictures, with their config: one in gray, one in color.

    Both have the same images, split and samples, because seeds come from names.
    """
    pictures = PICTURES[name]
    for channels in pictures.channels:
        shown = {
            key: network.settings
            for key, network in networks.items()
            if network.channels == channels or len(pictures.channels) == 1
        }
        if len(pictures.channels) == 1:
            shown.pop("vgg16-64")  # the same as in gray
        config = {
            "results": str(WORK / f"networks-{name}-{channels}"),
            "metric": pictures.metric,
            "datasets": {name: {**pictures.dataset, "channels": channels}},
            "backbones": shown,
            "fractions": [pictures.fraction],
            "long_runs": {"fractions": []},
            "linear_probe": {"max_fraction": 1},
        }
        yield study.save(config, f"networks-{name}-{channels}")


def probes(about: Study, names: Sequence[str], fraction: str) -> dict[str, Path]:
    """Return the folder of each network's linear probes."""
    (dataset,) = about.datasets
    return {
        name: CHECKOUT / about.paths.probe.format(dataset=dataset, backbone=name, fraction=fraction)
        for name in names
    }


def cpu_seconds(about: Study, name: str, fraction: str) -> float:
    """Return the CPU seconds of the jobs that extracted a network's features and fitted probes."""
    (dataset,) = about.datasets
    seconds = 0.0
    for made in (about.paths.features, about.paths.probe):
        file = about.paths.benchmark(made)
        place = {"dataset": dataset, "backbone": name, "fraction": fraction}
        with (CHECKOUT / file.format(**place)).open() as lines:
            seconds += sum(float(row["cpu_time"]) for row in csv.DictReader(lines, delimiter="\t"))
    return seconds


def measured(name: str, networks: Mapping[str, Network], cores: int) -> pd.DataFrame:
    """Run the studies of some pictures; return one row per network.

    Returns:
        Indexed by the network's name: shown, side, channels, features (their number), precision,
        seconds (of the CPU), and of the workflow's table of scores, for these networks, mean,
        ci_low, ci_high, may_be_best, labels and images.
    """
    fraction = format_number(PICTURES[name].fraction["fraction"])
    metric = metrics.metric(PICTURES[name].metric)
    found: dict[str, Path] = {}
    about_networks: dict[str, dict[str, Any]] = {}
    for config, about in studies(name, networks):
        missing = optional_backbones.left_out(about, CHECKOUT / about.paths.weights_host)
        for reason in missing.values():
            print(reason, flush=True)
        folders = probes(about, [key for key in about.backbones if key not in missing], fraction)
        files = [str(folder.relative_to(CHECKOUT) / "runs.parquet") for folder in folders.values()]
        study.snakemake(config, cores, *files)
        found |= folders
        for key in folders:
            features = about.paths.features.format(dataset=name, backbone=key)
            metadata = store.read_metadata(CHECKOUT / features)
            about_networks[key] = {
                "shown": networks[key].shown,
                "side": about.backbones[key].input_size,
                "channels": about.datasets[name].channels,
                "features": int(metadata["shape"][0]),
                "precision": metadata["precision"],
                "seconds": cpu_seconds(about, key, fraction),
            }
        images, roles, samples = (
            CHECKOUT / path.format(dataset=name, fraction=fraction)
            for path in (about.paths.images, about.paths.validation_roles, about.paths.samples)
        )
    sample = store.read_rows(samples)
    per_class = len(sample) / sample["replicate"].nunique() / sample["label"].nunique()
    labels = pd.DataFrame(
        {"dataset": [name], "fraction": [float(fraction)], "training_per_class": [per_class]}
    )
    runs = pd.concat([store.read_rows(each / "runs.parquet") for each in found.values()])
    selected = selection.select_runs(runs.reset_index(drop=True), labels, metric)
    selected = selected[selected["protocol"] == HELD_OUT].reset_index(drop=True)
    predicted = predictions.gather(
        selected,
        store.read_rows(roles),
        store.read_index(images),
        name,
        [each / "predictions.parquet" for each in found.values()],
    )
    scores = simulated.Study(selected, {name: predicted}, metric).scores().set_index("backbone")
    return pd.DataFrame.from_dict(about_networks, orient="index").join(
        scores[["mean", "ci_low", "ci_high", "may_be_best", "labels", "images"]]
    )


def conclusion(name: str, rows: pd.DataFrame) -> str:
    """Name the best network, and the cheapest that is not significantly worse."""
    metric = metrics.metric(PICTURES[name].metric)
    best = rows.loc[(metric.sign * rows["mean"]).idxmax()]
    near = rows[rows["may_be_best"].astype(bool)]
    cheapest = near.loc[near["seconds"].idxmin()]
    text = f"On {PICTURES[name].shown}, the best is {_described(best)}"
    if cheapest.name == best.name:
        return f"{text}; none that may be as good is cheaper."
    return f"{text}; the cheapest that is not significantly worse is {_described(cheapest)}."


def _described(row: pd.Series) -> str:
    color = {GRAY: "gray", COLOR: "color"}[row["channels"]]
    return f"{row['shown']} at {row['side']} pixels in {color}"


def section(found: Mapping[str, pd.DataFrame]) -> str:
    """Return the section: a table of each kind of pictures, and what it says.

    Args:
        found: rows of `measured`, by the name of the pictures.
    """
    parts = []
    for name, rows in found.items():
        score = metric_display.words(metrics.metric(PICTURES[name].metric)).noun
        header = ["network", "side", "channels", "features", score, "may be the best"]
        table = side_by_side.table(
            [*header, "CPU seconds"],
            [
                [
                    row["shown"],
                    f"{row['side']}",
                    {GRAY: "gray", COLOR: "color"}[row["channels"]],
                    f"{row['features']:,}",
                    words.accuracy(row["mean"])
                    + words.interval(row["ci_low"], row["ci_high"], words.accuracy),
                    "yes" if row["may_be_best"] else "no",
                    f"{row['seconds']:.0f}",
                ]
                for _, row in rows.iterrows()
            ],
        )
        shown = PICTURES[name].shown
        counts = (
            f"{words.sentence(shown).removesuffix('.')}: {words.count(rows['labels'].iloc[0])} "
            f"training images per class, {words.count(rows['images'].iloc[0])} scored; networks in "
            f"{words.listed(sorted(set(rows['precision'])))}."
        )
        parts.append(f"{counts} {conclusion(name, rows)}\n\n{table}")
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure; print the section, or write it into its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    networks = dict(NETWORKS)
    for given in options.file:
        name, _, path = given.partition("=")
        if name not in FROM_FILES or not Path(path).is_file():
            parser.error(f"--file: found {given}, expected {min(FROM_FILES)}=PATH of a file")
        network = FROM_FILES[name]
        networks[name] = network._replace(settings={**network.settings, "weights": path})
    found = {name: measured(name, networks, options.cores) for name in PICTURES}
    text = section(found)
    print(text)
    if options.write:
        PAGE.write_text(with_section(PAGE.read_text(), "networks", text))


if __name__ == "__main__":
    main()
