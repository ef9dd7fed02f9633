"""The profiles of docs/clusters.md for LSF, PBS and SGE, with stand-ins for their commands.

A stand-in runs a job at once. What the real commands accept is not tested here.
"""

import os
import re
import stat
from pathlib import Path

import pytest
import yaml

import checkout as in_checkout
from checkout import ROOT, copy_checkout
from stubbed_workflow import STUB, STUDY, environment

pytestmark = pytest.mark.slow

FEATURES = f"{STUDY['results']}/features/clothes/vgg16-auto.parquet"
PAGE = (ROOT / "docs/clusters.md").read_text()

# The job is the last argument. Its number is that of the call; its exit status is kept.
RUNS = """
echo "$@" >> "$CALLS"
number=$(wc -l < "$CALLS")
for job; do :; done
sh {flag} "$job" > /dev/null 2>&1
echo $? > "$CALLS.$number"
"""
PBS = {
    "qsub": RUNS.format(flag="") + "echo $number.server",
    "qstat": """
for job; do :; done
echo "    job_state = F"
echo "    Exit_status = $(cat "$CALLS.${job%.server}")"
""",
}
SGE = {
    "qsub": RUNS.format(flag="") + "echo $number",
    "qstat": "exit 1",
    "qacct": """
echo "failed       0"
echo "exit_status  $(cat "$CALLS.$2")"
""",
}
LSF = {
    "bsub": RUNS.format(flag="-c") + 'echo "Job <$number> is submitted to queue <normal>."',
    "bjobs": """
for file in "$CALLS".*; do
  [ "$(cat "$file")" = 0 ] && state=DONE || state=EXIT
  echo "${file##*.} $state"
done
""",
    "bhist": "echo 'Project <mine>'",
    "badmin": """
echo "MBD configuration"
echo "    LSB_SHAREDIR = $CALLS"
echo "    LSF_CONFDIR = $(dirname "$CALLS")"
echo "    LSF_UNIT_FOR_LIMITS = MB"
""",
    "lsclusters": "echo CLUSTER_NAME; echo here",
}


def block(kind: str, word: str) -> str:
    """Return the one block of a kind on the page that contains a word."""
    (found,) = (
        text for text in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) if word in text
    )
    return found


def prepare(
    folder: Path, commands: dict[str, str], word: str, status: str | None
) -> dict[str, str]:
    """Copy the checkout with a profile as the page says, and write the stand-ins.

    Returns:
        The environment in which they are found.
    """
    checkout = copy_checkout(folder / "checkout")
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(STUB)
    profile = yaml.safe_load((checkout / "profiles/slurm/config.yaml").read_text())
    profile = {key: value for key, value in profile.items() if not key.startswith("slurm")}
    profile |= yaml.safe_load(block("yaml", word)) | {"seconds-between-status-checks": 1}
    mine = checkout / "profiles/mine"
    mine.mkdir()
    (mine / "config.yaml").write_text(yaml.safe_dump(profile))
    files = {folder / "commands" / name: f"#!/bin/sh\n{text}" for name, text in commands.items()}
    if status:
        files[mine / "status"] = block("sh", status)
    (folder / "commands").mkdir()
    for file, text in files.items():
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    configuration = folder / "lsbatch/here/configdir/lsb.params"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("")
    path = os.pathsep.join([str(folder / "commands"), os.environ["PATH"]])
    return environment(checkout) | {"PATH": path, "CALLS": str(folder / "calls")}


CASES = {
    "LSF": (LSF, "executor: lsf", None),
    "PBS": (PBS, "ncpus", "job_state"),
    "SGE": (SGE, "h_rt", "qacct"),
}
ASKED = {
    "LSF": (
        r"-q normal -W \d+ -n 1 -R rusage\[mem=2000\.0\]",
        r"-q normal -W \d+ -n 8 -R rusage\[mem=500\.0\] .*-gpu num=1",
    ),
    "PBS": (
        r"select=1:ncpus=1:mem=2000mb:ngpus=0 -l walltime=\d+:00",
        r"select=1:ncpus=8:mem=4000mb:ngpus=1 -l walltime=\d+:00",
    ),
    "SGE": (
        r"-pe smp 1 -l mem_free=2000M,h_rt=0:\d+:0,gpu=0",
        r"-pe smp 8 -l mem_free=4000M,h_rt=0:\d+:0,gpu=1",
    ),
}


@pytest.mark.parametrize("scheduler", CASES)
def test_jobs_are_submitted_with_what_they_need(tmp_path, scheduler):
    around = prepare(tmp_path, *CASES[scheduler])
    arguments = ("--workflow-profile", "profiles/mine", FEATURES)
    checkout = tmp_path / "checkout"
    done = in_checkout.snakemake(checkout, *arguments, study=STUDY, timeout=600, **around)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / FEATURES).exists()
    calls = (tmp_path / "calls").read_text().splitlines()
    images, features = ASKED[scheduler]
    # Downloads run where Snakemake does.
    assert len(calls) == 2
    assert re.search(images, calls[0])
    assert re.search(features, calls[1])


@pytest.mark.parametrize("scheduler", ["PBS", "SGE"])
def test_a_job_that_ends_badly_is_noticed(tmp_path, scheduler):
    around = prepare(tmp_path, *CASES[scheduler])
    checkout = tmp_path / "checkout"
    (checkout / "workflow/scripts/make_images.py").write_text("raise SystemExit(1)\n")
    images = f"{STUDY['results']}/images/clothes.parquet"
    arguments = ("--workflow-profile", "profiles/mine", images, "--retries", "0")
    done = in_checkout.snakemake(checkout, *arguments, study=STUDY, timeout=600, **around)
    assert done.returncode == 1
    assert "Error in rule make_images" in done.stdout + done.stderr
    assert not (checkout / images).exists()
