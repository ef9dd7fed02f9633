"""What must hold on a GPU and is proven nowhere else. Elsewhere these tests are skipped.

Jobs run in processes of their own, because the tests' own process hides every GPU. The variable
ON_CPU=1 runs them on the processor, to check the tests themselves.
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from transfer_gain import gpus

TESTS = Path(__file__).parent
ON_CPU = "ON_CPU" in os.environ
SETUP = f"""
import hashlib, sys, tempfile
from pathlib import Path
import numpy as np
from transfer_gain.training import devices
devices.configure(gpu={not ON_CPU})
if devices.on_gpu() == {ON_CPU}:
    sys.exit("no GPU")

def show(*arrays):
    print(hashlib.sha256(b"".join(np.asarray(array).tobytes() for array in arrays)).hexdigest())
"""

TOGETHER = """
from toys import picture_rows
from transfer_gain.features import keras_networks
architecture, precision = sys.argv[1:]
model = keras_networks.build(architecture, None, "last", 64, precision)
compute, pixels = keras_networks.extractor(model, architecture), picture_rows(48, 64)
for size in (2, 3, 16, 32, 48):
    parts = [compute(pixels[start : start + size]) for start in range(0, len(pixels), size)]
    show(*parts)
"""

SHARDS = """
from stored import batches_of, make_index
from toys import picture_rows
from transfer_gain.data import store
from transfer_gain.features import extraction
folder, rows = Path(tempfile.mkdtemp()), 2 * store.ROWS_IN_GROUP + 77
images = folder / "images"
pairs = batches_of(make_index(rows), picture_rows(rows, 32), 128)
store.write_arrays(images, "pixels", (32, 32, 1), "|u1", pairs, {"classes": list("abcdefg")})
settings = {"architecture": "VGG16", "layer": "block3_pool", "input_size": 32, "threads": 2}
settings["precision"] = "float32"
for count in (1, 2, 3):
    shards = [folder / str(number) for number in range(1, count + 1)]
    for number, shard in enumerate(shards, start=1):
        extraction.extract(images, None, shard, **settings, shard=(number, count))
    store.gather_arrays(shards, folder / "gathered")
    show(store.read_arrays(folder / "gathered"))
"""

TRAINING = """
import toys
from transfer_gain.methods import heads, scratch
settings = {key: value for key, value in toys.SETTINGS.items() if key != "network"}
for time in range(2):
    trained = heads.train(toys.clouds(2), layers=[6], activation="elu", **settings)
    more = scratch.train(toys.make_pictures(2), network=toys.NETWORK, **settings)
    show(*trained.parameters, *more.parameters)
"""

FINE_TUNING = """
from toys import picture_rows
from transfer_gain.data.replicates import Replicates
from transfer_gain.features import keras_networks
from transfer_gain.methods import fine_tuning, heads
model = keras_networks.build("VGG16", None, "last", 32, "float32")
lower, upper = fine_tuning.split(model, "block5_conv1")  # a pooling layer follows
rng, labels = np.random.default_rng(1), np.arange(40, dtype=np.int32) % 2
outputs = keras_networks.extractor(lower, "VGG16")(picture_rows(40, 32))
data = Replicates(outputs.reshape(-1, *lower.output_shape[1:]), labels, np.arange(20)[None],
                  np.arange(20, 40), *(np.arange(20)[None] % 2 == part for part in (0, 1)),
                  np.arange(20).astype(str), 2)
start = [part[None] for part in heads.initial_parameters(rng, 512, [5], 2)]
for time in range(2):
    (trained,) = fine_tuning.train(
        data, upper, start, learning_rate=1e-4, l2=1e-4, activation="elu", layers=[5],
        batch_size=10, epochs=3, min_updates=0, seed_names=(1, "toy", "1"))
    show(trained.runs["train_loss"], trained.runs["validation_loss"])
"""


@functools.cache
def reason_to_skip() -> str:
    """Return why no GPU can be used here; empty if one can."""
    if ON_CPU:
        return ""
    if not gpus.has_driver():
        return gpus.why_none(cuda=True, environment={})
    code = (
        "import os; from transfer_gain import gpus; from transfer_gain.training import devices; "
        "cuda = devices.tf.test.is_built_with_cuda(); "
        "found = devices.tf.config.list_physical_devices('GPU'); "
        "print('' if found else gpus.why_none(cuda, os.environ))"
    )
    return run(code).strip()


def run(code: str, *arguments: str) -> str:
    """Run code in a process with the package and the tests on its path."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent / "workflow"), str(TESTS)])},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("job", "arguments"),
    [
        (TOGETHER, ("VGG16", "float32")),
        (TOGETHER, ("VGG16", "bfloat16")),
        (TOGETHER, ("MobileNetV2", "float32")),
        (SHARDS, ()),
        (TRAINING, ()),
        (FINE_TUNING, ()),
    ],
    ids=["vgg16", "vgg16-bfloat16", "mobilenet", "shards", "training", "fine-tuning"],
)
def test_the_bytes_are_the_same_however_many_pass_together_and_each_time(job, arguments):
    if reason := reason_to_skip():
        pytest.skip(f"needs an NVIDIA GPU: {reason}")
    digests = run(SETUP + job, *arguments).split()
    assert len(digests) > 1
    assert len(set(digests)) == 1
