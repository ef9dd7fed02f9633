"""Studies through profiles/kubernetes, on a stand-in for a cluster: what pods ask for, and run.

What a real cluster says to it is not tested here.
"""

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import object_store
import pods
from checkout import ROOT
from stubbed_workflow import STUB, STUDY

DOCKERFILE = (ROOT / "envs" / "Dockerfile").read_text()
PROFILE = ("--workflow-profile", "profiles/kubernetes")
RESULTS = STUDY["results"]
IMAGES = f"{RESULTS}/images/clothes.parquet"
TARGETS = (
    f"{RESULTS}/features/clothes/vgg16-auto.parquet",
    *(f"{RESULTS}/samples/clothes/fraction={fraction}.parquet" for fraction in ("1", "0.1")),
)
# The schema checks the API's types and names; strict, it allows no others.
VALIDATE = """
import json, sys
from kubernetes_validate import validate
from kubernetes_validate.utils import all_versions
for job in json.load(sys.stdin):
    for version in all_versions():
        validate({"apiVersion": "batch/v1", "kind": "Job", **job}, version, strict=True)
"""

needs_store = pytest.mark.skipif(
    bool(object_store.reason_not_to_start()), reason=str(object_store.reason_not_to_start())
)


class Run(NamedTuple):
    """How Snakemake ended, what it said, and what the cluster was sent."""

    code: int
    said: str
    jobs: list[dict[str, Any]]
    left: str  # what pods printed

    def pod(self, rule: str) -> dict[str, Any]:
        """Return the pod of the first job of a rule."""
        found = (
            job
            for job in self.jobs
            if re.search(rf"--allowed-rules [^-]*\b{rule}\b", container(job)["args"][1])
        )
        return next(found)["spec"]["template"]["spec"]


def container(job: dict[str, Any]) -> dict[str, Any]:
    (found,) = job["spec"]["template"]["spec"]["containers"]
    return found


def image_variables(wheels: Path) -> dict[str, str]:
    """Return the variables that the image sets, with a folder in place of its /wheels."""
    lines = re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.split()) | {
        "PIP_FIND_LINKS": str(wheels)
    }


def wheel_of_the_plugin(folder: Path) -> None:
    """Pack the storage plugin as it is installed."""
    packages = next((object_store.PYTHON.parents[1] / "lib").glob("*/site-packages"))
    (information,) = packages.glob("snakemake_storage_plugin_s3-*.dist-info")
    with zipfile.ZipFile(folder / f"{information.stem}-py3-none-any.whl", "w") as wheel:
        for each in (information, packages / "snakemake_storage_plugin_s3"):
            for file in filter(Path.is_file, each.rglob("*")):
                wheel.write(file, file.relative_to(packages))


def run(folder: Path, *arguments: str, broken: str | None = None) -> Run:
    """Run the stubbed study on a cluster of its own, with a store of its own.

    Args:
        folder: an empty one.
        arguments: of Snakemake.
        broken: a rule whose script fails.
    """
    checkout = object_store.clone(folder / "checkout", STUDY)
    for each in checkout.glob("workflow/scripts/*.py"):
        each.write_text(STUB if each.stem != broken else "raise SystemExit(1)")
    for name in ("wheels", "store", "pods"):
        (folder / name).mkdir()
    wheel_of_the_plugin(folder / "wheels")
    image = {
        "PATH": f"{object_store.PYTHON.parent}:/usr/bin:/bin",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "http://127.0.0.1:9",  # no index can be reached
        **image_variables(folder / "wheels"),
    }
    with (
        object_store.store(folder / "store") as store,
        pods.cluster(folder / "pods", image) as cluster,
    ):
        keys = {
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "mine",
            "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "secret",
            "KUBECONFIG": str(folder / "pods" / "kubeconfig"),
        }
        done = subprocess.run(
            [
                *[str(object_store.PYTHON), "-m", "snakemake", *arguments, *PROFILE],
                *["--configfile", "study.yaml", "--jobs", "2"],
                *["--default-storage-prefix", object_store.PREFIX],
                *["--storage-s3-endpoint-url", store.address],
                *["--seconds-between-status-checks", "1"],
            ],
            cwd=checkout,
            env=store.environment() | keys,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        left = "".join(file.read_text() for file in (folder / "pods").glob("*.log"))
        return Run(done.returncode, done.stdout, cluster.jobs, left)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A study whose features come in two parts, so that one job gathers them without a GPU."""
    done = run(tmp_path_factory.mktemp("run"), *TARGETS, "--set-scatter", "features=2")
    assert done.code == 0, done.said + done.left
    return done


def asked(cores: int, memory: int, disk: int, **more: str) -> dict[str, dict[str, str]]:
    """Return requests and limits; the plugin requests somewhat less than whole cores."""
    common = {"memory": f"{memory}M", "ephemeral-storage": f"{disk}M", **more}
    return {
        "requests": {"cpu": f"{cores * 950}m", **common},
        "limits": {"cpu": f"{cores * 1000}m", **common},
    }


GPU = {"nvidia.com/gpu": "1"}
ASKED = {
    "make_images": asked(cores=1, memory=2000, disk=2000),
    "draw_samples": asked(cores=2, memory=4000, disk=4000),  # two of a group at a time
    "extract_shard": asked(cores=8, memory=4000, disk=2000, **GPU),
    "extract_features": asked(cores=1, memory=4000, disk=2000),  # gathers the shards
}


@needs_store
@pytest.mark.slow
@pytest.mark.parametrize("rule", ASKED)
def test_a_pod_asks_for_what_its_rule_needs_and_for_a_gpu_only_then(made: Run, rule: str):
    pod = made.pod(rule)
    assert pod["containers"][0]["resources"] == ASKED[rule]
    tolerated = [(each["key"], each["effect"]) for each in pod.get("tolerations", [])]
    assert tolerated == ([("nvidia.com/gpu", "NoSchedule")] if rule == "extract_shard" else [])


@needs_store
@pytest.mark.slow
def test_the_api_s_schema_allows_every_job_that_is_sent(made: Run):
    assert len(made.jobs) == 5
    assert {container(job)["image"] for job in made.jobs} == {"transfer-gain:1"}
    subprocess.run(
        [str(object_store.PYTHON), "-c", VALIDATE],
        input=json.dumps(made.jobs),
        text=True,
        check=True,
    )


@needs_store
@pytest.mark.slow
def test_a_pod_that_fails_ends_the_run(tmp_path: Path):
    done = run(tmp_path, IMAGES, broken="make_images")
    assert done.code == 1
    assert "previous terminated container not found" in done.said
    assert "Error in rule make_images" in done.left
    assert len(done.jobs) == 1


def test_no_rule_asks_for_zero_gpus():
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        assert not re.search(r"\bgpu=0", file.read_text()), file.name


def test_the_image_s_recipe_copies_what_is_there_and_installs_known_wheels_only():
    for line in re.findall(r"^COPY (.*) \./$", DOCKERFILE, re.MULTILINE):
        assert all((ROOT / "envs" / name).is_file() for name in line.split())
    installed = re.findall(r"pip install .*-r (\S+)$", DOCKERFILE, re.MULTILINE)
    assert installed == [f"requirements-{name}.txt" for name in ("build", "gpu", "store")]
    strict, pods_own = re.findall(r"^ENV (PIP_.*)$", DOCKERFILE, re.MULTILINE)
    assert {"PIP_REQUIRE_HASHES=1", "PIP_ONLY_BINARY=:all:"} <= {*strict.split()}
    assert DOCKERFILE.index(strict) < DOCKERFILE.index("pip install")
    assert DOCKERFILE.index("pip download") < DOCKERFILE.index(pods_own)
