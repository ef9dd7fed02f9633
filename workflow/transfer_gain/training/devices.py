"""TensorFlow, configured so that results do not depend on the number of cores or on other jobs."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from transfer_gain import gpus, terminal

# Without a driver, TensorFlow's CUDA errors are irrelevant.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if gpus.has_driver() else "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

# TensorFlow imports Keras, which most jobs do not need, and Keras imports the others if they are
# installed. This is 5 of the 9 seconds of CPU time that `import tensorflow` costs every job.
_UNUSED = [name for name in ("keras", "matplotlib", "sklearn") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # None stops an import
import tensorflow as tf  # noqa: E402

for name in _UNUSED:
    del sys.modules[name]

log = logging.getLogger(__name__)


def configure(gpu: bool, calls: int = 1) -> None:
    """Prepare TensorFlow for one job. Call this before anything else touches a device.

    Each operation uses one thread. The last bits of a sum depend on the number of threads, and
    parallel jobs (or batches) use the cores better.

    Args:
        gpu: whether the job's resources ask for a GPU. One that a scheduler has granted to the job
            is used in any case (see `gpus.is_given`); otherwise GPUs are hidden. Of several, the
            job takes one.
        calls: number of compiled calls that the job runs in parallel, each from its own thread.

    Raises:
        GpuError: a scheduler has granted a GPU, which TensorFlow cannot use.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(calls)
    tf.config.experimental.enable_op_determinism()
    # Otherwise Ampere and later GPUs round the factors of a float32 product to 10 bits (TF32).
    tf.config.experimental.enable_tensor_float_32_execution(False)
    given = gpus.is_given(gpu, os.environ)
    before = dict(os.environ)
    if not given:
        os.environ[gpus.VISIBLE] = gpus.NONE
    elif len(devices := gpus.visible(os.environ)) > 1:
        os.environ[gpus.VISIBLE] = gpus.take(devices, os.environ)
        log.info("GPU: %s, of %s", os.environ[gpus.VISIBLE], ", ".join(devices))
    found = tf.config.list_physical_devices("GPU")
    for device in found:
        tf.config.experimental.set_memory_growth(device, True)
    if given and not found:
        _report_no_gpu(before)


def _report_no_gpu(environment: Mapping[str, str]) -> None:
    """Say why a job that was given a GPU computes on the processor.

    This is an error if a scheduler has granted the GPU and the machine has a driver: the GPU would
    stand idle, paid for, while the job exceeds its time limit, again and again. Otherwise it is a
    message. Rules ask for a GPU on every machine, and most machines have none.
    """
    why = gpus.why_none(tf.test.is_built_with_cuda(), environment)
    granted = gpus.granted(environment)
    if granted and gpus.has_driver():
        raise gpus.GpuError(
            f"the job was granted a GPU, but sees none: {why}, or ask for none (docs/clusters.md)"
        )
    message = f"no GPU, so the job computes on the processor: {why}"
    log.log(logging.WARNING if granted or gpus.has_driver() else logging.INFO, message)
    if gpus.has_driver():
        terminal.say(message)


def on_gpu() -> bool:
    """Return whether this job computes on an accelerator."""
    return bool(tf.config.get_visible_devices("GPU"))


def fastest_precision() -> str:
    """Return "bfloat16" if the job's device computes faster in it, otherwise "float32".

    NVIDIA GPUs do from compute capability 8.0 on. For processors, see `bfloat16_is_faster`.
    """
    if on_gpu():
        details = tf.config.experimental.get_device_details(tf.config.get_visible_devices("GPU")[0])
        return "bfloat16" if details.get("compute_capability", (0, 0)) >= (8, 0) else "float32"
    cpuinfo = Path("/proc/cpuinfo")
    faster = cpuinfo.exists() and bfloat16_is_faster(cpuinfo.read_text())
    return "bfloat16" if faster else "float32"


def bfloat16_is_faster(cpuinfo: str) -> bool:
    """Return whether a processor computes faster in bfloat16, according to Linux' /proc/cpuinfo.

    It is faster with AMX, and twice as fast with AMD's AVX512-BF16. With Intel's AVX512-BF16, which
    some virtual machines offer without AMX, images take 1.6 times as long (benchmarks/README.md).
    """
    return "amx_bf16" in cpuinfo or ("AuthenticAMD" in cpuinfo and "avx512_bf16" in cpuinfo)
