"""The rules, run for real by Snakemake in a copy of the checkout whose scripts only touch files."""

from pathlib import Path

import checkout as in_checkout
from checkout import copy_checkout
from transfer_gain.runtime.launcher import ADDRESS

# In the place of what a script does, but not of what it imports.
STUB = """
from pathlib import Path
for file in snakemake.output:
    Path(file).touch()
raise SystemExit
"""
STUDY = {
    "results": "made/here",
    "datasets": {"clothes": {"source": "fashion-mnist"}},
    "backbones": {"vgg16": {"architecture": "VGG16"}},
    "fractions": [{"fraction": 1, "replicates": 1}, {"fraction": 0.1, "replicates": 2}],
    "heads": {"layers": [[10]], "activations": ["elu"], "learning_rates": [0.01, 0.001]},
    "long_runs": {"fractions": [0.1], "epochs": 3},
}
WITH_ONE_SHOT = {
    "datasets": {
        **STUDY["datasets"],
        "avatars": {"source": "avatars"},
        "peeps": {"source": "peeps"},
    },
    "one_shot": {"target": "avatars", "related": "peeps", "backbone": "vgg16"},
}


def snakemake(folder: Path, *arguments: str, study: dict | None = None, timeout: float = 120):
    """Run Snakemake with spies in the place of TensorFlow, which the launcher would import."""
    return in_checkout.snakemake(
        folder, *arguments, study=study, timeout=timeout, **environment(folder)
    )


def environment(folder: Path) -> dict[str, str]:
    """Return where Snakemake finds the spies, and that it is to start no launcher."""
    return {"PYTHONPATH": str(in_checkout.spies_on_tensorflow(folder)), ADDRESS: "off"}


def jobs(folder: Path, *arguments: str, study: dict | None = None) -> list[in_checkout.Job]:
    """Return the jobs that are to run."""
    return in_checkout.jobs_to_run(folder, *arguments, study=study, **environment(folder))


def planned(folder: Path, *arguments: str, study: dict | None = None) -> set[str]:
    """Return the jobs that are to run, each as its rule and its wildcards' values."""
    return {*map(str, jobs(folder, *arguments, study=study))}


def run_once(folder: Path, study: dict) -> tuple[Path, set[Path]]:
    """Copy the checkout into a folder and make a study there.

    Returns:
        The copy, and the files that this made.
    """
    checkout = copy_checkout(folder)
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(STUB + script.read_text())
    in_checkout.spies_on_tensorflow(checkout)
    before = {*checkout.rglob("*"), checkout / "study.yaml"}
    done = snakemake(checkout, "--cores", "2", study=study, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    new = {file for file in checkout.rglob("*") if file.is_file() and file not in before}
    return checkout, {file.relative_to(checkout) for file in new}
