"""The overhead of the workflow over plain Snakemake: planning, and finding nothing to do.

It is compared with bare workflows of one rule with the same number of jobs: one touches files, one
runs scripts.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

import side_by_side
import study
from side_by_side import CHECKOUT, Contestant

BARE = """
rule all:
    input:
        expand("made/{{number}}.txt", number=range({jobs} - 1)),


rule make:
    output:
        "made/{{number}}.txt",
    shell:
        "touch {{output}}"
"""
# As little as jobs like ours need: a script, inputs, a log, resources and params.
SHAPED = """
rule all:
    input:
        expand("made/{{number}}.txt", number=range({jobs} - 1)),


rule make:
    input:
        features="Snakefile",
        samples="Snakefile",
        roles="Snakefile",
    output:
        runs="made/{{number}}.txt",
        history="made/{{number}}.history.txt",
    log:
        "logs/{{number}}.log",
        "logs/{{number}}.tsv",
    resources:
        gpu=0,
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        seed=1,
        settings=lambda wildcards: {{"number": int(wildcards.number)}},
    script:
        "make.py"
"""
OURS, BARE_NAME, SHAPED_NAME = "transfer-gain", "a bare workflow", "a bare one of scripts"
PLAN, NOTHING = "planning", "nothing to do"
# Configurations of the grid in a study of about 1,000 jobs.
RATES = 20


def config(rates: int) -> dict:
    """Return a study with this many learning rates; the job of a head has one of them."""
    learning_rates = [round(1e-5 * (1 + number), 5) for number in range(rates)]
    return study.clothes(6000, rates=learning_rates)


def copied(folder: Path) -> Path:
    """Copy the checkout into a folder, so that the checkout itself stays unchanged."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((CHECKOUT / name).read_bytes())
    return folder


def snakemake(folder: Path, *arguments: str) -> str:
    """Run Snakemake in a folder and return its output.

    Raises:
        RuntimeError: it failed; the message is the end of its output.
    """
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1"]
    settings = ["--configfile", "study.yaml"] if (folder / "study.yaml").exists() else []
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [*command, *settings], cwd=folder, env=environment, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(said[-2000:])
    return said


def jobs_of(folder: Path) -> int:
    """Return the number of jobs that the workflow of a folder plans."""
    return int(re.search(r"^total +(\d+)", snakemake(folder, "--dry-run"), re.MULTILINE)[1])


def make_all(folder: Path) -> None:
    """Create every file empty, and have Snakemake record that the current rules made it."""
    lines = snakemake(folder, "--summary").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("output_file\t"))
    for line in lines[start + 1 :]:
        path = folder / line.split("\t")[0]
        if "\t" in line:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    snakemake(folder, "--touch")


def running(folder: Path, *arguments: str) -> Callable[[int], str]:
    """Prepare a run of Snakemake in a folder."""
    return lambda number: snakemake(folder, *arguments)


def check(made: dict[str, str]) -> None:
    """Raise an error if planning plans nothing, or if something remains to be done."""
    for name, said in made.items():
        nothing = "Nothing to be done" in said
        if nothing != name.endswith(NOTHING):
            raise ValueError(f"{name}: {said[-1000:]}")


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, default=RATES, help="learning rates of the study")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folders = {}
        for name in (OURS, BARE_NAME, SHAPED_NAME):
            for state in (PLAN, NOTHING):
                folders[name, state] = Path(temporary, f"{name}-{state}".replace(" ", "-"))
                folders[name, state].mkdir()
        for state in (PLAN, NOTHING):
            ours = folders[OURS, state]
            copied(ours)
            (ours / "study.yaml").write_text(yaml.safe_dump(config(options.rates)))
            jobs = jobs_of(ours)
            for name, rules in ((BARE_NAME, BARE), (SHAPED_NAME, SHAPED)):
                bare = folders[name, state]
                (bare / "make.py").write_text("")
                (bare / "Snakefile").write_text(rules.format(jobs=jobs))
                if jobs_of(bare) != jobs:
                    raise ValueError(f"{name} has {jobs_of(bare)} jobs, ours {jobs}")
                if state == NOTHING:
                    make_all(bare)
            if state == NOTHING:
                make_all(ours)
        contestants = [
            Contestant(f"{name}, {state}", running, (folder, *["--dry-run"] * (state == PLAN)))
            for (name, state), folder in folders.items()
        ]
        race = side_by_side.race(contestants, options.rounds, threads=os.cpu_count(), check=check)
    rows = []
    for state in (PLAN, NOTHING):
        own, *bare = (race.seconds[f"{name}, {state}"] for name in (OURS, BARE_NAME, SHAPED_NAME))
        spreads = map(side_by_side.spread, (own, *bare))
        rows.append([state, *spreads, *(side_by_side.ratio(own, other) for other in bare)])
    return (
        f"A study of {jobs:,} jobs, beside a bare workflow of one rule with as many, and one whose "
        "rule has a script, inputs, a log, resources and params, as ours have; "
        f"{options.rounds} rounds, from the command to its end.\n\n"
        + side_by_side.table(
            ["", "ours, s", "bare, s", "bare, scripts, s", "ours / bare", "ours / bare, scripts"],
            rows,
        )
    )


if __name__ == "__main__":
    print(main())
