"""What each method is planned to cost, so that the answer can name a cheap one.

Measured times differ from run to run and from machine to machine; an answer must not.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from transfer_gain.config import jobs
from transfer_gain.config.paths import format_number
from transfer_gain.methods import records
from transfer_gain.names import FROM_SCRATCH, HELD_OUT, TRANSFER_AUGMENTED
from transfer_gain.runtime import plan

if TYPE_CHECKING:
    from transfer_gain.config.study import Study


def planned_costs(study: "Study", found: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return roughly how long each method takes at the largest fraction, from images to its score.

    A method on features includes the passes through its backbone, and a refit the heads that it was
    selected from. Backbones with random weights are left out, since nobody would use them.

    Args:
        study: the study.
        found: number of the user's files, by dataset; datasets without a folder are left out.

    Returns:
        Rows with dataset, backbone, method and seconds on one core; None for a backbone from a
        file, of which nobody knows how long it takes.
    """
    fraction = format_number(max(entry.fraction for entry in study.fractions))
    rows = []
    for method in records.METHODS:
        for dataset, backbone in dict.fromkeys(
            (job["dataset"], job.get("backbone", FROM_SCRATCH))
            for job in method.jobs(study)
            if job["fraction"] == fraction
        ):
            if backbone in study.controls():
                continue
            own = _jobs(study, method, dataset, backbone, fraction)
            seen = [
                (rule, plan.images_seen(study, rule, job, found.get(dataset, 0)))
                for rule, job in own
            ]
            known = backbone == FROM_SCRATCH or plan.is_known(study.backbones[backbone])
            seconds = plan.seconds(seen) if known else None
            names = {"dataset": dataset, "backbone": backbone, "method": method.name}
            rows.append({**names, "seconds": seconds})
    return rows


def _jobs(
    study: "Study", method: records.Method, dataset: str, backbone: str, fraction: str
) -> Iterator[tuple[str, jobs.Job]]:
    """Yield rule and wildcards of all that a method's score needs, once the images are stored."""
    place = {"dataset": dataset, "backbone": backbone}
    if backbone != FROM_SCRATCH:
        yield "extract_features", place
    if method.name == TRANSFER_AUGMENTED:
        yield "extract_copies", {**place, "fraction": fraction}
    for each in (method, *([records.method(method.refit_of)] if method.refit_of else [])):
        for job in each.jobs(study):
            wanted = {"fraction": fraction, "dataset": dataset, "protocol": HELD_OUT}
            if {**wanted, **job}.items() >= wanted.items() and (
                job.get("backbone", FROM_SCRATCH) == backbone
            ):
                yield each.rule, job
