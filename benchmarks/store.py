"""Features on disk: reading the rows of a 1 % sample, and possible encodings of all rows."""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

import side_by_side
import study
from side_by_side import CHECKOUT, WORK, Contestant
from transfer_gain.data import store

KINDS = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
OURS = "transfer-gain, read_arrays"


class Encoding(NamedTuple):
    """An encoding of features on disk.

    Attributes:
        kind: data type of a number.
        zstd: level of Zstandard; 0 for no compression, None for a memory-mapped array.
        split: whether the first bytes of all numbers of a row group come first, then the second.
        frames: whether each row is compressed separately instead of a row group.
    """

    kind: str
    zstd: int | None
    split: bool = False
    frames: bool = False

    def __str__(self) -> str:
        packed = (
            "mapped array" if self.zstd is None else f"zstd {self.zstd}" if self.zstd else "as is"
        )
        how = ", byte-stream split" * self.split + ", each row separately" * self.frames
        return f"{self.kind}, {packed}{how}"


WORKFLOWS = Encoding("float32", store.ZSTD_LEVEL, frames=True)
ENCODINGS = [
    *(Encoding(kind, level, split) for kind in KINDS for level in (1, 3, 9) for split in (0, 1)),
    *(Encoding(kind, level, frames=True) for kind in KINDS for level in (1, 3, 9)),
    *(Encoding(kind, level) for kind in KINDS for level in (0, None)),
]


def ours(file: Path, rows: np.ndarray) -> Callable[[int], np.ndarray]:
    """Prepare our reading of some rows."""
    return lambda number: store.read_arrays(file, rows)


def ours_whole(file: Path, rows: np.ndarray) -> Callable[[int], np.ndarray]:
    """Prepare our reading of all rows, some of which are kept."""
    return lambda number: store.read_arrays(file)[rows]


def whole(file: Path, rows: np.ndarray) -> Callable[[int], np.ndarray]:
    """Prepare reading a whole Parquet file, some rows of which are kept."""

    def run(number: int) -> np.ndarray:
        column = pq.read_table(file)["features"].combine_chunks()
        return np.frombuffer(column.buffers()[1], np.float32).reshape(len(column), -1)[rows]

    return run


def filtered(file: Path, names: Sequence[str]) -> Callable[[int], np.ndarray]:
    """Prepare reading the rows of some images with pandas."""

    def run(number: int) -> np.ndarray:
        table = pd.read_parquet(file, filters=[("image_id", "in", list(names))])
        ordered = table.set_index("image_id").loc[list(names), "features"]
        return np.stack([np.frombuffer(each, np.float32) for each in ordered])

    return run


def mapped(file: Path, rows: np.ndarray) -> Callable[[int], np.ndarray]:
    """Prepare reading some rows of an array on disk."""
    return lambda number: np.load(file, mmap_mode="r")[rows]


def encode(values: np.ndarray, encoding: Encoding, file: Path) -> float:
    """Write features in an encoding, with our row groups; return the seconds."""
    begun = time.perf_counter()
    numbers = values.astype(KINDS[encoding.kind])
    if encoding.zstd is None:
        with file.open("wb") as opened:
            opened.write(numbers.tobytes())
        return time.perf_counter() - begun
    size = numbers.itemsize * numbers.shape[1]
    schema = pa.schema([("features", pa.binary() if encoding.frames else pa.binary(size))])
    compression = {"compression": "none"}
    if encoding.zstd and not encoding.frames:
        compression = {"compression": "zstd", "compression_level": encoding.zstd}
    compressor = zstandard.ZstdCompressor(encoding.zstd, write_checksum=True)
    with pq.ParquetWriter(file, schema, use_dictionary=False, **compression) as writer:
        for group in _groups(numbers):
            if encoding.frames:
                frames = [compressor.compress(row.tobytes()) for row in group]
                writer.write_table(pa.table([frames], schema=schema))
                continue
            if encoding.split:
                group = np.ascontiguousarray(group.view(np.uint8).reshape(-1, numbers.itemsize).T)
            buffers = [None, pa.py_buffer(group)]
            rows = group.nbytes // size
            binary = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), rows, buffers)
            writer.write_table(pa.table([binary], schema=schema))
    return time.perf_counter() - begun


def decoding(encoding: Encoding, file: Path, width: int) -> Callable[[int], np.ndarray]:
    """Prepare reading all rows of an encoding as float32."""
    kind = np.dtype(KINDS[encoding.kind])
    decompressor = zstandard.ZstdDecompressor()

    def parts() -> Iterator[np.ndarray]:
        if encoding.zstd is None:
            yield from _groups(np.memmap(file, kind, "r").reshape(-1, width))
            return
        with pq.ParquetFile(file) as opened:
            for group in range(opened.num_row_groups):
                column = opened.read_row_group(group)["features"]
                if encoding.frames:
                    rows = [decompressor.decompress(frame.as_buffer()) for frame in column]
                    yield np.frombuffer(b"".join(rows), kind).reshape(-1, width)
                    continue
                for chunk in column.chunks:
                    data = np.frombuffer(chunk.buffers()[1], np.uint8)
                    if encoding.split:
                        data = np.ascontiguousarray(data.reshape(kind.itemsize, -1).T)
                    yield data.reshape(-1).view(kind).reshape(-1, width)

    def run(number: int) -> np.ndarray:
        return np.concatenate([part.astype(np.float32)[:, 0] for part in parts()])

    return run


def _groups(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(values), store.ROWS_IN_GROUP):
        yield values[start : start + store.ROWS_IN_GROUP]


def check(made: dict[str, np.ndarray]) -> None:
    """Raise an error if contestants have read different rows."""
    for name, values in made.items():
        if not np.array_equal(values, made[OURS]):
            raise ValueError(f"{name}: rows differ from ours")


def check_decoded(made: dict[str, np.ndarray], expected: np.ndarray) -> None:
    """Raise an error if an encoding does not return the first column within its precision."""
    for name, values in made.items():
        if not np.allclose(values, expected, rtol=1e-2, atol=1e-6):
            raise ValueError(f"{name}: features differ from those written")


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=6000, help="training images per class")
    parser.add_argument("--encoded", type=int, default=8192, help="rows that each encoding holds")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    config, about = study.save(study.clothes(options.per_class, fractions=[1, 0.01]), "store")
    names = {"dataset": "clothes", "backbone": "vgg16", "fraction": "0.01"}
    wanted = [about.paths.features.format(**names), about.paths.samples.format(**names)]
    study.snakemake(config, options.threads, *wanted)
    features, samples = (CHECKOUT / file for file in wanted)
    index = store.read_index(features)
    images = store.read_rows(samples)["image_id"].unique()
    rows = pd.Series(np.arange(len(index)), index["image_id"])[images].to_numpy()
    values = store.read_arrays(features)
    array = CHECKOUT / WORK / "features.npy"
    np.save(array, values)
    # As a user would write it: each row group is compressed.
    usual = CHECKOUT / WORK / "usual.parquet"
    table = pa.table({"image_id": index["image_id"], "features": [row.tobytes() for row in values]})
    kinds = pa.schema([("image_id", pa.string()), ("features", pa.binary(values[0].nbytes))])
    pq.write_table(table.cast(kinds), usual, store.ROWS_IN_GROUP, compression="zstd")
    contestants = [
        Contestant(OURS, ours, (features, rows)),
        Contestant("the same, all rows, then the sample's", ours_whole, (features, rows)),
        Contestant("pyarrow, all of a usual Parquet file, then the sample's", whole, (usual, rows)),
        Contestant("pandas, the sample's rows by a filter on image_id", filtered, (usual, images)),
        Contestant("an uncompressed array, memory-mapped", mapped, (array, rows)),
    ]
    sample = side_by_side.race(contestants, options.rounds, options.threads, check=check)
    array.unlink()
    usual.unlink()
    some = values[np.random.default_rng(0).permutation(len(values))[: options.encoded]]
    folder = CHECKOUT / WORK / "encodings"
    folder.mkdir(exist_ok=True)
    files = {encoding: folder / f"{number}" for number, encoding in enumerate(ENCODINGS)}
    wrote = {str(encoding): encode(some, encoding, file) for encoding, file in files.items()}
    contestants = [
        Contestant(str(encoding), decoding, (encoding, file, values.shape[1]))
        for encoding, file in files.items()
    ]
    right = partial(check_decoded, expected=some[:, 0])
    read = side_by_side.race(contestants, options.rounds, options.threads, check=right)
    sizes = {str(encoding): file.stat().st_size / len(some) for encoding, file in files.items()}
    groups = len(np.unique(rows // store.ROWS_IN_GROUP))
    return (
        f"A 1 % sample, {len(rows)} of {len(values):,} rows of VGG16's features, in "
        f"{groups} row groups; {options.rounds} rounds, with the file in the system's cache.\n\n"
        + side_by_side.table(
            ["", "milliseconds", "time / ours"],
            [
                [
                    name,
                    side_by_side.spread([1000 * second for second in seconds], 1),
                    side_by_side.ratio(seconds, sample.seconds[OURS]),
                ]
                for name, seconds in sample.seconds.items()
            ],
        )
        + side_by_side.not_run(sample.failed)
        + f"\n\nEncodings of {len(some):,} rows, {np.mean(some == 0):.0%} of them zeros, computed "
        f"in {store.read_metadata(features)['precision']}; time to read all rows as float32. The "
        f"workflow uses {WORKFLOWS}.\n\n"
        + side_by_side.table(
            ["", "bytes per row", "read, µs per row", "written, µs per row"],
            [
                [
                    name,
                    f"{sizes[name]:,.0f}",
                    side_by_side.spread([1e6 * second / len(some) for second in seconds], 1),
                    f"{1e6 * wrote[name] / len(some):.1f}",
                ]
                for name, seconds in read.seconds.items()
            ],
        )
    )


if __name__ == "__main__":
    print(main())
