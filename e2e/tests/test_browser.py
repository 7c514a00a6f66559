"""Runs the browser tests of e2e/browser against a server of their own titles."""

import os
import subprocess
from pathlib import Path

import pytest

import spoken

BROWSER = Path(__file__).parent.parent / "browser"


@pytest.mark.browser
def test_pages_in_headless_chromium(kinora, clip, tmp_path):
    s3 = kinora.boto()
    s3.upload_file(str(spoken.film(tmp_path)), "source", "browser-spoken.mp4")
    s3.upload_file(str(clip("hd")), "source", "browser-film.mp4")
    s3.put_object(Bucket="source", Key="browser-not-a-film.mp4", Body=b"#EXTM3U\nfile:///etc/passwd\n")
    title = kinora.wait("browser-film")
    kinora.wait("browser-not-a-film", states=("rejected",))
    environment = {**os.environ, "KINORA_READY_FILE": str(kinora.ready_file), "KINORA_TITLE": title["id"]}
    environment["KINORA_SPOKEN"] = kinora.wait("browser-spoken")["id"]
    environment["KINORA_UPLOAD"] = str(clip("noisy"))
    environment["KINORA_SIGNIN_LINK"] = kinora.cli("signin-link", "browser@example.org", "--role", "operator").stdout.strip()
    specs = sorted(str(p) for p in BROWSER.glob("*.spec.mjs"))
    assert specs
    done = subprocess.run(
        ["node", "--test", "--test-concurrency=1", *specs], cwd=BROWSER, env=environment, capture_output=True, text=True, timeout=900
    )
    print(done.stdout[-20_000:])
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4000:]
