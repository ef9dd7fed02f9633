"""TensorFlow, set up so that results depend neither on the number of cores nor on other jobs."""

import os
import sys
from pathlib import Path

# Without a driver (Linux, WSL) what TensorFlow says of CUDA is an error to no one.
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg")
_LEVEL = "2" if any(Path(driver).exists() for driver in _DRIVERS) else "3"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _LEVEL)
os.environ["KERAS_BACKEND"] = "tensorflow"

# TensorFlow imports Keras, which most jobs have no use for, and Keras imports the others where they
# are installed: 5 of the 9 seconds of CPU that `import tensorflow` costs every job.
_UNUSED = [name for name in ("keras", "matplotlib", "sklearn") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # None stops an import
import tensorflow as tf  # noqa: E402

for name in _UNUSED:
    del sys.modules[name]


def configure(gpu: bool, calls: int = 1) -> None:
    """Prepare TensorFlow for one job; call it before anything else that touches a device.

    One thread an operation: a sum split over threads depends on their number in its last bits, and
    jobs (or batches) side by side use the cores better.

    Args:
        gpu: whether the job was given an accelerator; the ones it was not given it does not see.
        calls: compiled calls that the job makes side by side, from as many threads of its own.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(calls)
    tf.config.experimental.enable_op_determinism()
    if not gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def on_gpu() -> bool:
    """Tell whether this job computes on an accelerator."""
    return bool(tf.config.get_visible_devices("GPU"))


def fastest_precision() -> str:
    """Return "bfloat16" where the job's device is faster in it than in float32, else "float32".

    An NVIDIA GPU is from compute capability 8.0 on; of processors tells `bfloat16_is_faster`.
    """
    if on_gpu():
        details = tf.config.experimental.get_device_details(tf.config.get_visible_devices("GPU")[0])
        return "bfloat16" if details.get("compute_capability", (0, 0)) >= (8, 0) else "float32"
    cpuinfo = Path("/proc/cpuinfo")
    faster = cpuinfo.exists() and bfloat16_is_faster(cpuinfo.read_text())
    return "bfloat16" if faster else "float32"


def bfloat16_is_faster(cpuinfo: str) -> bool:
    """Tell from Linux' /proc/cpuinfo whether a processor computes faster in bfloat16.

    With AMX it does, and with AMD's AVX512-BF16, twice as fast; with Intel's, where a virtual
    machine has it without AMX, images take 1.6 times as long (benchmarks/README.md).
    """
    return "amx_bf16" in cpuinfo or ("AuthenticAMD" in cpuinfo and "avx512_bf16" in cpuinfo)
