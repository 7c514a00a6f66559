"""Fixtures: a real Kinora, started on a throw-away folder and random ports."""

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from crowd import House
from kinora_server import BINARY, Kinora, clips, postgres_address, run

ENGINES = ["sqlite", "postgres"]


@pytest.fixture(scope="session", params=ENGINES)
def engine(request):
    if request.param == "postgres" and not os.environ.get("KINORA_TEST_POSTGRES"):
        pytest.skip("PostgreSQL (KINORA_TEST_POSTGRES is not set)")
    return request.param


@pytest.fixture(scope="session")
def kinora(engine, tmp_path_factory):
    """One server for all tests that do not harm it."""
    server = Kinora(tmp_path_factory.mktemp("kinora") / "data", postgres_address(engine))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_kinora(engine, tmp_path):
    """A server that belongs to one test, which may kill it."""
    server = Kinora(tmp_path / "data", postgres_address(engine))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def narrow_kinora(engine, tmp_path):
    """One of its own that encodes two parts at a time: others wait, however many processors there are."""
    server = Kinora(tmp_path / "data", postgres_address(engine), ["--workers", "2"])
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Makes (once) or finds clips by name: see `clips`."""
    folder = tmp_path_factory.mktemp("clips")
    return lambda name: clips(name, folder)


@pytest.fixture(scope="session")
def house(tmp_path_factory, clip):
    """A server with films for many viewers; each test starts it anew with settings of its own."""
    house = House(tmp_path_factory.mktemp("house"), clip)
    yield house
    house.kinora.stop()


@pytest.fixture(scope="session")
def shared():
    """The folder of shared clips; tests that need it are skipped without it."""
    folder = Path(os.environ.get("KINORA_SHARED", "../shared")) / "media"
    if not folder.is_dir():
        pytest.skip(f"shared clips ({folder} is not there)")
    return folder


@pytest.fixture
def unique():
    """A short name that no other test uses."""
    return uuid.uuid4().hex[:8]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Who is not root may mount in a namespace of its own: there the test is run, by another pytest."""
    apart = ["unshare", "--map-root-user", "--mount"]
    if not pyfuncitem.get_closest_marker("mounts") or os.geteuid() == 0:
        return None
    if subprocess.run([*apart, "true"], capture_output=True).returncode != 0:
        return None
    folder = pyfuncitem.funcargs["tmp_path"].parent / f"apart-{uuid.uuid4().hex[:8]}"
    command = [*apart, sys.executable, "-m", "pytest", "-q", "-rs", "-s", f"--basetemp={folder}", pyfuncitem.nodeid]
    done = subprocess.run(command, cwd=pyfuncitem.config.rootpath, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    return True


def pytest_configure(config):
    if config.option.help or config.option.collectonly:
        return
    for tool in ["ffmpeg", "ffprobe"]:
        if not shutil.which(tool):
            raise pytest.UsageError(f"{tool} is missing: run tools/setup test")
    if not shutil.which(BINARY):
        raise pytest.UsageError(f"{BINARY} is missing: build it first (make e2e does), or name another one by KINORA_BIN")
    print(run(BINARY, "--version").strip())
