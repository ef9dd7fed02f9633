"""Promises of the progress that make shows: jobs done, time left, which job failed and why."""

import logging
import re
import sys
import time

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_progress as progress
from terminals import Screen


def record(event: LogEvent | None = None, level: int = logging.INFO, text: str = "", **fields):
    made = logging.LogRecord("snakemake", level, "", 0, text, None, None)
    made.__dict__.update(event=event, **fields)
    return made


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 0)
    made = progress.LogHandler(None, None)
    made.expect({1: 100, 2: 100, 3: 5000}, cores=2)
    return made


def start(handler: progress.LogHandler, job: int, rule: str, **wildcards: str) -> None:
    handler.emit(record(LogEvent.JOB_INFO, jobid=job, rule_name=rule, wildcards=wildcards))


def test_a_finished_job_is_a_line_with_how_far_it_is_and_the_time_left(
    handler, capsys, monkeypatch
):
    start(handler, 1, "train_head", dataset="clothes", size="0.1")
    # As fast as planned: 100 seconds of one core in 50 seconds on two.
    monkeypatch.setattr(progress.time, "monotonic", lambda: 50)
    handler.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    line = capsys.readouterr().err
    assert "1 of 3 jobs, 40 minutes left: train_head clothes 0.1 is done\n" in line


def test_the_time_left_follows_the_pace(handler, capsys, monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 100_000)
    handler.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    hours = int(re.search(r"(\d+) hours left", capsys.readouterr().err)[1])
    assert hours > 100


def test_a_failed_job_is_told_with_its_log_s_last_lines(handler, capsys, tmp_path):
    log = tmp_path / "clothes.log"
    log.write_text("\n".join(f"line {number}." for number in range(100)))
    start(handler, 2, "train_from_scratch", dataset="clothes")
    handler.emit(
        record(LogEvent.JOB_ERROR, jobid=2, rule_name="train_from_scratch", log=[str(log)])
    )
    said = capsys.readouterr().err
    assert "train_from_scratch clothes failed." in said
    assert str(log) in said
    assert "line 99." in said
    assert "line 50." not in said


def test_what_is_wrong_is_passed_on_and_chatter_is_not(handler, capsys):
    handler.emit(record(level=logging.ERROR, text="the disk is full"))
    handler.emit(record(level=logging.INFO, text="Select jobs to execute..."))
    said = capsys.readouterr().err
    assert "the disk is full" in said
    assert "Select" not in said


def test_what_control_c_has_ended_did_not_fail(handler, capsys, monkeypatch):
    monkeypatch.setattr(progress.messages, "interrupted", lambda: True)
    start(handler, 2, "train_from_scratch", dataset="clothes")
    handler.emit(record(LogEvent.JOB_ERROR, jobid=2, rule_name="train_from_scratch", log=[]))
    told = "WorkflowError:\nAt least one job did not complete successfully."
    handler.emit(record(level=logging.ERROR, text=told))
    assert capsys.readouterr().err == ""


def test_the_last_line_has_no_time_left(handler, capsys):
    for job in (1, 2, 3):
        handler.emit(record(LogEvent.JOB_FINISHED, job_id=job))
    assert " 3 of 3 jobs: 3 is done\n" in capsys.readouterr().err.replace("\r", "")


def test_a_text_that_a_job_makes_is_shown_when_it_is_done(handler, capsys, tmp_path):
    (tmp_path / "first.txt").write_text("First answer: 0.78.\n")
    handler.expect({1: 1, 2: 1}, 1, {1: tmp_path / "gone.txt", 2: tmp_path / "first.txt"})
    handler.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    assert "First answer" not in capsys.readouterr().err
    handler.emit(record(LogEvent.JOB_FINISHED, job_id=2))
    assert capsys.readouterr().err.endswith("\nFirst answer: 0.78.\n")


@pytest.mark.slow
def test_on_a_terminal_it_is_a_bar(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    handler = progress.LogHandler(None, None)
    handler.expect({1: 1, 2: 1}, cores=1)
    handler.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    assert "1 of 2 jobs, " in screen.getvalue()
    assert "50%" in screen.getvalue()
    drawn = len(screen.getvalue())
    time.sleep(2.5)
    assert len(screen.getvalue()) > drawn  # its clock is seen to run
    handler.end()
    handler.close()
