"""Reading a folder of photographs of 12 million pixels: the study's way, and Pillow's usual one.

The photographs are made up: smooth structure and noise, in JPEGs of the size that phones write,
half of them turned by EXIF. Encoding thousands would take longer than reading them. So a few are
encoded, with restart markers, at which a JPEG can be cut: each photograph is put together from
strips of these few, and no two are alike.
"""

import argparse
import io
import re
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps

import side_by_side
from side_by_side import WORK, Contestant, Timed
from transfer_gain.config.loading import load
from transfer_gain.data import images, splits, store
from transfer_gain.data.fitting import Fit
from transfer_gain.data.sources.base import open_source

WIDTH, HEIGHT = 4000, 3000
SIZE = 64
ENCODED = 8  # photographs from whose strips all are made
STRIP = 4  # rows of blocks of 16 pixels
BAND = 6  # strips that stay together
OURS = "transfer-gain, the step `make_images`"
CLASSES = ("a", "b")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")  # other 0xff in a scan are followed by zero


def encoded(number: int) -> bytes:
    """Return a photograph: a JPEG with restart markers, every other one turned by EXIF."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(40, 216, (9, 12, 3)).astype(np.float32)
    pixels = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    pixels += rng.normal(0, 9, (HEIGHT, WIDTH, 1)).astype(np.float32)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6 if number % 2 else 1
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=88, exif=exif, restart_marker_rows=STRIP
    )
    return buffer.getvalue()


def cut(jpeg: bytes) -> tuple[bytes, list[bytes]]:
    """Return what comes before the pixels of a JPEG, and its strips without their markers."""
    scan = jpeg.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")
    return jpeg[:start], _RESTART.split(jpeg[start:-2])


def photograph(parts: Sequence[tuple[bytes, list[bytes]]], number: int) -> bytes:
    """Return a photograph of bands that are drawn from those of several."""
    rng = np.random.default_rng([number, 1])
    count = len(parts[0][1])
    strips: list[bytes] = []
    while len(strips) < count:
        start = rng.integers(0, count - BAND)
        strips += parts[rng.integers(len(parts))][1][start : start + BAND]
    marked = [
        strip + bytes([0xFF, 0xD0 + place % 8]) for place, strip in enumerate(strips[: count - 1])
    ]
    return b"".join([parts[number % len(parts)][0], *marked, strips[count - 1], b"\xff\xd9"])


def make_folder(folder: Path, photographs: int) -> None:
    """Write a folder of photographs of two classes, unless it is there."""
    if len(list(folder.glob("*/*.jpg"))) == photographs:
        return
    shutil.rmtree(folder, ignore_errors=True)
    parts = [cut(encoded(number)) for number in range(ENCODED)]
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    for number in range(photographs):
        path = folder / CLASSES[number % len(CLASSES)] / f"IMG_{number:05}.jpg"
        path.write_bytes(photograph(parts, number))


def ours(folder: Path, threads: int) -> Callable[[int], int]:
    """Prepare the step of the workflow that makes a dataset's images."""
    config = {"source": "folder", "path": str(folder), "image_size": SIZE}
    dataset = load({"datasets": {"mine": config}}).datasets["mine"]
    settings = dataset.settings()
    output = WORK / "photographs.parquet"

    def run(number: int) -> int:
        with open_source("folder", [], settings, 0, threads) as source:
            images.write_images(
                source,
                output,
                dataset=dataset.name,
                training_per_class=None,
                validation_per_class=None,
                how=Fit.of(settings),
                study_seed=0,
                unit=splits.unit_of(settings),
                cross_fitted=dataset.is_cross_fitted,
                processes=threads,
            )
        return len(store.read_index(output))

    return run


def pillow(folder: Path, threads: int, photographs: int, all_of_them: int) -> Callable:
    """Prepare Pillow's usual way, on some of the photographs; the time is that of all."""
    paths = sorted(folder.glob("*/*.jpg"))[:photographs]

    def run(number: int) -> Timed:
        begun = time.perf_counter()
        with ThreadPool(threads) as pool:
            read = len(pool.map(_by_pillow, paths))
        seconds = time.perf_counter() - begun
        return Timed(all_of_them, seconds * all_of_them / read)

    return run


def _by_pillow(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    return np.asarray(upright.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _all_read(photographs: int, made: dict[str, int]) -> None:
    if set(made.values()) != {photographs}:
        raise ValueError(f"found {made} images, expected {photographs} each")


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=2000)
    parser.add_argument("--by-pillow", type=int, default=200, help="that Pillow reads at most")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    count, threads = options.photographs, options.threads
    folder = WORK / f"photographs-{count}"
    make_folder(folder, count)
    some = min(count, options.by_pillow)
    contestants = [
        Contestant(OURS, ours, (folder, threads)),
        *(
            Contestant(f"Pillow, {how}", pillow, (folder, cores, some, count))
            for how, cores in {"a loop": 1, f"{threads} threads": threads}.items()
        ),
    ]
    race = side_by_side.race(contestants, options.rounds, threads, check=partial(_all_read, count))
    seconds = race.seconds
    megabytes = sum(path.stat().st_size for path in folder.glob("*/*.jpg")) / 1e6
    rows = [
        [
            name,
            side_by_side.spread(took, 1),
            side_by_side.spread([each / count for each in took], 3),
            side_by_side.ratio(took, seconds[OURS]),
        ]
        for name, took in seconds.items()
    ]
    return (
        f"{count:,} photographs of {WIDTH:,} × {HEIGHT:,} pixels, {megabytes / count:.1f} MB each, "
        f"become squares of {SIZE} pixels on {threads} cores; rounds: {options.rounds}, after a "
        "warm-up. Ours also looks for identical pictures and near copies, draws the split and "
        "writes the result. Pillow's way is open, `exif_transpose`, `convert`, `resize` of "
        f"{some:,} of them, reckoned for all.\n\n"
        + side_by_side.table(["", "seconds", "seconds per photograph", "time / ours"], rows)
        + side_by_side.not_run(race.failed)
    )


if __name__ == "__main__":
    print(main())
