"""Print how a job is that `submit.py` has submitted, as `cluster-generic` asks."""

import sys
from pathlib import Path

ended = Path(sys.argv[-1], "ended")
# The file is there before its content.
code = ended.read_text().strip() if ended.exists() else ""
print({"": "running", "0": "success"}.get(code, "failed"))
