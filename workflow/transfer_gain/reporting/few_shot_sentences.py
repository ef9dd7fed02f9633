"""Sentences about the results of one-shot learning, written from its summary table."""

import pandas as pd

from transfer_gain.evaluation import few_shot_tables
from transfer_gain.few_shot.tasks import SEEN, UNSEEN
from transfer_gain.reporting import words


def sentences(table: pd.DataFrame) -> list[str]:
    """Return one sentence per training of the Siamese network and one on the best variant.

    They are about classes unseen in training.

    Args:
        table: the table that `few_shot_tables.summary` returns.
    """
    unseen = table[table["classes"] == UNSEEN]
    seen = table[table["classes"] == SEEN]
    seen = seen.set_index(["approach", *few_shot_tables.METHOD])["accuracy"]
    variants = unseen[~unseen["method"].isin([*few_shot_tables.CONTROLS, few_shot_tables.SIAMESE])]
    best = variants.groupby("approach", sort=False)["accuracy"].idxmax()
    rows = pd.concat([unseen[unseen["method"] == few_shot_tables.SIAMESE], variants.loc[best]])
    said = []
    for _, row in rows.sort_values("approach", kind="stable").iterrows():
        how = f", epoch_unit {row['epoch_unit']}, {row['batch']} pairs per batch"
        text = f"Tested on {row['tested_on']}, trained on {row['trained_on']}"
        text += how if row["method"] == few_shot_tables.SIAMESE else ""
        text += f": solves {words.accuracy(row['accuracy'])} of the tasks"
        text += words.interval(row["ci_low"], row["ci_high"], words.accuracy)
        text += f" (chance {words.accuracy(row['chance'])}"
        if (place := tuple(row[["approach", *few_shot_tables.METHOD]])) in seen.index:
            text += f"; {words.accuracy(seen[place])} on the training classes"
        text += f"). {row['conclusion']}"
        if pd.notna(row["published_low"]):
            text += (
                f" After {row['published_epochs']:.0f} epochs it solves "
                f"{words.accuracy(row['accuracy_at_published'])}; the 2018 paper reports "
                f"{words.accuracy(row['published_low'])} to "
                f"{words.accuracy(row['published_high'])}, on other images."
            )
        said.append(text)
    return said
