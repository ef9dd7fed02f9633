"""JAFFE: 213 photographs of ten Japanese women with seven expressions, on request only."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transfer_gain.data.sources.expressions import Expressions


class Jaffe(Expressions):
    """JAFFE as a source; image_ids like "KA.AN1.39.tiff", groups are persons ("KA")."""

    codes = ("AN", "DI", "FE", "HA", "NE", "SA", "SU")
    pattern = re.compile(
        rf"(?:^|/)(?P<id>(?P<group>[A-Z]{{2}})\.(?P<code>{'|'.join(codes)})\d*\.\d+\.(?i:tiff?))$"
    )
    layout = "files such as KA.AN1.39.tiff (person, expression, number), in a folder, zip or tar"
    request = "JAFFE is given on request through Zenodo: https://doi.org/10.5281/zenodo.3451524"


def open_source(files: Sequence[Path], settings: Mapping[str, Any], seed: int, cores: int) -> Jaffe:
    """Open the folder or archive that a dataset's settings name; see `sources`."""
    return Jaffe(settings["options"]["path"])
