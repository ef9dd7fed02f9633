"""Submit a job, as the executor `cluster-generic` asks: run it in an empty folder of its own.

The folder is all that the job has: it sees neither the checkout nor the folders of other jobs.
What this prints, the folder, is the job's name.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp(prefix="job-", dir=os.environ["STORE_JOBS"]))
(folder / "empty").mkdir()
passed = ("PATH", "LANG", "TMPDIR")
environment = {name: os.environ[name] for name in passed if name in os.environ}
environment |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
# The script is read before its folder is gone.
(folder / "script").write_text(Path(sys.argv[-1]).read_text())
with (folder / "log").open("w") as log:
    subprocess.Popen(
        ["/bin/sh", "-c", f"/bin/sh {folder}/script; echo $? > {folder}/ended"],
        cwd=folder / "empty",
        env=environment | {"HOME": str(folder / "empty")},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
print(folder)
