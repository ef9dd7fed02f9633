"""How many images the classes of a dataset have, as far as it can be told before they are read."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from transfer_gain.data.sources import folder
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError


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
