"""FERG-DB: 55,767 images of six drawn characters with seven expressions, on request only."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transfer_gain.data.sources.expressions import EXPRESSIONS, Expressions


class Ferg(Expressions):
    """FERG-DB as a source; image_ids like "aia/aia_joy/aia_joy_1.png", groups are characters."""

    pattern = re.compile(
        rf"(?:^|/)(?P<id>(?P<group>[^/]+)/(?P=group)_(?P<code>{'|'.join(EXPRESSIONS)})"
        r"/[^/]+\.(?i:png))$"
    )
    codes = EXPRESSIONS
    # Known to other users of the dataset: public loaders remove it by its name.
    faulty = frozenset({"bonnie/bonnie_surprise/bonnie_surprise_1389.png"})
    layout = "FERG_DB_256/<character>/<character>_<expression>/*.png, in a folder, zip or tar"
    request = (
        "FERG-DB is given on request by the University of Washington: "
        "https://grail.cs.washington.edu/projects/deepexpr/ferg-2d-db.html"
    )


def open_source(files: Sequence[Path], settings: Mapping[str, Any], seed: int, cores: int) -> Ferg:
    """Open the folder or archive that a dataset's settings name; see `sources`."""
    return Ferg(settings["options"]["path"])
