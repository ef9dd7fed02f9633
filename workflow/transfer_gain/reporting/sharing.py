"""What the report, the copy of the config and the RO-Crate say about the user's own images."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from transfer_gain.names import IMAGENET, RANDOM_WEIGHTS

# Tables whose rows name files, and figures that show images.
NAMING = ("skipped", "near_copies", "mistakes", "next_labels", "unlabelled_skipped")
PICTURING = ("samples", "near_copies", "augmented", "mistakes", "to_label")
TASKS = "one_shot_tasks"  # shows images of the target
NOTES = "notes"
_PATHS = ("path", "unlabelled")  # keys of a dataset that name the user's files
# Where a note begins to name examples: files, groups or folders.
_EXAMPLES = re.compile(r"(, such as | \().*", re.DOTALL)


@dataclass(frozen=True)
class Sharing:
    """Whom the results are for.

    Attributes:
        public: whether names and pictures of own images are left out.
        own: the datasets whose images are the user's own.
        target: the dataset whose images one-shot tasks show, if there are such tasks.
        home: the user's home, which is written as `~`.
    """

    public: bool = False
    own: Sequence[str] = ()
    target: str | None = None
    home: str = ""

    def path(self, text: str) -> str:
        """Return the path of the user's images or weights as it may be shown."""
        if self.public:
            return Path(text).name or text
        if self.home and Path(text).is_relative_to(self.home):
            return str(Path("~", Path(text).relative_to(self.home)))
        return text

    def config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a complete config with the user's paths as they may be shown."""
        shown = deepcopy(dict(config))
        for options in shown["datasets"].values():
            for key in _PATHS:
                if options.get(key):
                    options[key] = self.path(options[key])
        for backbone in shown["backbones"].values():
            if backbone["weights"] not in (IMAGENET, RANDOM_WEIGHTS):
                backbone["weights"] = self.path(backbone["weights"])
        return shown

    def inputs(self, inputs: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, str]:
        """Return the digests of a study's inputs by their paths as they may be shown.

        Args:
            inputs: digests by path.
            config: the complete config, which names the user's paths.
        """
        users = {options.get(key) for options in config["datasets"].values() for key in _PATHS}
        users |= {backbone["weights"] for backbone in config["backbones"].values()}
        shown: dict[str, str] = {}
        for path, digest in inputs.items():
            name = self.path(path) if path in users else path
            same = sum(each == name or each.startswith(f"{name} (") for each in shown)
            shown[f"{name} ({same + 1})" if same else name] = digest
        return shown

    def left_out(self) -> frozenset[str]:
        """Return the names of the tables and figures that name or show own images.

        They are left out of what is public; none otherwise.
        """
        if not self.public or not self.own:
            return frozenset()
        figures = {f"{kind}_{dataset}" for kind in PICTURING for dataset in self.own}
        return frozenset({*NAMING, *figures, *([TASKS] if self.target in self.own else [])})

    def unlisted(self) -> frozenset[str]:
        """Return the names of the files that the RO-Crate does not list: notes have examples."""
        return self.left_out() | ({NOTES} if self.left_out() else set())

    def table(self, name: str, rows: pd.DataFrame) -> pd.DataFrame:
        """Return a table as it may be shown: in public, notes without their examples."""
        if name != NOTES or not self.public:
            return rows
        return rows.assign(note=[_EXAMPLES.sub("", note) for note in rows["note"]])

    def notice(self) -> str:
        """Return what a reader should know before passing the report on; "" if nothing."""
        if not self.own:
            return ""
        if self.public:
            return (
                "Names and pictures of the images are left out (share: public). Names of classes "
                "are not."
            )
        return (
            "This report shows names and pictures of your images. To pass it on without them, set "
            "share: public and run again; only the report is written again."
        )


NOT_SHARED = Sharing()  # a study without own images, or a report for the user alone
