"""How many images the classes of a dataset have, as far as it can be told before they are read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transfer_gain import metrics
from transfer_gain.data.sources import folder
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError

# With a larger class more than this many times as large as the smallest, accuracy is what always
# answering the larger one may reach: balanced accuracy says more.
BALANCED = 1.5


def listed(options: Mapping[str, Any]) -> list[int]:
    """Return how many files the classes of a user's folder or archive have; [] if unknown.

    Args:
        options: what only the source `folder` has in the config: path, labels, groups and so on.
    """
    merge = options["merge_similar_classes"]
    try:
        with Files(options["path"]) as files:
            arranged = folder.arrange(files, options["labels"], options["groups"] or {}, merge)
    except SourceError:
        return []  # the job that makes the images says what is wrong
    return list(Counter(place.class_name for place in arranged.places.values()).values())


def fitting_metric(class_sizes: Iterable[Sequence[int]]) -> str:
    """Return the name of the metric that suits classes of these sizes.

    Args:
        class_sizes: images of each class, of each dataset; empty if unknown.

    Returns:
        "accuracy" if no dataset's largest class is more than `BALANCED` times its smallest,
        otherwise "balanced_accuracy".
    """
    uneven = any(max(sizes) > BALANCED * min(sizes) for sizes in class_sizes if sizes)
    return (metrics.BALANCED_ACCURACY if uneven else metrics.ACCURACY).name
