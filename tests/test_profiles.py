"""Promises of profiles/ that take no cluster to check; those that do: test_slurm."""

import re
from pathlib import Path

import pytest
import yaml

from checkout import ROOT, copy_checkout, jobs_of

STUDY = {
    "results": "results/tiny",
    "datasets": {"avatars": {"source": "avatars", "training_per_class": 12}},
    "backbones": {"vgg16": {"architecture": "VGG16"}},
    "fractions": [{"fraction": 1, "replicates": 1}],
}
FAILS_TWICE = """
from pathlib import Path
tried = Path("tried")
with tried.open("a") as file:
    file.write("once more\\n")
assert len(tried.read_text().splitlines()) == 3
Path(snakemake.output[0]).touch()
"""


def test_all_tables_and_figures_are_one_job_on_a_cluster():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    rules = {
        name
        for file in (ROOT / "workflow/rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", file.read_text(), re.MULTILINE)
    }
    assert set(profile["groups"]) <= rules
    assert set(profile["groups"].values()) == set(profile["group-components"])
    ends = {name for name in rules if name.startswith(("plot_", "tabulate_"))}
    # One left out would have to run after one half of the group and before the other.
    assert {profile["groups"].get(name) for name in ends} == {"results"}


@pytest.mark.slow
def test_pods_share_jobs_as_slurm_s_do():
    slurm, pods = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
        for name in ("slurm", "kubernetes")
    )
    for key in ("groups", "group-components", "retries", "rerun-triggers"):
        assert pods[key] == slurm[key]


def test_a_job_that_failed_may_take_more_memory_and_time(tmp_path: Path):
    checkout = copy_checkout(tmp_path)
    (checkout / "workflow" / "scripts" / "make_images.py").write_text(FAILS_TWICE)
    arguments = ["--cores", "1", "--retries", "2", "results/tiny/images/avatars.parquet"]
    jobs, done = jobs_of(checkout, *arguments, study=STUDY)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("mem_mb", "runtime"):
        values = [job.resources[name] for job in jobs]
        assert values == [values[0], 2 * values[0], 3 * values[0]]
        assert values[0] > 0
