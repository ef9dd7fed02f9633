"""Snakemake logger plugin of the tests: writes each planned or started job as a line of JSON.

`--logger jobs --logger-jobs-file FILE` finds it by name if this folder's parent is on the Python
path. Whatever else logs goes on as before.
"""

import json
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """What `--logger-jobs-...` sets."""

    file: str = field(default="jobs", metadata={"help": "file to write"})


class LogHandler(LogHandlerBase):
    """Writes rule, wildcards, output, reason and resources of each job."""

    writes_to_stream = False
    writes_to_file = False  # as Snakemake means it: of a file name that it asks for
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        # A run without jobs leaves an empty file, a handler that was never made leaves none.
        Path(self.settings.file).touch()

    def emit(self, record: LogRecord) -> None:
        """Append a job's line."""
        if getattr(record, "event", None) != LogEvent.JOB_INFO:
            return
        job = {
            "rule": record.rule_name,
            "wildcards": dict(record.wildcards),
            "output": list(record.output),
            "reason": record.reason,
            "resources": dict(record.resources.items()),
        }
        with Path(self.settings.file).open("a") as file:
            file.write(json.dumps(job, default=str) + "\n")
