"""A stand-in for a Kubernetes cluster: an API server on the loopback, and pods that are processes.

It speaks the part of the API that Snakemake's plugin uses, keeps each job as it was sent, and runs
its command in an empty folder.
"""

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml


class Cluster:
    """A cluster that runs every pod at once.

    Args:
        folder: an empty folder for what pods write and print.
        environment: the variables of the image.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]):
        self.folder = folder
        self.environment = environment
        self.jobs: list[dict[str, Any]] = []
        self.secrets: dict[str, dict[str, str]] = {}
        self._pods: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, job: dict[str, Any]) -> None:
        """Run the one container of a job."""
        name = job["metadata"]["name"]
        (container,) = job["spec"]["template"]["spec"]["containers"]
        workdir = self.folder / name
        workdir.mkdir()
        with (self.folder / f"{name}.log").open("wb") as log:
            self._pods[name] = subprocess.Popen(
                [*container["command"], *container["args"]],
                cwd=workdir,
                env={**self.environment, "HOME": str(workdir), **self._variables(container)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.jobs.append(job)

    def _variables(self, container: dict[str, Any]) -> dict[str, str]:
        """Return the variables that a container takes from secrets."""
        references = {
            each["name"]: each["valueFrom"]["secretKeyRef"] for each in container.get("env", [])
        }
        return {
            name: base64.b64decode(self.secrets[reference["name"]][reference["key"]]).decode()
            for name, reference in references.items()
        }

    def exit_code(self, name: str) -> int | None:
        """Return how the pod of a job has ended, or None."""
        return self._pods[name].poll()

    def log(self, name: str) -> str:
        """Return what the pod of a job has printed."""
        return (self.folder / f"{name}.log").read_text()

    def stop(self) -> None:
        """End what still runs."""
        for pod in self._pods.values():
            pod.kill()
            pod.wait()


def _answer(cluster: Cluster, method: str, path: str, body: Any) -> tuple[int, Any]:
    """Return the status and the body of an answer, as the API's reference gives them."""
    if method == "POST" and path.endswith("/secrets"):
        cluster.secrets[body["metadata"]["name"]] = body["data"]
        return 201, body
    if method == "POST" and path.endswith("/jobs"):
        cluster.start(body)
        return 201, body
    if method == "GET" and (found := re.search(r"/jobs/([^/]+)/status$", path)):
        return 200, {"status": _status(cluster.exit_code(found[1]))}
    if method == "GET" and (found := re.search(r"/pods\?labelSelector=job-name%3D(.+)$", path)):
        return 200, {"items": [_pod(found[1], cluster.exit_code(found[1]))]}
    if method == "GET" and "/log?" in path and "previous=True" in path:
        # There is none, since a pod of a job is never started again.
        return 400, {"message": "previous terminated container not found"}
    if method == "DELETE":
        return 200, {}
    raise AssertionError(f"{method} {path}")


def _status(code: int | None) -> dict[str, int]:
    """Return the status of a job whose pod has ended with an exit code."""
    return {"active": 1} if code is None else {"failed" if code else "succeeded": 1}


def _pod(name: str, code: int | None) -> dict[str, Any]:
    """Return the pod of a job, with what is read of it and what the client wants to see."""
    state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
    container = {"name": "snakemake", "image": "", "imageID": "", "state": state}
    container |= {"ready": False, "restartCount": 0}
    return {"metadata": {"name": name}, "status": {"containerStatuses": [container]}}


@contextmanager
def cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Run a cluster; `folder / "kubeconfig"` says where."""
    running = Cluster(folder, environment)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = _answer(running, self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    (folder / "kubeconfig").write_text(yaml.safe_dump(_kubeconfig(server.server_port)))
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        running.stop()


def _kubeconfig(port: int) -> dict[str, Any]:
    """Return the settings of the client, as they are in ~/.kube/config."""
    return {
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }
