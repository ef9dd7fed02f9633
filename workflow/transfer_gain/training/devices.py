"""TensorFlow, configured so that results do not depend on the number of cores or on other jobs."""

import os
import sys
from pathlib import Path

# Without a driver (Linux, WSL), TensorFlow's CUDA errors are irrelevant.
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg")
_LEVEL = "2" if any(Path(driver).exists() for driver in _DRIVERS) else "3"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _LEVEL)
os.environ["KERAS_BACKEND"] = "tensorflow"

# TensorFlow imports Keras, which most jobs do not need, and Keras imports the others if they are
# installed. This is 5 of the 9 seconds of CPU time that `import tensorflow` costs every job.
_UNUSED = [name for name in ("keras", "matplotlib", "sklearn") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # None stops an import
import tensorflow as tf  # noqa: E402

for name in _UNUSED:
    del sys.modules[name]


def configure(gpu: bool, calls: int = 1) -> None:
    """Prepare TensorFlow for one job. Call this before anything else touches a device.

    Each operation uses one thread. The last bits of a sum depend on the number of threads, and
    parallel jobs (or batches) use the cores better.

    Args:
        gpu: whether the job was given an accelerator; otherwise accelerators are hidden from it.
        calls: number of compiled calls that the job runs in parallel, each from its own thread.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(calls)
    tf.config.experimental.enable_op_determinism()
    if not gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


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
