"""Promises of what a user's terminal shows."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from terminals import screen_of_40_columns
from transfer_gain import terminal
from transfer_gain.runtime import messages

WORKFLOW = Path(__file__).parents[1] / "workflow"


def test_long_lines_break_at_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch):
    screen_of_40_columns(monkeypatch)
    text = "Most accurate on clothes: at 12 images per class transfer from vgg16.\n"
    text += "The report: a/path-that-is-longer/than-the-terminal-is-wide.html\n"
    lines = messages.wrapped(text, sys.stdout).splitlines()
    assert max(map(len, lines[:-1])) < 40
    assert " ".join(lines).split() == text.split()
    assert lines[-1] == "a/path-that-is-longer/than-the-terminal-is-wide.html"


def test_elsewhere_lines_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert messages.wrapped("word " * 100 + "\n", sys.stdout) == "word " * 100 + "\n"


def test_a_line_covers_the_bar_that_stands_there(monkeypatch: pytest.MonkeyPatch):
    screen = screen_of_40_columns(monkeypatch)
    terminal.say("fetching weights")
    assert screen.getvalue() == "\r\x1b[Kfetching weights\n"


# A process of its own, since what was noted stays so.
INTERRUPTED = """
import signal
from transfer_gain.runtime import messages
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a script
messages.note_interruption()
before = messages.interrupted()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print(before, messages.interrupted())
"""


def test_control_c_is_noted_and_does_what_it_did():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=WORKFLOW, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"False True\n"), done.stderr
