"""What is in deploy/ is what its readers take: the compose file by its schema, the unit by systemd itself."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from kinora_server import BINARY, run
from production import DEPLOY

# systemd's own measure: 0 is confined, 10 is free. Network and the encoder's namespaces are the rest.
EXPOSURE = 2.5

# How long it takes besides to end its parts, the last changes, the database and steps that nothing can break off: a test of
# the binary adds them up and holds this to it.
LAST_SECONDS = 16


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """The unit, with programs that are on this machine."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze (not installed)")
    unit = tmp_path_factory.mktemp("unit") / "kinora.service"
    text = (DEPLOY / "kinora.service").read_text()
    unit.write_text(text.replace("/usr/local/bin/kinora", os.path.abspath(BINARY)))
    return unit


def stop_seconds():
    """How long Kinora lets requests end when nobody sets it: the sample of the settings stands at the defaults, which a
    test of the binary holds it to."""
    (seconds,) = re.findall(r"^#stop_seconds = (\d+)$", (DEPLOY / "kinora.toml").read_text(), re.M)
    return int(seconds)


def test_the_compose_file_is_one():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"]
    run(*check)


def test_a_compose_file_with_a_wrong_word_is_none(tmp_path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("read_only:", "read_olny:"))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", wrong]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 1 and "read_olny" in done.stdout


def test_every_container_is_confined_and_finds_what_it_names():
    compose = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    for name, service in compose["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and "privileged" not in service, name
        user = service["user"].split(":")[0]
        assert user != "0" and "docker.sock" not in str(service), name
        assert set(service["secrets"]) <= compose["secrets"].keys()
        assert set(service["networks"]) <= compose["networks"].keys()
        named = [volume.split(":")[0] for volume in service["volumes"] if not volume.startswith((".", "/"))]
        assert set(named) <= compose["volumes"].keys()
        assert ("outer" in service["networks"]) == bool(service.get("ports")), "only what has doors is outside"
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
            assert f"--uid {user} " in (DEPLOY / "Dockerfile").read_text()
    grace = int(compose["services"]["kinora"]["stop_grace_period"].rstrip("s"))
    assert grace > stop_seconds() + LAST_SECONDS


def test_systemd_waits_for_answers_that_end():
    (grace,) = re.findall(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "kinora.service").read_text(), re.M)
    assert int(grace) > stop_seconds() + LAST_SECONDS


def test_systemd_takes_the_unit(unit):
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_the_unit_confined(unit):
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unrecognized option" in done.stderr:
        pytest.skip("systemd-analyze security --offline (systemd 250 or newer)")
    assert done.returncode == 0, done.stdout[-300:]
