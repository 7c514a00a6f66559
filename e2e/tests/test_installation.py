"""The command line as a person meets it."""

import json
import os
import re
import signal
import stat
import subprocess

from kinora_server import BINARY
from visitor import Visitor


def commands(*of):
    """A command and all below it, as its help lists them."""
    shown = subprocess.run([BINARY, *of, "--help"], capture_output=True, text=True)
    assert shown.returncode == 0 and "Usage: kinora" in shown.stdout, f"{of}: {shown.stderr}"
    yield of
    listed = re.search(r"^Commands:\n((?: .*\n|\n(?= ))+)", shown.stdout, re.M)
    for name in re.findall(r"^  ([a-z0-9-]+)", listed[1], re.M) if listed else []:
        if name != "help":
            yield from commands(*of, name)


def test_help_is_there_for_every_command():
    found = set(commands())
    assert {(), ("up",), ("title", "ls"), ("job", "show"), ("event", "send")} < found
    assert len(found) > 40, sorted(found)


def test_a_command_without_a_server_says_how_to_start_one(tmp_path, kinora):
    done = subprocess.run([BINARY, "title", "ls", "--data", tmp_path], capture_output=True, text=True)
    assert done.returncode != 0 and "kinora up" in done.stderr


def test_a_demoted_operator_stops_no_start_and_commands_repair_without_a_server(own_kinora, monkeypatch):
    kinora = own_kinora
    if kinora.database:
        # Commands that open the data folder themselves need the server's settings.
        monkeypatch.setenv("KINORA__DATABASE", kinora.database)
    kinora.cli("signin-link", "second@example.org", "--role", "operator")
    kinora.cli("person", "role", "operator@localhost", "viewer")
    kinora.stop()
    kinora.start()
    assert kinora.operator_link is None and kinora.s3_access_key is None
    kinora.stop()

    def roles():
        return {person["address"]: person["role"] for person in kinora.json("person", "ls")}

    assert roles() == {"operator@localhost": "viewer", "second@example.org": "operator"}
    assert json.loads(kinora.cli("doctor", "--json").stdout)["checks"]
    link = kinora.cli("signin-link", "third@example.org", "--role", "operator").stdout.strip()
    assert link.startswith(kinora.http + "/")
    kinora.cli("person", "suspend", "second@example.org")
    kinora.cli("person", "role", "operator@localhost", "operator")
    made = kinora.json("s3-key", "new", "backup", "--for", "operator@localhost")
    kinora.start()
    assert roles()["operator@localhost"] == "operator"
    assert [key["name"] for key in kinora.json("s3-key", "ls") if key["id"] == made["id"]] == ["backup"]


def test_a_second_server_on_the_same_folder_is_refused(kinora):
    done = subprocess.run(
        [BINARY, "up", "--data", kinora.data, "--http", "127.0.0.1:0", "--s3", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=30,
    )
    assert done.returncode != 0 and "already" in done.stderr


def test_doctor_finds_everything_in_order(kinora):
    found = kinora.json("doctor")
    assert found["checks"]
    assert all(c["ok"] for c in found["checks"]), json.dumps(found, indent=1)


def test_doctor_says_why_no_server_answers(own_kinora, tmp_path):
    # A user without the right is not root, or root without the power over all files.
    tame = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

    def server(data=own_kinora.data):
        command = [*tame, BINARY, "doctor", "--json", "--data", data]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        [check] = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "server"]
        assert check["ok"] or done.returncode == 1
        return check["ok"], check["finding"]

    assert server(tmp_path / "nothing") == (True, "no server is running for this data folder; start it with `kinora up`")
    assert server() == (True, f"answers at {own_kinora.http}")

    socket = own_kinora.data / "control.sock"
    socket.chmod(0)
    ok, finding = server()
    assert not ok and "the server's user" in finding and "Permission denied" in finding
    socket.chmod(0o600)

    own_kinora.process.send_signal(signal.SIGSTOP)
    ok, finding = server()
    own_kinora.process.send_signal(signal.SIGCONT)
    assert not ok and "does not answer" in finding
    assert server()[0]

    own_kinora.kill()
    ok, finding = server()
    assert ok and "no longer running" in finding


def test_the_data_folder_is_private(kinora):
    assert stat.S_IMODE(os.stat(kinora.data).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(kinora.data / "control.sock").st_mode) == 0o600


def test_listings_take_json(kinora):
    for command in [["title", "ls"], ["job", "ls"], ["key", "ls"]]:
        assert isinstance(kinora.json(*command), list)


def test_the_operator_link_works_once(own_kinora):
    link, operator = own_kinora.operator_link, Visitor(own_kinora, follow=False)
    for _ in range(2):
        shown = operator.ask(link)
        assert shown.status == 200 and "<form" in shown.text, "who only looks does not use it up"
    assert operator.form(link).status == 303
    assert operator.ask("/jobs").status == 200
    other = Visitor(own_kinora, follow=False)
    assert (other.ask(link).status, other.form(link).status) == (410, 410)
    assert other.ask("/jobs").status == 303


def test_who_has_read_enough_of_an_answer_is_no_error(kinora):
    read, write = os.pipe()
    os.close(read)
    for command in [["title", "ls", "--json"], ["job", "ls"], ["metrics"]]:
        done = subprocess.run([BINARY, *command, "--data", kinora.data], stdout=write, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (0, ""), command
    os.close(write)
