"""The file of the 2018 paper's values, which is part of the code."""

from pathlib import Path

PUBLISHED = Path(__file__).parents[2] / "published_2018.yaml"
