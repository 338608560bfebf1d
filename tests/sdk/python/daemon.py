"""A real daemon that the tests started: ready when it says so, stopped by its own process id, waited for."""

import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
COMMAND_SECONDS_MAX = 120

ROOT = pathlib.Path(__file__).resolve().parents[3]


def binary():
    """The binary under test: CHANCERY_BIN, else the dev build."""
    named = os.environ.get("CHANCERY_BIN")
    if named:
        return pathlib.Path(named)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "debug" / "chancery"


def environment(**extra):
    """The caller's environment without anything that would point a command elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CHANCERY_", "ALIBABA_CLOUD_"))
    }
    return kept | extra


class Finished:
    """What a command printed, and how it ended."""

    def __init__(self, completed):
        self.status = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr

    @property
    def json(self):
        """Standard output as one JSON value."""
        return json.loads(self.out)

    def __repr__(self):
        return f"exit status {self.status}\nstdout: {self.out}\nstderr: {self.err}"


def run(*arguments, stdin=None, **extra):
    """Runs the command line and waits for its end."""
    completed = subprocess.run(
        [binary(), *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        env=environment(**extra),
        check=False,
    )
    return Finished(completed)


class Daemon:
    """One data directory, and the daemon on it while it runs."""

    def __init__(self):
        # Short, since the path of a Unix socket has at most 107 bytes.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="chancery-"))
        self.data = self.home / "data"
        self.socket = self.home / "run" / "s.sock"
        self.root_key = self.home / "root.key"
        self.errors = self.home / "stderr"
        self.process = None
        self.port = None

    def start(self, *arguments):
        """Starts the daemon and waits until it says that both listeners are ready."""
        assert self.process is None, "it runs already"
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(
                [
                    binary(), "serve",
                    "--data", self.data,
                    "--socket", self.socket,
                    "--listen", "127.0.0.1:0",
                    "--root-key", self.root_key,
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment(),
            )
        lines = queue.Queue()
        threading.Thread(target=_forward, args=(self.process.stdout, lines), daemon=True).start()
        listeners = self._listeners(lines)
        assert listeners["unix"] == str(self.socket)
        self.port = int(listeners["http"].rsplit(":", 1)[1])
        return self

    def _listeners(self, lines):
        found = {}
        deadline = time.monotonic() + READY_SECONDS_MAX
        while set(found) != {"unix", "http"}:
            try:
                line = lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.kill()
                raise AssertionError(f"the daemon did not start; it said:\n{self.errors.read_text()}")
            word = "listening on "
            if line.startswith(word):
                scheme, _, where = line.removeprefix(word).strip().partition(":")
                found[scheme] = where
        return found

    @property
    def endpoint(self):
        """Where it listens, as the SDKs want it."""
        return f"127.0.0.1:{self.port}"

    @property
    def credentials(self):
        """The root access key that the daemon left for its first user."""
        return json.loads((self.data / "root-access-key.json").read_text())

    def command(self, *arguments, **more):
        """Runs the command line against this daemon's socket, as the daemon's own user."""
        return run(*arguments, **({"CHANCERY_SOCKET": str(self.socket)} | more))

    def stop(self):
        """SIGTERM, and the end must be a clean one."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS_MAX)
        self.process.stdout.close()
        self.process = None
        assert status == 0, f"it ended with {status}; it said:\n{self.errors.read_text()}"

    def kill(self):
        """SIGKILL: a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def remove(self):
        """Ends it, however it is, and removes all it left."""
        self.kill()
        shutil.rmtree(self.home)


def _forward(stream, lines):
    # Goes on reading while the daemon lives, so that it never waits for the pipe.
    try:
        for line in stream:
            lines.put(line)
    except ValueError:
        pass
    lines.put(None)
