"""How long Snakemake takes to plan studies with more and more configurations, by dry runs.

    python benchmarks/planning.py 1000 3000 10000

This prints a table: configurations, jobs, seconds, CPU seconds, peak memory in MB.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[1]
FRACTIONS, LAYERS = (1, 0.5, 0.2, 0.1, 0.01), ([100], [100, 50])


def study(configurations: int) -> dict:
    """Return a study that trains this number of heads, a multiple of 10."""
    rates = configurations // (len(FRACTIONS) * len(LAYERS))
    return {
        "results": "results/planning",
        "datasets": {"clothes": {"source": "fashion-mnist"}},
        "backbones": {"vgg16": {"architecture": "VGG16"}},
        "fractions": [{"fraction": size, "replicates": 1} for size in FRACTIONS],
        "heads": {
            "layers": list(LAYERS),
            "activations": ["elu"],
            "learning_rates": [round(1e-5 * (1 + number), 5) for number in range(rates)],
        },
        "baseline": {"max_tuned_fraction": 0},
    }


def plan(configurations: int, folder: str) -> tuple[int, float, float, float]:
    """Return the number of jobs of a dry run, its seconds, its CPU seconds and its memory in MB."""
    config, said = Path(folder, "study.yaml"), Path(folder, "said.txt")
    config.write_text(yaml.safe_dump(study(configurations)))
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules"]
    begun = time.monotonic()
    with said.open("w") as output:
        process = subprocess.Popen(
            [*command, "--configfile", config], cwd=CHECKOUT, stdout=output, stderr=output
        )
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    total = re.search(r"^total +(\d+)", said.read_text(), re.MULTILINE)
    if status or not total:
        sys.exit(said.read_text())
    return int(total[1]), seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    print("configurations    jobs  seconds       CPU seconds    MB")
    with tempfile.TemporaryDirectory() as folder:
        for configurations in map(int, sys.argv[1:] or ("1000", "3000", "10000")):
            jobs, seconds, used, megabytes = plan(configurations, folder)
            print(
                f"{configurations:14,}  {jobs:6,}  {seconds:7.1f}  {used:16.1f}  {megabytes:4.0f}",
                flush=True,
            )
