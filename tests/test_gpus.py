"""Promises about GPUs that can be kept without one: devices are faked by names and variables."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import gpu_checkout
from checkout import snakemake
from transfer_gain import gpus
from transfer_gain.runtime.launcher import ADDRESS

WORKFLOW = Path(__file__).parents[1] / "workflow"
# Without what a scheduler or a user may have set for the tests themselves.
OTHERS = (gpus.VISIBLE, gpus.SUBMITTED, ADDRESS, "SLURM_JOB_ID", *gpus.GRANTED)
CLEAN = {key: value for key, value in os.environ.items() if key not in OTHERS}
TWO = {gpus.VISIBLE: "GPU-one,GPU-two"}


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for locks of its own, in the place of /tmp."""
    monkeypatch.setattr(gpus, "Path", lambda path: tmp_path if path == "/tmp" else Path(path))
    return tmp_path


# --- Which GPU is given ---


@pytest.mark.parametrize(
    ("asked", "environment", "given"),
    [
        (True, {}, True),
        (False, {}, False),
        # Slurm granted it, through `gres`, `slurm_extra` or a partition: with `gpu: 0`.
        (False, {gpus.SUBMITTED: "1", "SLURM_STEP_GPUS": "0"}, True),
        (False, {gpus.SUBMITTED: "1", "SLURM_JOB_GPUS": "2,3"}, True),
        (False, {gpus.SUBMITTED: "1"}, False),
        (False, {gpus.SUBMITTED: "1", gpus.VISIBLE: "0"}, False),
        # A local run within an allocation: heads train on the processor.
        (False, {"SLURM_JOB_GPUS": "0"}, False),
    ],
)
def test_a_gpu_is_used_if_asked_for_or_granted(asked, environment, given):
    assert gpus.is_given(asked, environment) == given


NVIDIA_SMI = """#!/bin/sh
echo 'GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-1)'
echo '  MIG 3g.20gb     Device  0: (UUID: MIG-bbbb-1)'
echo '  MIG 3g.20gb     Device  1: (UUID: MIG-bbbb-2)'
echo 'GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-2)'
"""


@pytest.mark.parametrize(
    ("value", "devices"),
    [
        ("0", ["0"]),
        ("2, 3", ["2", "3"]),
        ("GPU-1f,GPU-2e", ["GPU-1f", "GPU-2e"]),
        ("MIG-8c/1/0,MIG-8c/2/0", ["MIG-8c/1/0", "MIG-8c/2/0"]),
        ("1,-1,0", ["1"]),
        ("-1", []),
        ("", []),
        ("NoDevFiles", []),
        (None, ["MIG-bbbb-1", "MIG-bbbb-2", "GPU-aaaa-2"]),
    ],
)
def test_the_user_or_scheduler_says_which_devices_there_are(value, devices, tmp_path: Path):
    (tmp_path / "nvidia-smi").write_text(NVIDIA_SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    if value is not None:
        environment[gpus.VISIBLE] = value
    assert gpus.visible(environment) == devices


def test_without_nvidia_smi_no_device_is_known(tmp_path: Path):
    assert gpus.visible({"PATH": str(tmp_path)}) == []


# --- Each job its own ---

TAKE = """
import os, sys
from pathlib import Path
from transfer_gain import gpus
folder = Path(sys.argv[1])
gpus.Path = lambda path: folder if path == "/tmp" else Path(path)
print(gpus.take(gpus.visible(os.environ), os.environ), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def job(tmp_path: Path):
    """Start a job that takes a device, says which one, and holds it until it is killed."""
    started: list[subprocess.Popen] = []

    def start(**environment: str) -> tuple[str, subprocess.Popen]:
        process = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(tmp_path)],
            env=CLEAN | {"PYTHONPATH": str(WORKFLOW)} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process.stdout.readline().strip(), process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_jobs_take_two_devices_and_a_killed_one_gives_its_own_back(job):
    """Reported as snakemake/snakemake#281."""
    (first, one), (second, _) = job(**TWO), job(**TWO)
    assert {first, second} == {"GPU-one", "GPU-two"}
    one.kill()
    one.communicate()
    assert job(**TWO)[0] == first


def test_more_jobs_than_devices_share_them_evenly(job):
    taken = [job(**TWO)[0] for _ in range(4)]
    assert sorted(taken) == ["GPU-one", "GPU-one", "GPU-two", "GPU-two"]


def test_the_same_index_in_another_slurm_job_is_another_device(job):
    devices = {gpus.VISIBLE: "0,1"}
    taken = [job(**devices, SLURM_JOB_ID=number)[0] for number in ("7", "7", "8", "8")]
    assert [sorted(taken[:2]), sorted(taken[2:])] == [["0", "1"], ["0", "1"]]


def test_locks_are_the_user_s_own(locks: Path, monkeypatch: pytest.MonkeyPatch):
    assert gpus.take(["MIG-8c/1/0"], {}) == "MIG-8c/1/0"
    (folder,) = locks.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    monkeypatch.setattr(gpus.os, "getuid", lambda: 12345)
    (locks / "transfer-gain-gpus-12345").mkdir()
    with pytest.raises(gpus.GpuError, match="found another user's folder, expected one's own"):
        gpus.take(["0"], {})


# --- Jobs as a whole ---

CONFIGURE = """
import logging, os, sys
from pathlib import Path
from transfer_gain.runtime import job
with job.monitored("log", "cost"):
    from transfer_gain import gpus
    from transfer_gain.training import devices
    if sys.argv[1] == "driver":
        gpus.DRIVERS = (Path("/"),)
    devices.configure(gpu=sys.argv[2] == "gpu")
    Path("visible").write_text(str(os.environ.get(gpus.VISIBLE)))
"""


def configure(folder: Path, driver: bool, gpu: bool, **environment: str) -> tuple[int, str, str]:
    """Configure TensorFlow, which sees no device, in a process.

    Returns:
        Exit status, the package's own lines in the log, and what is visible.
    """
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE, "driver" if driver else "-", "gpu" if gpu else "-"],
        cwd=folder,
        env=CLEAN | {"PYTHONPATH": str(WORKFLOW)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = folder / "visible"
    lines = (folder / "log").read_text().splitlines()
    # TensorFlow's own lines come before.
    log = "\n".join(line for line in lines if re.match(r"error:|\d\d:\d\d:\d\d ", line))
    return done.returncode, log, found.read_text() if found.exists() else ""


@pytest.fixture(scope="module")
def no_gpu() -> None:
    """Skip where TensorFlow would see a GPU."""
    if gpus.has_driver():
        pytest.skip("needs a machine without a GPU")


pytestmark = pytest.mark.usefixtures("no_gpu")
GRANTED_BY_GRES = {gpus.SUBMITTED: "1", "SLURM_STEP_GPUS": "0", gpus.VISIBLE: "0"}


@pytest.mark.slow
def test_gpus_are_hidden_from_a_job_that_was_given_none(tmp_path: Path):
    code, log, visible = configure(tmp_path, driver=True, gpu=False, **TWO)
    assert (code, log, visible) == (0, "", gpus.NONE)


@pytest.mark.slow
def test_what_slurm_has_granted_is_not_hidden(tmp_path: Path):
    code, log, visible = configure(tmp_path, driver=False, gpu=False, **GRANTED_BY_GRES)
    assert (code, visible) == (0, "0")
    (line,) = log.splitlines()
    assert line.endswith("no GPU, so the job computes on the processor: there is no NVIDIA driver")


@pytest.mark.slow
@pytest.mark.parametrize("gpu", [False, True])
def test_a_granted_gpu_that_would_stand_idle_is_an_error(tmp_path: Path, gpu: bool):
    code, log, _ = configure(tmp_path, driver=True, gpu=gpu, **GRANTED_BY_GRES)
    assert code == 1
    (line,) = log.splitlines()
    assert line.startswith("error: the job was granted a GPU, but sees none: TensorFlow ")
    assert "install envs/requirements-gpu.txt (make env GPU=1), or ask for none" in line


@pytest.mark.slow
def test_on_a_machine_of_one_s_own_it_is_one_line(tmp_path: Path):
    code, log, _ = configure(tmp_path, driver=True, gpu=True)
    assert code == 0
    (line,) = log.splitlines()
    assert "no GPU, so the job computes on the processor: TensorFlow " in line
    code, log, visible = configure(tmp_path, driver=True, gpu=True, **{gpus.VISIBLE: "-1"})
    assert (code, visible) == (0, "-1")
    assert "CUDA_VISIBLE_DEVICES is '-1', which hides every GPU" in log


def test_float32_is_not_tf32(tensorflow):
    assert not tensorflow.config.experimental.tensor_float_32_execution_enabled()


@pytest.mark.parametrize(
    ("details", "precision"),
    [
        ({"compute_capability": (7, 5)}, "float32"),
        ({"compute_capability": (8, 0)}, "bfloat16"),
        ({"compute_capability": (10, 0)}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_the_precision_is_the_one_that_the_gpu_is_faster_in(
    tensorflow, monkeypatch: pytest.MonkeyPatch, details, precision
):
    from transfer_gain.training import devices

    monkeypatch.setattr(tensorflow.config, "get_visible_devices", lambda kind: ["a GPU"])
    about = tensorflow.config.experimental
    monkeypatch.setattr(about, "get_device_details", lambda device: details)
    assert devices.fastest_precision() == precision


def test_a_build_for_processors_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpus, "has_driver", lambda: True)
    assert gpus.why_none(cuda=False, environment={}).startswith(
        "TensorFlow is built for processors only; install envs/requirements-gpu.txt"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "given"), [("default", "False"), ("remote", "True")])
def test_a_job_that_was_submitted_uses_what_gres_brought(tmp_path: Path, mode: str, given: str):
    """Reported as harvardinformatics/cactus-snakemake#17."""
    checkout = gpu_checkout.checkout(tmp_path)
    slurm = {ADDRESS: "off", "SLURM_STEP_GPUS": "0", "SLURM_JOB_ID": "7"}
    # The default mode is a local run within an allocation.
    done = snakemake(checkout, "--cores", "1", "--mode", mode, *gpu_checkout.BY_GRES, **slurm)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / gpu_checkout.FEATURES).read_text() == given
