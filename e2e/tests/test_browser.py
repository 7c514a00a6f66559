"""Runs the browser tests of e2e/browser against a server of their own titles; KINORA_SPECS names one (`upload`)."""

import os

import pytest

import spoken
from chromium import BROWSER, run_specs


# Those whose subject is what the server keeps. How pages look, films play and files are sent does not depend on the
# database: what uploads keep in it is tested in their crate, on both engines.
WRITE = ["home", "operate", "sign-in"]


@pytest.mark.browser
def test_pages_in_headless_chromium(kinora, engine, clip, tmp_path):
    s3 = kinora.boto()
    s3.upload_file(str(spoken.film(tmp_path)), "source", "browser-spoken.mp4")
    s3.upload_file(str(clip("hd")), "source", "browser-film.mp4")
    s3.put_object(Bucket="source", Key="browser-not-a-film.mp4", Body=b"#EXTM3U\nfile:///etc/passwd\n")
    title = kinora.wait("browser-film")
    kinora.wait("browser-not-a-film", states=("rejected",))
    # Pages reload when work ends: not during a test that looks at them.
    kinora.wait_for_jobs()
    named = [os.environ["KINORA_SPECS"]] if "KINORA_SPECS" in os.environ else ["*"] if engine == "sqlite" else WRITE
    specs = sorted(spec for name in named for spec in BROWSER.glob(f"{name}.spec.mjs"))
    assert len(specs) >= len(named), specs
    run_specs(
        kinora,
        *specs,
        timeout=3600,
        KINORA_TITLE=title["id"],
        KINORA_SPOKEN=kinora.wait("browser-spoken")["id"],
        KINORA_UPLOAD=str(clip("noisy")),
        KINORA_SIGNIN_LINK=kinora.cli("signin-link", "browser@example.org", "--role", "operator").stdout.strip(),
    )
