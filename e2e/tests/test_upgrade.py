"""Data of every release: the current Kinora opens them, keeps all acknowledged data, and resumes the work; older versions refuse newer data."""

import hashlib
import sqlite3
import time

import pytest

import old_data
from kinora_server import BINARY, Kinora, files_below, run, wait_for
from old_data import FIRST_PART, FRAMES, NOTES, RENAMED, SECOND_PART, VIEWER
from visitor import BROWSER

PEOPLE = [VIEWER, "operator@localhost", BROWSER]
# What was given up after days stays however old the data are; what is replaced goes soon.
SETTINGS = {"KINORA__STORE__UPLOAD_DAYS": "36500", "KINORA__STORE__LINGER_SECONDS": "1"}


def ask(kinora, sql):
    """The first column of the rows."""
    if kinora.database:
        return run("psql", "-At", kinora.database, "-c", sql).splitlines()
    database = sqlite3.connect(kinora.data / "kinora.db", timeout=30)
    rows = [str(row[0]) for row in database.execute(sql).fetchall()]
    database.commit()
    database.close()
    return rows


@pytest.fixture(params=old_data.releases())
def old(request, engine, tmp_path):
    """The data of a release before anything of today has seen them: (server that is not started, facts)."""
    data, database, facts = old_data.unpack(request.param, engine, tmp_path)
    kinora = Kinora(data, database, environment=SETTINGS)
    yield kinora, facts
    kinora.stop()


def people(kinora):
    """The addresses that a thief of the database alone can read."""
    kept = kinora.kept()
    return [text for text in PEOPLE if text.encode() in kept]


def refused(kinora):
    """What a start says that is refused."""
    with pytest.raises(AssertionError) as why:
        kinora.start()
    assert kinora.process.returncode not in (0, None)
    return str(why.value)


def complete(kinora, title):
    """Waits for a title whose encode began before: an encoder that is not there any more is said, and replaced."""
    def ended():
        [found] = [t for t in kinora.titles() if t["id"] == title]
        gone = "title reencode" in (found["reason"] or "")
        return found if gone or found["state"] in ("published", "failed", "rejected") else None

    if wait_for(ended, 120)["state"] != "published":
        kinora.cli("title", "reencode", title)
    return wait_for(lambda: [t for t in kinora.titles() if (t["id"], t["state"]) == (title, "published")], 120)


def test_data_of_an_older_version_are_all_there_and_go_on(old, tmp_path):
    kinora, facts = old
    # As if it had been killed just now: nobody waits for the lease of a process that is gone.
    lease = f"lease_until = {int(time.time() + 3600) * 1000}"
    held = ask(kinora, f"UPDATE jobs SET {lease} WHERE state = 'running' RETURNING id")
    assert held
    # As if somebody had cancelled what is done; that version said by whom.
    cancelled = f"'cancelled by {VIEWER}' WHERE state"
    assert ask(kinora, f"UPDATE titles SET reason = {cancelled} = 'published' RETURNING id")
    assert ask(kinora, f"UPDATE jobs SET cause = {cancelled} = 'done' RETURNING id")
    assert people(kinora) == PEOPLE, "they were clear"
    kinora.start()
    # They are sealed, and soon nothing is left of them.
    wait_for(lambda: people(kinora) == [], 60)
    film, waiting, running = (facts["titles"][name]["id"] for name in ["film", "waiting", "running"])

    # What was acknowledged, for the key of then.
    s3 = kinora.boto(*facts["s3"])
    assert {o["Key"] for o in s3.list_objects_v2(Bucket="notes")["Contents"]} == set(NOTES)
    for key, body in NOTES.items():
        found = s3.get_object(Bucket="notes", Key=key)
        assert found["Body"].read() == body and hashlib.sha256(body).hexdigest() == facts["notes"][key]
        assert found["ContentType"] == "text/x-note" and found["Metadata"] == {"colour": "red"}
    assert kinora.json("title", "show", film)["name"] == RENAMED
    assert old_data.chunks(kinora, film) == facts["titles"]["film"]["chunks"]
    assert set(facts["keys"]) <= {str(v) for key in kinora.json("key", "ls") for v in key.values()}
    roles = {person["address"]: person["role"] for person in kinora.json("person", "ls")}
    assert (roles[VIEWER], roles["operator@localhost"]) == ("viewer", "operator")
    assert VIEWER in old_data.sign_in(kinora, VIEWER).ask("/account").text
    old_data.plays(kinora, film, FRAMES["film"], tmp_path)

    # The half of an upload is completed.
    upload = {name: facts["upload"][name] for name in ["Bucket", "Key", "UploadId"]}
    first = s3.upload_part(**upload, PartNumber=1, Body=FIRST_PART)
    parts = [{"PartNumber": 1, "ETag": first["ETag"]}, {"PartNumber": 2, "ETag": facts["upload"]["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    # Jobs resume: those that waited, and those that died.
    complete(kinora, waiting)
    complete(kinora, running)
    assert {job["state"] for job in kinora.wait_for_jobs()} <= {"done", "cancelled"}
    old_data.plays(kinora, waiting, FRAMES["waiting"], tmp_path)
    old_data.plays(kinora, running, FRAMES["running"], tmp_path)

    # What was clear is sealed by and by, and is the same.
    used = "SELECT COUNT(*) FROM parts JOIN files ON files.id = parts.file WHERE dek IS NULL"
    wait_for(lambda: ask(kinora, used) == ["0"], 100)
    assert s3.get_object(Bucket="notes", Key="parts.bin")["Body"].read() == FIRST_PART + SECOND_PART
    assert old_data.chunks(kinora, film) == facts["titles"]["film"]["chunks"]
    old_data.plays(kinora, film, FRAMES["film"], tmp_path)

    # Backups are whole, and the next start finds it all again.
    database = ["--database", kinora.database] if kinora.database else []
    kinora.cli("backup", tmp_path / "backup", *database)
    assert "is intact:" in kinora.cli("backup", tmp_path / "backup", "--check", *database).stdout
    kinora.stop()
    kinora.start()
    s3 = kinora.boto(*facts["s3"])
    assert s3.get_object(Bucket="notes", Key="long.txt")["Body"].read() == NOTES["long.txt"]
    # The clear bytes are gone, too: the row goes after the file.
    wait_for(lambda: ask(kinora, "SELECT COUNT(*) FROM files WHERE dek IS NULL") == ["0"], 100)


def test_another_key_ring_seals_nobody(old, tmp_path):
    kinora, _ = old
    (tmp_path / "passphrase").write_text("one that nobody needs\n")
    made = ["--new", "--keys", tmp_path / "ring", "--data", tmp_path / "nothing"]
    run(BINARY, "key", "export", tmp_path / "export", *made, "--passphrase-file", tmp_path / "passphrase")
    kinora.arguments = ["--keys", tmp_path / "ring"]
    assert "key" in refused(kinora) and people(kinora) == PEOPLE
    kinora.arguments = []
    kinora.start()
    assert {VIEWER, "operator@localhost"} <= {person["address"] for person in kinora.json("person", "ls")}


def test_an_older_version_does_not_touch_the_data_of_a_newer_one(old):
    kinora, _ = old
    kinora.start()
    kinora.stop()
    files = {path: path.read_bytes() for path in files_below(kinora.data / "objects")}
    for owner, step, found in [("blob", 9999, "steps of `blob`"), ("invented", 0, "tables of `invented`")]:
        ask(kinora, f"INSERT INTO migrations (owner, step, name) VALUES ('{owner}', {step}, 'of tomorrow') RETURNING 1")
        said = refused(kinora)
        assert found in said and "start the newer version again" in said, said
        assert files == {path: path.read_bytes() for path in files_below(kinora.data / "objects")}
        ask(kinora, f"DELETE FROM migrations WHERE name = 'of tomorrow' RETURNING 1")
    kinora.start()
