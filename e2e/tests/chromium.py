"""Runs the tests of e2e/browser in Node."""

import os
import re
import subprocess
from pathlib import Path

BROWSER = Path(__file__).parent.parent / "browser"


def run_specs(kinora, *files, timeout, **environment):
    """Runs test files one after another; answers what Node printed. What failed is the first thing a failure shows."""
    command = ["node", "--test", "--test-reporter=tap", "--test-concurrency=1", *map(str, files)]
    environment = {**os.environ, "KINORA_READY_FILE": str(kinora.ready_file), **environment}
    done = subprocess.run(command, cwd=BROWSER, env=environment, capture_output=True, text=True, timeout=timeout)
    print(done.stdout)
    failed = re.findall(r"^ *not ok .*?^ *\.\.\.$", done.stdout, re.M | re.S)
    assert done.returncode == 0, "\n".join([*failed, done.stderr[-4000:]]) or done.stdout
    return done.stdout
