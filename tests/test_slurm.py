"""A study on a real Slurm cluster, through profiles/slurm: `make test-slurm`.

The cluster has two nodes, both this machine, and a GPU that is none (see `slurm_cluster`).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import gpu_checkout
import slurm_cluster
from checkout import ROOT, copy_checkout, snakemake

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        bool(slurm_cluster.reason_not_to_start()), reason=str(slurm_cluster.reason_not_to_start())
    ),
]

# Every kind of job, also one for a GPU and one that passes features on to another.
STUDY = {
    "results": "results/tiny",
    "datasets": {
        "avatars": {"source": "avatars", "training_per_class": 12, "validation_per_class": 10}
    },
    "backbones": {"vgg16": {"architecture": "VGG16"}},
    "fractions": [{"fraction": 1, "replicates": 2}, {"fraction": 0.5, "replicates": 2}],
    "heads": {
        "layers": [[20]],
        "activations": ["elu"],
        "learning_rates": [0.01, 0.001],
        "min_updates": 40,
    },
    "long_runs": {"fractions": [0.5], "epochs": 5},
    "transfer_augmented": {"max_fraction": 0.5, "copies": 1},
    "linear_probe": {"max_fraction": 1},
}
# What fits the nodes, and a status asked for so often as would be impolite on a cluster of others.
NODES = ["--cores", "2", "--resources", "mem_mb=8000", "turns=1"]
OFTEN = ["--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "2"]


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run the cluster for all tests here."""
    with slurm_cluster.cluster(tmp_path_factory.mktemp("cluster")):
        yield


def new_checkout(folder: Path, study: dict = STUDY) -> Path:
    """Copy the checkout, with a study."""
    (copy_checkout(folder) / "study.yaml").write_text(yaml.safe_dump(study))
    return folder


def with_weights(folder: Path, weights: Path, study: dict = STUDY) -> Path:
    """Copy the checkout, with a study and the weights, so that they are not fetched."""
    (new_checkout(folder, study) / "resources" / "weights").mkdir(parents=True)
    shutil.copy(weights, folder / "resources" / "weights")
    return folder


def start(checkout: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start Snakemake on the cluster, with no more of an environment than it takes."""
    command = [sys.executable, "-m", "snakemake", "--configfile", "study.yaml"]
    return subprocess.Popen(
        [*command, "--workflow-profile", "slurm", *NODES, *OFTEN, *arguments],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(checkout: Path, *arguments: str) -> str:
    """Run Snakemake on the cluster, and return what it said."""
    process = start(checkout, *arguments)
    said, _ = process.communicate(timeout=3600)
    assert process.returncode == 0, said
    return said


def start_heads_again(checkout: Path) -> subprocess.Popen[str]:
    """Delete heads and tables of a study that has run, and start Snakemake to make them."""
    for name in ("heads", "tables"):
        shutil.rmtree(checkout / "results" / "tiny" / name)
    return start(checkout, "tables")


def wait_for_job(comment: str, state: str = "RUNNING", seconds: float = 300) -> str:
    """Wait for a job of the cluster whose comment begins so, and return its number."""
    for _ in range(int(seconds)):
        queue = subprocess.check_output(["squeue", "-ht", state, "-o", "%i %k"], text=True)
        if found := re.search(rf"^(\d+) {comment}", queue, re.MULTILINE):
            return found[1]
        time.sleep(1)
    raise AssertionError(f"no job {comment} was {state}")


def tables(checkout: Path) -> dict[str, bytes]:
    """Return the bytes of every table but of what it cost."""
    files = (checkout / "results" / "tiny" / "tables").iterdir()
    return {file.name: file.read_bytes() for file in files if file.stem != "cost"}


def tables_of_a_local_run(checkout: Path) -> dict[str, bytes]:
    """Run the study on this machine alone, in this process's environment; return its tables."""
    done = snakemake(checkout, "--cores", "2", "tables", "--configfile", "study.yaml", timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    return tables(checkout)


@pytest.fixture(scope="module")
def expected(tmp_path_factory, vgg16_weights_file: Path) -> dict[str, bytes]:
    """The tables of the study in a local run."""
    return tables_of_a_local_run(with_weights(tmp_path_factory.mktemp("local"), vgg16_weights_file))


@pytest.fixture(scope="module")
def submitted(tmp_path_factory, vgg16_weights_file: Path) -> tuple[Path, str]:
    """A checkout in which the study has run on the cluster, and what Snakemake said."""
    checkout = with_weights(tmp_path_factory.mktemp("submitted"), vgg16_weights_file)
    return checkout, run(checkout)


def test_the_tables_are_those_of_a_local_run(submitted, expected):
    checkout, _ = submitted
    assert {"accuracy.csv", "gains.parquet", "runs.parquet"} <= set(expected)
    assert tables(checkout) == expected


def test_short_jobs_share_one_of_slurm_s(submitted):
    _, said = submitted
    names = re.findall(r"slurm_logs/(\w+?)_", said)
    assert {"rule", "group"} == set(names)
    jobs = int(re.search(r"^total +(\d+)", said, re.MULTILINE)[1])
    assert len(names) < jobs / 3


def test_a_group_asks_for_one_core_since_its_jobs_run_one_after_another(submitted):
    finished = subprocess.check_output(["scontrol", "show", "job", "-o"], text=True).splitlines()
    heads = [job for job in finished if " Comment=rule_heads" in job]
    assert heads
    assert {re.search(r" NumCPUs=(\d+)", job)[1] for job in heads} == {"1"}


def test_only_what_extracts_features_asks_for_the_gpu(submitted):
    finished = subprocess.check_output(["scontrol", "show", "job", "-o"], text=True).splitlines()
    asked = {re.search(r" Comment=(\w+)", job)[1] for job in finished if "gres:gpu" in job}
    assert {re.match("rule_extract_(features|copies)", comment)[1] for comment in asked} == {
        "features",
        "copies",
    }


def test_a_gpu_that_only_gres_asked_for_is_used(tmp_path: Path):
    """Reported as snakemake/snakemake-executor-plugin-slurm#454."""
    checkout = gpu_checkout.checkout(tmp_path)
    (checkout / "study.yaml").write_text((checkout / "config.yaml").read_text())
    run(checkout, *gpu_checkout.BY_GRES)
    assert (checkout / gpu_checkout.FEATURES).read_text() == "True"


def test_a_killed_run_and_a_cancelled_job_leave_the_same_tables(submitted, expected):
    checkout, _ = submitted
    killed = start_heads_again(checkout)
    wait_for_job("rule_heads")
    killed.send_signal(signal.SIGKILL)
    said, _ = killed.communicate(timeout=60)
    # As docs/clusters.md says.
    name = re.search(r"SLURM run ID: (\S+)", said)[1]
    subprocess.run(["scancel", f"--name={name}"], check=True)
    while subprocess.check_output(["squeue", "-h", f"--name={name}"]):
        time.sleep(1)
    run(checkout, "--unlock")
    again = start(checkout, "tables")
    cancelled = wait_for_job("rule_heads")
    subprocess.run(["scancel", cancelled], check=True)
    said, _ = again.communicate(timeout=1200)
    assert again.returncode == 0, said
    assert re.search(rf"JOB {cancelled} ON n\d CANCELLED", said)
    assert tables(checkout) == expected


def test_a_node_set_down_costs_no_more_than_time(submitted, expected):
    checkout, _ = submitted
    process = start_heads_again(checkout)
    job = wait_for_job("rule_heads")
    node = subprocess.check_output(["squeue", "-hj", job, "-o", "%N"], text=True).strip()
    update = ["scontrol", "update", f"nodename={node}"]
    subprocess.run([*update, "state=down", "reason=test"], check=True)
    try:
        said, _ = process.communicate(timeout=1200)
    finally:
        subprocess.run([*update, "state=resume"])  # unless it has come back by itself
    assert process.returncode == 0, said
    about = subprocess.check_output(["scontrol", "show", "job", job], text=True)
    assert "Restarts=1" in about
    assert tables(checkout) == expected


def test_the_smoke_study_has_the_tables_of_a_local_run(tmp_path: Path, vgg16_weights_file: Path):
    study = yaml.safe_load((ROOT / "workflow/studies/smoke.yaml").read_text())
    study["results"] = STUDY["results"]
    local, submitted = (
        with_weights(tmp_path / name, vgg16_weights_file, study) for name in ("local", "submitted")
    )
    of_a_local_run = tables_of_a_local_run(local)
    run(submitted)
    assert len(of_a_local_run) == 42  # twenty-one tables, as CSV and Parquet
    assert tables(submitted) == of_a_local_run
    assert (submitted / "results/tiny/report.html").exists()


def test_a_job_over_its_time_limit_is_tried_again_with_more_time(tmp_path: Path):
    checkout = new_checkout(tmp_path)
    (checkout / "workflow" / "scripts" / "make_images.py").write_text(
        "import time\n"
        "from pathlib import Path\n"
        "tried = Path('tried')\n"
        "if not tried.exists():\n"
        "    tried.touch()\n"
        "    time.sleep(600)\n"
        "Path(snakemake.output[0]).touch()\n"
    )
    limit = ["--set-resources", "make_images:runtime=attempt"]
    said = run(checkout, *limit, "--", "results/tiny/images/avatars.parquet")
    assert "SLURM status is: 'TIMEOUT'" in said
    assert re.findall(r"runtime=(\d+)", said) == ["1", "2"]
