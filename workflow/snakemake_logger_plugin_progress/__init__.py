"""Snakemake logger plugin used by `make`: shows progress, time left and failures.

`--logger progress` finds it by name if this folder's parent is on the Python path.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Mapping
from logging import WARNING, LogRecord
from pathlib import Path
from types import MappingProxyType

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from tqdm import tqdm

from transfer_gain.printable import printable, printable_lines
from transfer_gain.runtime import messages, plan

LAST_LINES = 15  # of a failed job's log
# The planned pace is weighted as if it had been observed for this long.
TRUSTED_SECONDS = 60
# Messages of Snakemake. Those in TOLD repeat what was already shown, so they are left out.
NOTHING_TO_DO = "Nothing to be done"
TOLD = ("At least one job did not complete", "Exiting because a job execution failed")


class LogHandler(LogHandlerBase):
    """Shows a progress bar on a terminal, otherwise one line per job, and failures and warnings."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = False  # Snakemake's own handler, for messages that are passed on unchanged
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.expect({}, 1)

    def expect(
        self,
        seconds: Mapping[int, float],
        cores: int,
        told: Mapping[int, Path | str] = MappingProxyType({}),
    ) -> None:
        """Begin to count.

        Args:
            seconds: rough time of each job on one core, by its number.
            cores: number of cores that the run may use.
            told: files of text that are shown as soon as they are made, by the number of their job.
        """
        self._seconds, self._cores, self._told = dict(seconds), cores, dict(told)
        self._names: dict[int, str] = {}
        self._finished: list[int] = []
        self._ended = threading.Event()
        self._started = time.monotonic()
        self._bar = tqdm(
            total=sum(seconds.values()),
            bar_format="{percentage:3.0f}% {bar:20} {elapsed} {desc}",
            file=sys.stderr,
            disable=not (seconds and sys.stderr.isatty()),
            leave=False,
        )
        self._bar.set_description_str(self._state())
        if not self._bar.disable:
            threading.Thread(target=self._tick, args=(self._bar, self._ended), daemon=True).start()

    def emit(self, record: LogRecord) -> None:
        """Show a message of Snakemake, or leave it out."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self._names[record.jobid] = " ".join([record.rule_name, *record.wildcards.values()])
        elif event == LogEvent.JOB_FINISHED:
            if not self._ended.is_set():
                self._finish(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            # A job that Ctrl-C ended has not failed.
            if not messages.interrupted():
                self._say(self._failure(record))
        elif NOTHING_TO_DO in record.getMessage():
            self._say("Nothing to be done: all requested files are up to date.")
        elif any(told in record.getMessage() for told in TOLD):
            return
        elif record.levelno >= WARNING and getattr(record, "exception", "") != "RuleException":
            self._say(self.format(record))

    def end(self) -> None:
        """Remove the bar for good, so that later output starts on a clean line."""
        self._ended.set()
        self._bar.close()

    @staticmethod
    def _tick(bar: tqdm, ended: threading.Event) -> None:
        """Redraw the bar every second, so that its clock advances."""
        while not ended.wait(1):
            bar.refresh()

    def _finish(self, job: int) -> None:
        self._finished.append(job)
        text = self._state()
        if self._bar.disable:
            self._say(f"{time.strftime('%H:%M:%S')} {text}: {self._names.get(job, job)} is done")
        else:
            self._bar.set_description_str(text, refresh=False)
            self._bar.update(self._seconds.get(job, 0))
            self._bar.refresh()
        if job in self._told:
            self._tell(Path(self._told[job]))

    def _tell(self, path: Path) -> None:
        """Show a text; there is none if a remote storage has taken it away."""
        with contextlib.suppress(OSError):
            text = path.read_text(errors="replace").rstrip()
            self._say(messages.wrapped(printable_lines(text), sys.stderr))

    def _state(self) -> str:
        """Return how many jobs are done and, until all are, the time left."""
        done, jobs = len(self._finished), len(self._seconds)
        return f"{done} of {jobs} jobs" + (f", {self._left()}" if done < jobs else "")

    def _left(self) -> str:
        """Return the time left in words, at the pace of the finished jobs."""
        finished = sum(self._seconds.get(job, 0) for job in self._finished)
        elapsed = time.monotonic() - self._started + TRUSTED_SECONDS
        pace = elapsed / (finished + TRUSTED_SECONDS * self._cores)
        return f"{plan.duration((sum(self._seconds.values()) - finished) * pace)} left"

    def _failure(self, record: LogRecord) -> str:
        """Return which job failed, where its log is, and the last lines of the log."""
        lines = [f"{self._names.get(record.jobid, record.rule_name)} failed."]
        for path in map(Path, list(record.log)[:1]):  # the second file is the job's cost
            ends = path.read_text(errors="replace").splitlines() if path.exists() else []
            how = "ends:" if ends else "is empty."
            lines += [
                f"Its log, {path}, {how}",
                *(f"    {printable(line)}" for line in ends[-LAST_LINES:]),
            ]
        return "\n".join(lines)

    def _say(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)
        sys.stderr.flush()
