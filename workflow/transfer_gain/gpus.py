"""GPUs of a job: whether it has been given one, which of several it takes, and why it sees none.

Nothing here touches a device or imports TensorFlow.
"""

import fcntl
import itertools
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# Present where NVIDIA's driver is: on Linux, and in WSL.
DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
VISIBLE = "CUDA_VISIBLE_DEVICES"
NONE = "-1"  # a value of VISIBLE that hides every device
# Set in jobs that Snakemake has submitted to a scheduler, unlike local jobs within an allocation.
SUBMITTED = "TRANSFER_GAIN_SUBMITTED"
# Slurm sets these variables in steps and jobs that have GPUs, whether `gpu`, `gres`, `slurm_extra`
# or the partition has asked for them.
GRANTED = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")

_held: list[int] = []  # descriptors of locks; a lock ends with its process


class GpuError(ValueError):
    """The GPU that a job was granted cannot be used, or the locks of GPUs cannot be."""


def has_driver() -> bool:
    """Return whether NVIDIA's driver is loaded."""
    return any(driver.exists() for driver in DRIVERS)


def granted(environment: Mapping[str, str]) -> bool:
    """Return whether a scheduler has given GPUs to this job, or to the allocation around it."""
    return any(environment.get(name) for name in GRANTED)


def is_given(asked: bool, environment: Mapping[str, str]) -> bool:
    """Return whether a job uses a GPU.

    Args:
        asked: whether its resources ask for one with `gpu`.
        environment: its environment. A GPU that a scheduler has granted to this very job is used,
            however it was asked for.
    """
    return asked or (SUBMITTED in environment and granted(environment))


def visible(environment: Mapping[str, str]) -> list[str]:
    """Return the devices to choose from, as `CUDA_VISIBLE_DEVICES` names them.

    Those are the devices in that variable (indices, UUIDs or MIG identifiers), which the user or a
    scheduler has set. Without it, they are the UUIDs of all devices that nvidia-smi lists; of a
    GPU that is split (MIG), those of its instances. The list is empty if that cannot be told.
    """
    if VISIBLE in environment:
        named = (name.strip() for name in environment[VISIBLE].split(","))
        # CUDA ignores what follows an invalid name, such as -1.
        return list(itertools.takewhile(re.compile(r"\d+|(GPU|MIG)-.+").fullmatch, named))
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            text=True,
            timeout=60,
            env={**environment},
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    devices: list[str] = []
    for name in re.findall(r"UUID: ((?:GPU|MIG)-[^)\s]+)", listed.stdout):
        if name.startswith("MIG-") and devices and devices[-1].startswith("GPU-"):
            devices.pop()  # the instances follow the GPU that they are parts of
        devices.append(name)
    return devices


def take(devices: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the device with the fewest jobs of this user, and hold it until this process ends.

    Any number of jobs may share a device. How many run at a time is the business of Snakemake's
    resource `gpu`.

    Args:
        devices: names from `visible`, at least one.
        environment: the job's environment. The same index means another device in another of
            Slurm's jobs, so that their locks differ.

    Raises:
        GpuError: the folder of the locks belongs to another user.
    """
    folder = Path("/tmp") / f"transfer-gain-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise GpuError(f"{folder}: found another user's folder, expected one's own; remove it")
    job = environment.get("SLURM_JOB_ID", "")
    for place in itertools.count():
        for device in devices:
            lock = folder / f"{job}-{device.replace('/', '_')}-{place}"
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            _held.append(descriptor)
            return device
    raise AssertionError("the places have no end")


def why_none(cuda: bool, environment: Mapping[str, str]) -> str:
    """Return why TensorFlow sees no GPU, and what to do about it.

    Args:
        cuda: whether TensorFlow was built with CUDA.
        environment: the job's environment, as the user or scheduler has set it.
    """
    if VISIBLE in environment and not visible(environment):
        return f"{VISIBLE} is '{environment[VISIBLE]}', which hides every GPU"
    if not has_driver():
        return "there is no NVIDIA driver"
    install = "install envs/requirements-gpu.txt (make env GPU=1)"
    if not cuda:
        return f"TensorFlow is built for processors only; {install}"
    return f"TensorFlow does not find the CUDA libraries, or they do not fit the driver; {install}"
