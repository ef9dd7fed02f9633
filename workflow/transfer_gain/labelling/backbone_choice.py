"""Whose features the images to label next are chosen by."""

from collections.abc import Sequence
from pathlib import Path

from transfer_gain.data import store
from transfer_gain.evaluation import backbone_ranks
from transfer_gain.metrics import Metric


def chosen_backbone(scores: Sequence[Path | str], backbones: Sequence[str], metric: Metric) -> str:
    """Return the backbone whose features separate a dataset's classes best.

    Its rank comes from the labeled images alone and is there before anything is trained. So the
    unlabelled images pass through one backbone, not through all.

    Args:
        scores: files of `backbone_ranks.score_files` of one dataset; none if nothing is ranked.
        backbones: the study's trained backbones, of which the first is taken without ranks.
        metric: the metric that is compared.

    Raises:
        StoreError: a file is corrupt.
    """
    if not scores:
        return backbones[0]
    return str(backbone_ranks.ranks(store.read_rows(scores), metric)["backbone"].iloc[0])
