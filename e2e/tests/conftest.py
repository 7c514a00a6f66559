"""Fixtures: a real Kinora, started on a throw-away folder and random ports."""

import json
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
    """A server with films for many viewers; each test restarts it with settings of its own."""
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
    """Without root, mounting needs a namespace of its own: the test runs there, in another pytest."""
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


# Files whose tests take longest: each share begins with one of them, so that none is left alone with it at the end.
LONGEST = ["test_media", "test_browser", "test_kill", "test_operate", "test_signin", "test_thread", "test_formats"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Leaves out what another engine shows already, and begins with the longest files."""
    twice = [item for item in items if item.get_closest_marker("one_engine") and engine_of(item) == "postgres"]
    if twice:
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in set(twice)]
    if config.getoption("numprocesses", None) or "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def engine_of(item):
    """The database that a test runs on; what does not ask for one takes SQLite."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters.get("engine", "sqlite")


def pytest_terminal_summary(terminalreporter, config):
    """Prints how long the tests of each file took, and keeps that for comparison."""
    spent = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "when"):
                file = report.nodeid.split("::")[0].rsplit("/", 1)[-1]
                spent[file] = spent.get(file, 0) + report.duration
    if not spent:
        return
    terminalreporter.section("seconds by file")
    for file, seconds in sorted(spent.items(), key=lambda one: -one[1]):
        terminalreporter.write_line(f"{seconds:8.1f}  {file}")
    kept = Path(config.rootpath).parent / "target" / "durations"
    kept.mkdir(parents=True, exist_ok=True)
    name = "alone" if config.option.markexpr.startswith("alone") else "shared"
    (kept / f"e2e-{name}.json").write_text(json.dumps(spent, indent=1, sort_keys=True))


def pytest_configure(config):
    if config.option.help or config.option.collectonly:
        return
    for tool in ["ffmpeg", "ffprobe"]:
        if not shutil.which(tool):
            raise pytest.UsageError(f"{tool} is missing: run tools/setup test")
    if not shutil.which(BINARY):
        raise pytest.UsageError(f"{BINARY} is missing: build it first (make e2e does), or name another one by KINORA_BIN")
    print(run(BINARY, "--version").strip())
