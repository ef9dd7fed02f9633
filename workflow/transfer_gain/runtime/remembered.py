"""Answers that planning a run needs, asked once and remembered in a small file."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def remembered(file: Path, question: str, ask: Callable[[], Any]) -> Any:
    """Return the answer to a question, now or from an earlier run.

    Args:
        file: holds the last question and its answer; a damaged one is asked again and replaced.
        question: what the answer depends on.
        ask: returns an answer that JSON can hold.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return json.loads(file.read_text())[question]
    answer = ask()
    # Imported only here, so that planning starts sooner.
    from transfer_gain.data.whole_files import StoreError, written_whole

    with contextlib.suppress(OSError, StoreError):  # what cannot be written is asked again
        file.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(file) as temporary:
            temporary.write_text(json.dumps({question: answer}) + "\n")
    return answer


def last_answer(file: Path) -> Any:
    """Return the answer to the last question, whatever it was; None if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return next(iter(json.loads(file.read_text()).values()), None)
