"""A terminal of a known width in place of standard output and error."""

import io
import os
import shutil
import sys

import pytest


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen_of_40_columns(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Put a terminal in the place of standard output and error."""
    made = Screen()
    monkeypatch.setattr(sys, "stdout", made)
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda **_: os.terminal_size((40, 24)))
    return made
