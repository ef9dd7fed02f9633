"""VGG16's features of images of clothes, compared with other ways to compute them.

Each round passes another part of the images through every contestant, from the same uint8 images to
float32 features. Peers use a batch of 32 or 128, whichever is faster here; `predict` has its own.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import side_by_side
import study
from side_by_side import CHECKOUT, Contestant, Timed
from transfer_gain.data import store
from transfer_gain.data.sources import vgg16_tensors

if TYPE_CHECKING:
    import keras

SIDE = 64
# ImageNet's means of blue, green and red, which are subtracted from VGG16's input.
MEANS = np.array([103.939, 116.779, 123.68], np.float32)
# Accepted distance from our float32 features: norm of the difference, relative to their norm.
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.03}
MATRIX = 4096

Run = Callable[[int], np.ndarray]


def layers() -> Iterator[tuple[str, int, bool]]:
    """Yield each convolution's name, the side of its input, and whether it ends its block."""
    names = vgg16_tensors.LAYERS
    for name, following in zip(names, [*names[1:], "end"], strict=True):
        block = int(name[len("block")])
        yield name, SIDE >> (block - 1), not following.startswith(f"block{block}")


def gflop(weights: dict[str, np.ndarray]) -> float:
    """Return the billions of additions and multiplications per image."""
    return sum(2 * weights[f"{name}/kernel"].size * side**2 for name, side, _ in layers()) / 1e9


def preprocessed(images: np.ndarray) -> np.ndarray:
    """Return gray images preprocessed for VGG16, float32 (images, channels, height, width)."""
    return np.repeat(images, 3, axis=3).transpose(0, 3, 1, 2) - MEANS[:, None, None]


def write_onnx(weights: dict[str, np.ndarray], path: Path) -> None:
    """Write the network as ONNX: images (N, 3, 64, 64) to features (N, 2048)."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes, tensors, last = [], [], "images"
    for name, _, ends_block in layers():
        kernel = np.ascontiguousarray(weights[f"{name}/kernel"].transpose(3, 2, 0, 1))
        tensors += [numpy_helper.from_array(kernel, f"{name}/kernel")]
        tensors += [numpy_helper.from_array(weights[f"{name}/bias"], f"{name}/bias")]
        inputs = [last, f"{name}/kernel", f"{name}/bias"]
        nodes += [helper.make_node("Conv", inputs, [f"{name}/sum"], pads=[1, 1, 1, 1])]
        nodes += [helper.make_node("Relu", [f"{name}/sum"], [name])]
        last = name
        if ends_block:
            last = f"{name}/pool"
            pooling = {"kernel_shape": [2, 2], "strides": [2, 2]}
            nodes += [helper.make_node("MaxPool", [name], [last], **pooling)]
    nodes += [helper.make_node("Transpose", [last], ["channels last"], perm=[0, 2, 3, 1])]
    nodes += [helper.make_node("Flatten", ["channels last"], ["features"])]
    kinds = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
        for name, shape in (("images", (3, SIDE, SIDE)), ("features", (2048,)))
    ]
    graph = helper.make_graph(nodes, "vgg16", kinds[:1], kinds[1:], tensors)
    versions = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8}
    save(helper.make_model(graph, **versions), path)


def ours(images: np.ndarray, weights: Path, precision: str, threads: int) -> Run:
    """Prepare our extractor as `extract` uses it: batches of 32, one thread per core."""
    from transfer_gain.features import extraction, keras_networks
    from transfer_gain.training import devices

    devices.configure(gpu=False, calls=threads)
    model = keras_networks.build("VGG16", weights, "block5_pool", SIDE, precision)
    compute = keras_networks.extractor(model, "VGG16")

    def run(number: int) -> np.ndarray:
        part = images[number]
        batches = [
            part[start : start + extraction.BATCH]
            for start in range(0, len(part), extraction.BATCH)
        ]
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(compute, batches)))

    return run


def keras_vgg16(weights: Path, side: int) -> "keras.Model":
    """Return VGG16 without its top, with our weights, as Keras builds it."""
    import keras

    shape = (side, side, 3)
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=shape)
    tensors = vgg16_tensors.load(weights)
    for name in vgg16_tensors.LAYERS:
        model.get_layer(name).set_weights(
            [tensors[f"{name}/{part}"] for part in ("kernel", "bias")]
        )
    return model


def predict(images: np.ndarray, weights: Path, threads: int) -> Run:
    """Prepare Keras as a user would write it: preprocess_input and model.predict."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    vgg16, model = keras.applications.vgg16, keras_vgg16(weights, SIDE)

    def run(number: int) -> np.ndarray:
        inputs = vgg16.preprocess_input(np.repeat(images[number], 3, axis=3).astype(np.float32))
        return model.predict(inputs, verbose=0).reshape(len(inputs), -1)

    return run


def onnxruntime(images: np.ndarray, network: Path, threads: int) -> Run:
    """Prepare ONNX Runtime, float32."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return with_better_batch(images, lambda part: session.run(None, {"images": part})[0])


def openvino(images: np.ndarray, network: Path, precision: str, threads: int) -> Run:
    """Prepare OpenVINO for throughput, with the number of parallel requests that it chooses."""
    import openvino

    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
    }
    compiled = openvino.compile_model(network, "CPU", settings)

    count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    requests = [compiled.create_infer_request() for _ in range(count)]

    def compute(images: np.ndarray, batch: int) -> np.ndarray:
        # The features of a request are collected when the request is used again.
        parts, started = [], []
        for number, start in enumerate(range(0, len(images), batch)):
            if len(started) == len(requests):
                parts.append(features_of(started.pop(0)))
            request = requests[number % len(requests)]
            request.start_async([preprocessed(images[start : start + batch])])
            started.append(request)
        return np.concatenate([*parts, *map(features_of, started)])

    return better_batch(images, compute)


def features_of(request: object) -> np.ndarray:
    """Wait for one of OpenVINO's requests and return its features."""
    request.wait()
    return request.get_output_tensor().data.copy()


def torch(images: np.ndarray, weights: Path, precision: str, compiled: bool, threads: int) -> Run:
    """Prepare PyTorch with torchvision's VGG16 built by hand, channels last."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    tensors = vgg16_tensors.load(weights)
    modules = []
    for name, _, ends_block in layers():
        kernel = torch.from_numpy(tensors[f"{name}/kernel"]).permute(3, 2, 0, 1)
        modules += [
            nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1),
            nn.ReLU(inplace=True),
        ]
        modules[-2].load_state_dict(
            {"weight": kernel, "bias": torch.from_numpy(tensors[f"{name}/bias"])}
        )
        if ends_block:
            modules.append(nn.MaxPool2d(2, 2))
    kind = getattr(torch, precision)
    model = nn.Sequential(*modules).eval().to(kind).to(memory_format=torch.channels_last)
    if compiled:
        model = torch.compile(model, dynamic=False)

    def compute(part: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            batch = torch.from_numpy(part).to(kind).to(memory_format=torch.channels_last)
            return model(batch).permute(0, 2, 3, 1).flatten(1).float().numpy()

    return with_better_batch(images, compute)


def with_better_batch(images: np.ndarray, compute: Callable[[np.ndarray], np.ndarray]) -> Run:
    """Return a function that passes preprocessed images on, with the faster batch size."""

    def in_batches(images: np.ndarray, batch: int) -> np.ndarray:
        parts = (images[start : start + batch] for start in range(0, len(images), batch))
        return np.concatenate([compute(preprocessed(part)) for part in parts])

    return better_batch(images, in_batches)


def better_batch(
    images: np.ndarray,
    compute: Callable[[np.ndarray, int], np.ndarray],
    batches: Sequence[int] = (32, 128),
) -> Run:
    """Return a function with the fastest of some batch sizes, after a warm-up."""
    seconds = {}
    for batch in batches:
        compute(images[0][: max(batches)], batch)
        begun = time.perf_counter()
        compute(images[0][: max(batches)], batch)
        seconds[batch] = time.perf_counter() - begun
    batch = min(seconds, key=seconds.get)
    return lambda number: compute(images[number], batch)


def product_by_torch(precision: str, threads: int) -> Callable[[int], Timed]:
    """Prepare PyTorch's product of two large matrices, to measure the peak at a precision."""
    import torch

    torch.set_num_threads(threads)
    one = torch.rand(MATRIX, MATRIX).to(getattr(torch, precision))
    return lambda number: timed(lambda: one @ one)


def product_by_tensorflow(precision: str, threads: int) -> Callable[[int], Timed]:
    """Prepare TensorFlow's product of two large matrices, to measure the peak at a precision."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    one = tf.cast(tf.random.uniform((MATRIX, MATRIX)), precision)
    multiply = tf.function(lambda: tf.reduce_max(one @ one))
    return lambda number: timed(lambda: multiply().numpy())


def timed(product: Callable[[], object]) -> Timed:
    """Return the shorter time of two products."""
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - begun)
    return Timed(None, min(seconds))


def check(made: dict[str, np.ndarray | None]) -> None:
    """Raise an error if features differ from ours in float32 by more than their tolerance."""
    expected = made["transfer-gain, float32"]
    for name, features in made.items():
        if features is None:
            continue
        error = np.linalg.norm(features - expected) / np.linalg.norm(expected)
        print(f"{name}: relative difference {error:.2g}", flush=True)
        if not error < TOLERANCE[name.rsplit(", ")[-1]]:
            raise ValueError(f"{name}: features differ by {error:.2g} of their norm from ours")


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    config, about = study.save(study.clothes(600, fractions=[1]), "features")
    file = about.paths.images.format(dataset="clothes")
    weights = CHECKOUT / about.paths.vgg16_weights
    study.snakemake(config, options.threads, file, about.paths.vgg16_weights)
    network = CHECKOUT / side_by_side.WORK / "vgg16.onnx"
    tensors = vgg16_tensors.load(weights)
    write_onnx(tensors, network)
    rows = np.random.default_rng(0).permutation(len(store.read_index(CHECKOUT / file)))
    images = store.read_arrays(CHECKOUT / file, rows[: options.images])
    images = images.reshape(options.rounds, -1, *images.shape[1:])
    threads = options.threads
    precisions = ("float32", "bfloat16")
    contestants = [
        *(
            Contestant(f"transfer-gain, {kind}", ours, (images, weights, kind, threads))
            for kind in precisions
        ),
        Contestant("Keras, model.predict, float32", predict, (images, weights, threads)),
        Contestant("ONNX Runtime, float32", onnxruntime, (images, network, threads)),
        *(
            Contestant(
                f"PyTorch, {name}, {kind}", torch, (images, weights, kind, compiled, threads)
            )
            for name, compiled in (("eager", False), ("inductor", True))
            for kind in precisions
        ),
        *(
            Contestant(f"OpenVINO, {kind}", openvino, (images, network, kind, threads))
            for kind in precisions
        ),
        *(
            Contestant(f"matrix product by {name}, {kind}", product, (kind, threads))
            for name, product in (
                ("PyTorch", product_by_torch),
                ("TensorFlow", product_by_tensorflow),
            )
            for kind in precisions
        ),
    ]
    race = side_by_side.race(contestants, options.rounds, threads, check=check)
    return describe(race, options, gflop(tensors))


def describe(race: side_by_side.Race, options: argparse.Namespace, each: float) -> str:
    """Return the section: images and GFLOP per second, share of the peak, ratios."""
    peaks = {}
    for name, seconds in race.seconds.items():
        if name.startswith("matrix product"):
            speed = 2 * MATRIX**3 / 1e9 / min(seconds)
            kind = name.rsplit(", ")[-1]
            peaks[kind] = max(peaks.get(kind, 0), speed)
    rows = []
    for name, seconds in race.seconds.items():
        if name.startswith("matrix product"):
            continue
        kind = name.rsplit(", ")[-1]
        rates = [options.images / options.rounds / second for second in seconds]
        speed = statistics.median(rates) * each
        share = f"{speed / peaks[kind]:.0%}" if kind in peaks else ""
        against = [f"transfer-gain, {kind}" for kind in ("float32", "bfloat16")]
        rows.append(
            [name, side_by_side.spread(rates, 0), f"{speed:.0f}", share]
            + [
                side_by_side.ratio(seconds, race.seconds[one]) if one in race.seconds else ""
                for one in against
            ]
        )
    header = ["", "images/s", "GFLOP/s", "of the peak", "time / ours, float32"]
    header += ["time / ours, bfloat16"]
    products = " and ".join(f"{speed:.0f} in {kind}" for kind, speed in peaks.items())
    return (
        f"{options.images:,} images of clothes, {SIDE} × {SIDE} pixels, {each:.3f} GFLOP each, in "
        f"{options.rounds} rounds of {options.images // options.rounds}; {options.threads} "
        f"threads. Peak: the fastest product of two matrices of {MATRIX} × {MATRIX}, by PyTorch or "
        f"TensorFlow: {products} GFLOP/s.\n\n"
        + side_by_side.table(header, rows)
        + side_by_side.not_run(race.failed)
    )


if __name__ == "__main__":
    print(main())
