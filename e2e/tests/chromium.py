"""Runs the scripts and tests of e2e/browser in Node."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

BROWSER = Path(__file__).parent.parent / "browser"


class Node:
    """A Node process, which ends with all that it started: with the block, and at the latest after `timeout` seconds."""

    def __init__(self, kinora, *arguments, timeout, **environment):
        # A file: a pipe that nobody reads would stop it once it is full.
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            ["node", *map(str, arguments)],
            cwd=BROWSER,
            env={**os.environ, "KINORA_READY_FILE": str(kinora.ready_file), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            start_new_session=True,
        )
        self.timeout, self.late = timeout, False
        self.watchdog = threading.Timer(timeout, self._too_late)

    def __enter__(self):
        self.watchdog.start()
        return self

    def __exit__(self, *_):
        self.watchdog.cancel()
        self._kill()
        self.process.communicate()
        self.errors.close()

    def answer(self, line):
        # `end` reports why it ended.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def end(self, explain=lambda out: out[-4000:]):
        """Waits for its end, which must be a good one; answers what it printed and nobody has read yet."""
        out, _ = self.process.communicate()
        if self.process.returncode != 0:
            self.errors.seek(0)
            late = [f"it was not done after {self.timeout} s"] if self.late else []
            raise AssertionError("\n".join([*late, explain(out), self.errors.read()[-8000:]]))
        return out

    def _too_late(self):
        self.late = True
        self._kill()

    def _kill(self):
        # The browser is in a group of its own, but it ends when the pipe through which Node drives it is closed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def run_specs(kinora, *files, timeout, **environment):
    """Runs test files one after another; answers what Node printed. What failed is the first thing a failure shows."""

    def failures(out):
        print(out)
        return "\n".join(re.findall(r"^ *not ok .*?^ *\.\.\.$", out, re.M | re.S)) or out

    options = ["--test", "--test-reporter=tap", "--test-concurrency=1"]
    with Node(kinora, *options, *files, timeout=timeout, **environment) as node:
        out = node.end(failures)
    print(out)
    return out
