"""What fine-tuning the last block of VGG16 brings, in three cross-fitted studies.

    PYTHONPATH=workflow python benchmarks/fine_tuning.py [--write]

In each split, the linear probe, the head and the fine-tuned network choose their configurations on
the selection images. Runs are kept in results/benchmarks/fine_tuning; training takes half an hour
on one core.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

import learning_curves
import side_by_side
from early_stopping import METRIC, SIZES, head, length, own_images, studies
from run import with_section
from side_by_side import CHECKOUT, WORK
from transfer_gain.config.paths import format_number
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sources.vgg16_tensors import FILE
from transfer_gain.features import extraction, keras_networks
from transfer_gain.methods import fine_tuning, heads, linear_probe
from transfer_gain.training import devices

PAGE = CHECKOUT / "docs/methods.md"
RUNS = WORK / "fine_tuning"
RATES = (0.0001, 0.00001)
SHOWN = {
    "linear probe": ("probe", None),
    "head": ("head", None),
    **{f"fine-tuning, {format_number(rate)}": ("fine", rate) for rate in RATES},
}


def trained(data: Replicates, name: str) -> Iterator[pd.DataFrame]:
    """Yield the runs of all splits of a study, with columns `method` and `rate`."""
    about, names = own_images(), (1, name, "1")
    images = data.features
    data = data._replace(features=learning_curves.vgg16(WORK)(images))
    yield linear_probe.fit(data, about.linear_probe.l2, names)["runs"].assign(method="probe")
    settings = length(about) | head(about) | {"seed_names": names}
    made = [
        heads.train(data, learning_rate=rate, **settings) for rate in about.heads.learning_rates
    ]
    for rate, of_rate in zip(about.heads.learning_rates, made, strict=True):
        yield of_rate.runs.assign(method="head", rate=rate)
    best = np.argmax([of_rate.runs[f"selection_{METRIC}"] for of_rate in made], axis=0)
    network = keras_networks.build("VGG16", WORK / FILE, "last", learning_curves.SIZE, "float32")
    how = about.fine_tuning_of("vgg16")
    lower, upper = fine_tuning.split(network, how.pop("from_layer"))
    compute = keras_networks.extractor(lower, "VGG16", learning_curves.SIZE)
    between = learning_curves.in_batches(compute, images, extraction.BATCH)
    data = data._replace(features=between.reshape(-1, *lower.output_shape[1:]))
    for rate in RATES:
        for split, number in enumerate(best):
            start = [values[[split]] for values in made[number].parameters]
            settings |= {**how, "learning_rate": rate}
            (tuned,) = fine_tuning.train(data.of([split]), upper, start, **settings)
            yield tuned.runs.assign(method="fine", rate=rate)


def runs() -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yield name, images and runs of each dataset, trained unless they are kept."""
    RUNS.mkdir(parents=True, exist_ok=True)
    for name, source, _ in learning_curves.sources(WORK):
        images, kept = max(SIZES[name]), RUNS / f"{name.replace(' ', '-')}.parquet"
        if not kept.exists():
            _, data = next(studies(source, images, "rgb" if name == "avatars" else "gray"))
            pd.concat(trained(data, name)).to_parquet(kept)
        yield name, images, pd.read_parquet(kept)


def scores(of: pd.DataFrame, method: str, rate: float | None) -> np.ndarray:
    """Return each split's score, in points, of the best configuration of a method."""
    own = of[of["method"] == method]
    own = own if rate is None else own[own["rate"] == rate]
    best = own.sort_values(f"selection_{METRIC}", ascending=False, kind="stable")
    best = best.drop_duplicates("replicate").sort_values("replicate")
    return 100 * best[f"test_{METRIC}"].to_numpy()


def section() -> str:
    """Return the table: mean scores, and what fine-tuning gains over the other two."""
    rows = []
    for name, images, of in runs():
        found = {shown: scores(of, *which) for shown, which in SHOWN.items()}
        tuned = found[f"fine-tuning, {format_number(RATES[0])}"]
        gains = [tuned - found[other] for other in ("linear probe", "head")]
        rows.append(
            [f"{name}, {images} images"]
            + [f"{values.mean():.1f}" for values in found.values()]
            + [f"{gain.mean():+.1f} ± {gain.std(ddof=1) / len(gain) ** 0.5:.1f}" for gain in gains]
        )
    columns = [*SHOWN, "its gain over the probe", "over the head"]
    return side_by_side.table(["dataset", *columns], rows)


def main() -> None:
    """Print the table, and write it into docs/methods.md if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write into docs/methods.md")
    options = parser.parse_args()
    devices.configure(gpu=False)
    text = section()
    print(text)
    if options.write:
        PAGE.write_text(with_section(PAGE.read_text(), "fine-tuning", text))


if __name__ == "__main__":
    main()
