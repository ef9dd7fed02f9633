"""A folder of pictures such as a user may have."""

from pathlib import Path

import numpy as np
from PIL import Image


def make_own_images(folder: Path) -> None:
    """Make stripes and checks of many fractions and modes, and files that are no images."""
    rng = np.random.default_rng(0)
    for name in ("checks", "stripes"):
        (folder / name).mkdir(parents=True)
        for number in range(24):
            height, width = rng.integers(20, 90, 2)
            rows, columns = np.indices((height, width)) // rng.integers(3, 7)
            pattern = (rows + columns if name == "checks" else rows) % 2 * 200
            picture = (pattern + rng.integers(0, 50, (height, width))).astype(np.uint8)
            mode, ending = [("L", "png"), ("RGB", "jpg"), ("RGBA", "png")][number % 3]
            Image.fromarray(picture).convert(mode).save(folder / name / f"{number}.{ending}")
    (folder / "checks" / "notes.txt").write_text("not an image")
    (folder / "checks" / "empty.png").touch()
