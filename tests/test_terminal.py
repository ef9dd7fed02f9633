"""Promises of what a user's terminal shows."""

import io
import signal
import sys

import pytest

from terminals import screen_of_40_columns
from transfer_gain import terminal
from transfer_gain.runtime import messages


def test_long_lines_break_at_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch):
    screen_of_40_columns(monkeypatch)
    text = "Most accurate on clothes: at 12 images per class transfer from vgg16.\n"
    text += "The report: a/path-that-is-longer/than-the-terminal-is-wide.html\n"
    lines = messages.wrapped(text).splitlines()
    assert max(map(len, lines[:-1])) < 40
    assert " ".join(lines).split() == text.split()
    assert lines[-1] == "a/path-that-is-longer/than-the-terminal-is-wide.html"


def test_elsewhere_lines_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert messages.wrapped("word " * 100 + "\n") == "word " * 100 + "\n"


def test_a_line_covers_the_bar_that_stands_there(monkeypatch: pytest.MonkeyPatch):
    screen = screen_of_40_columns(monkeypatch)
    terminal.say("fetching weights")
    assert screen.getvalue() == "\r\x1b[Kfetching weights\n"


def test_control_c_is_noted_and_does_what_it_did(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(messages, "_interrupted", False)
    # In the background of a script it is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        messages.note_interruption()
        assert not messages.interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert messages.interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
