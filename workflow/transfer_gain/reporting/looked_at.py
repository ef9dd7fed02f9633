"""What the answer opens with: which images it is about, and what would make it worthless."""

from collections.abc import Mapping

import pandas as pd

from transfer_gain.reporting import words

NAMED = 4  # classes whose numbers are given each
# A class with fewer scored images says nothing of its own: its recall is known to 30 points or so.
FEW = 10
_RESIZED = {
    "stretch": "stretched to a square",
    "pad": "padded to a square",
    "crop": "cropped to a square",
}

Tables = Mapping[str, pd.DataFrame]


def looked_at(tables: Tables, dataset: str) -> str:
    """Say how many images of which classes were looked at, and what each of them was for.

    Args:
        tables: `classes` (with `weight` if training weights the classes) and `skipped`.
        dataset: name of the dataset.
    """
    rows = tables["classes"].query("dataset == @dataset")
    roles = rows[["training", "selection", "test"]]
    first, images, scored = rows.iloc[0], int(rows["images"].sum()), int(rows["scored"].sum())
    color = "in color" if first["channels"] == "rgb" else "in gray"
    text = f"Looked at {words.count(images)} images of {dataset}: {_classes(rows)}; {color}"
    text += f", {_RESIZED[first['resize']]} of {first['size']} pixels"
    if pd.notna(larger := first.get("larger_sizes")):
        text += f" (of {words.listed(larger.split(', '))} for backbones that see more)"
    counts = [words.count(int(roles[role].sum())) for role in roles]
    if first["splits"] == 1:
        text += f". {counts[0]} are for training, {counts[1]} for selection and {counts[2]} are "
        text += f"scored: one scored image is {100 / scored:.2g} points. "
    else:
        text += f". All are scored, in {first['splits']} splits, by networks that have not seen "
        text += f"them: a split trains on {counts[0]}, selects on {counts[1]} and scores "
        text += f"{counts[2]}. "
    largest = rows.loc[rows["scored"].idxmax()]
    constant = words.accuracy(largest["scored"] / scored)
    text += f"Always answering '{largest['class']}' is right for {constant} of them."
    if "weight" in rows:
        text += f" {_weighted(rows)}"
    left_out = int((tables["skipped"]["dataset"] == dataset).sum())
    if left_out:
        files = "file was" if left_out == 1 else "files were"
        text += f" {words.count(left_out)} {files} left out (table skipped)."
    return text


def few_scored(tables: Tables) -> list[str]:
    """Say which classes have so few scored images that their results mean little.

    Args:
        tables: `classes`.
    """
    rows = tables["classes"]
    rows = rows[rows["scored"] < FEW]
    said = []
    for dataset, own in rows.groupby("dataset", sort=False):
        named = [f"{row['class']} ({row['scored']})" for _, row in own.head(NAMED).iterrows()]
        if len(own) > NAMED:
            named.append(f"{len(own) - NAMED} more")
        said.append(
            f"On {dataset}, few images are scored of {words.listed(named)}: these classes may do "
            "much better or worse on new images."
        )
    return said


def _weighted(rows: pd.DataFrame) -> str:
    """Say that training weights the classes, and by how much."""
    rare, common = (rows.loc[row] for row in (rows["weight"].idxmax(), rows["weight"].idxmin()))
    text = "In training, all classes count equally (class_weights: balanced)"
    times = rare["weight"] / common["weight"]
    if times < 1.05:
        return f"{text}; they have about as many images."
    many = f"{times:.2g}" if times < 10 else f"{times:,.0f}"
    return f"{text}: an image of '{rare['class']}' as {many} of '{common['class']}'."


def _classes(rows: pd.DataFrame) -> str:
    """Return the classes with their numbers of images, or a summary of many classes."""
    counts = rows["images"]
    if len(rows) <= NAMED:
        pairs = zip(counts, rows["class"], strict=True)
        return words.listed([f"{words.count(count)} {name}" for count, name in pairs])
    fewest, most = words.count(counts.min()), words.count(counts.max())
    each = fewest if fewest == most else f"{fewest} to {most}"
    return f"{len(rows)} classes of {each}"
