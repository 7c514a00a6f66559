"""Backups under load, and what is made of them."""

import contextlib
import hashlib
import json
import os
import subprocess
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit, urlunsplit

import pytest

from faults import Faults, small_disk
from kinora_server import BINARY, Kinora, postgres_address, run, wait_for


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text("seven words that nobody would ever guess")
    return path


def empty_database(address):
    """A PostgreSQL database with nothing in it, on the same server and with the same search path; None for SQLite."""
    if address is None:
        return None
    name = "restored_" + uuid.uuid4().hex
    run("psql", "-q", address, "-c", f"CREATE DATABASE {name}")
    place = urlsplit(address)
    return urlunsplit(place._replace(path="/" + name))


def backup(kinora, to, *arguments, check=True):
    database = ["--database", kinora.database] if kinora.database else []
    return kinora.cli("backup", to, *database, *arguments, check=check)


def test_a_backup_under_load_restores_to_titles_that_play(engine, tmp_path, clip, passphrase):
    kinora = Kinora(tmp_path / "data", postgres_address(engine)).start()
    kinora.boto().upload_file(str(clip("short")), "source", "film.mp4")
    kinora.wait("film")
    chunks = kinora.json("title", "show", "film")["chunks"]
    stop, acknowledged = threading.Event(), []

    def load():
        s3, n = kinora.boto(), 0
        while not stop.is_set():
            n += 1
            body = hashlib.shake_256(b"%d" % n).digest(200_000)
            s3.put_object(Bucket="source", Key=f"load/{n}.txt", Body=body)
            acknowledged.append(n)
            # Overwritten and deleted objects lose their files while the backup runs.
            if n > 3:
                s3.delete_object(Bucket="source", Key=f"load/{n - 3}.txt")

    thread = threading.Thread(target=load)
    thread.start()
    to = tmp_path / "backup"
    try:
        first = backup(kinora, to)
        assert "key ring is not included" in first.stdout and "EVERYTHING" in first.stdout
        second = backup(kinora, to)
        before = json.loads((to / "manifest.json").read_text())
        assert before["turn"] == 2 and not (to / "keys").exists()
    finally:
        stop.set()
        thread.join()
    new = int(second.stdout.split("; ")[1].split(" ")[0])
    assert new < before["count"], "the second one adds only what is new"
    last = max(acknowledged)
    backup(kinora, to)
    assert "is intact:" in backup(kinora, to, "--check").stdout
    kinora.cli("key", "export", tmp_path / "keys.txt", "--passphrase-file", passphrase)
    kinora.stop()

    # Any tool can check it.
    manifest = json.loads((to / "manifest.json").read_text())
    listed = "".join(l for l in (to / manifest["objects"]).read_text().splitlines(True) if not l.startswith("#"))
    run("sha256sum", "--check", "--quiet", "-", cwd=to, input=listed)

    # What cannot be restored is refused before anything is written.
    never = Kinora(tmp_path / "never")
    wrong = [[], ["--database", kinora.database]] if kinora.database else [["--database", "postgres://localhost/none"]]
    for arguments in wrong:
        refused = never.cli("restore", to, *arguments, check=False)
        assert refused.returncode != 0 and "--database" in refused.stderr, refused.stderr
        assert not never.data.exists()

    again = Kinora(tmp_path / "again", empty_database(kinora.database))
    database = ["--database", again.database] if again.database else []
    restored = again.cli("restore", to, *database)
    assert "kinora key import" in restored.stdout
    with pytest.raises(AssertionError, match="key ring"):
        again.start()
    again.cli("key", "import", tmp_path / "keys.txt", "--passphrase-file", passphrase)
    again.start()
    assert again.json("title", "show", "film")["chunks"] == chunks
    body = again.boto().get_object(Bucket="source", Key=f"load/{last}.txt")["Body"].read()
    assert body == hashlib.shake_256(b"%d" % last).digest(200_000)
    run("ffmpeg", "-v", "error", "-xerror", "-i", again.url("film"), "-f", "null", "-")
    again.stop()

    refused = again.cli("restore", to, *database, check=False)
    assert refused.returncode != 0 and "not empty" in refused.stderr


def test_a_damaged_backup_is_told_and_not_restored(tmp_path):
    kinora = Kinora(tmp_path / "data", None, ["--workers", "0"]).start()
    for n in range(3):
        kinora.boto().put_object(Bucket="source", Key=f"{n}.bin", Body=b"%d" % n * 5000)
    to = tmp_path / "backup"
    said = backup(kinora, to, "--with-keys").stdout
    assert "THE KEY RING IS INCLUDED" in said and oct((to / "keys/ring").stat().st_mode & 0o777) == "0o600"
    kinora.stop()

    # Hard links: what is damaged here would be damaged there, so it is a copy that gets damaged.
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", to, copy], check=True)
    victim = next(p for p in (copy / "objects").rglob("*") if p.is_file())
    content = bytearray(victim.read_bytes())
    content[100] ^= 1
    victim.write_bytes(content)
    new = Kinora(tmp_path / "new")
    refused = new.cli("restore", copy, check=False)
    assert refused.returncode != 0 and victim.name in refused.stderr and not new.data.exists()
    assert new.cli("backup", copy, "--check", check=False).returncode != 0
    assert "1 objects were new" in backup(kinora, copy).stdout
    assert "is intact:" in backup(kinora, copy, "--check").stdout

    assert "The key ring was in the backup" in new.cli("restore", to).stdout
    new.start()
    assert new.boto().get_object(Bucket="source", Key="2.bin")["Body"].read() == b"2" * 5000
    new.stop()


def test_keys_that_are_made_during_a_backup_are_in_it(engine, tmp_path):
    kinora = Kinora(tmp_path / "data", postgres_address(engine), ["--workers", "0"]).start()
    for n in range(3):
        kinora.boto().put_object(Bucket="source", Key=f"{n}.bin", Body=b"%d" % n * 5000)
    kinora.cli("signin-link", "ann@example.org")
    to = tmp_path / "backup"
    backup(kinora, to, "--with-keys")
    # The next one reads this before it copies anything, and waits for its writer.
    list_of_objects = to / "objects-1.sha256"
    text = list_of_objects.read_bytes()
    list_of_objects.unlink()
    os.mkfifo(list_of_objects)

    def opened():
        with contextlib.suppress(OSError):
            return os.open(list_of_objects, os.O_WRONLY | os.O_NONBLOCK)

    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(backup, kinora, to, "--with-keys")
        pipe = wait_for(opened, every=0.01)
        for purpose in ["media", "personal", "signing"]:
            assert kinora.json("key", "rotate", purpose)["version"] == 2
        kinora.boto().put_object(Bucket="source", Key="3.bin", Body=b"3" * 5000)
        kinora.cli("signin-link", "bob@example.org")
        os.write(pipe, text)
        os.close(pipe)
        assert "THE KEY RING IS INCLUDED" in under_way.result().stdout
    kinora.stop()

    again = Kinora(tmp_path / "again", empty_database(kinora.database), ["--workers", "0"])
    again.cli("restore", to, *(["--database", again.database] if again.database else []))
    again.start()
    for n in range(4):
        assert again.boto().get_object(Bucket="source", Key=f"{n}.bin")["Body"].read() == b"%d" % n * 5000
    assert {"ann@example.org", "bob@example.org"} <= {one["address"] for one in again.json("person", "ls")}
    again.stop()


def test_a_file_that_the_disk_lost_does_not_end_the_backup_of_the_others(tmp_path):
    kinora = Kinora(tmp_path / "data", None, ["--workers", "0"]).start()
    for n in range(3):
        kinora.boto().put_object(Bucket="source", Key=f"{n}.bin", Body=b"%d" % n * 5000)
    stored = [p for p in (kinora.data / "objects").rglob("*") if p.is_file() and p.name != "id"]
    lost = stored[1].name
    environment = {**os.environ, **Faults(tmp_path / "faults", kinora.data).unreadable(lost)}
    # As a second name on the same disk, and as a copy on another one.
    with small_disk(tmp_path / "disk", 64) as disk:
        for to in (tmp_path / "backup", disk / "backup"):
            command = [BINARY, "backup", "--data", kinora.data, to]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
            assert done.returncode != 0 and f"1 stored files are lost or damaged in {kinora.data}" in done.stderr, done
            assert lost in done.stderr and "2 objects" in done.stdout
            checked = kinora.cli("backup", to, "--check", check=False)
            assert checked.returncode != 0 and "1 had been lost before" in checked.stderr, checked
            # It was a loose cable.
            assert "1 objects were new" in backup(kinora, to).stdout
            assert "is intact:" in backup(kinora, to, "--check").stdout
    kinora.stop()


@pytest.mark.parametrize("stored", [True, False])
def test_a_start_on_another_database_is_refused_and_touches_nothing(engine, tmp_path, stored):
    kinora = Kinora(tmp_path / "data", postgres_address(engine), ["--workers", "0"]).start()
    if stored:
        kinora.boto().put_object(Bucket="source", Key="a.bin", Body=b"a" * 5000)
    kinora.stop()
    objects = {p: p.read_bytes() for p in (kinora.data / "objects").rglob("*") if p.is_file()}
    for path in objects:
        os.utime(path, (0, 0))
    # The setting is forgotten, or the file is lost.
    database, kinora.database = kinora.database, None
    if not database:
        (kinora.data / "kinora.db").rename(tmp_path / "kinora.db")
    with pytest.raises(AssertionError, match="set `database`"):
        kinora.start()
    assert objects == {p: p.read_bytes() for p in (kinora.data / "objects").rglob("*") if p.is_file()}
    kinora.database = database
    # A new one would be backed up in the place of what was there.
    assert not list(kinora.data.glob("kinora.db*"))
    if not database:
        (tmp_path / "kinora.db").rename(kinora.data / "kinora.db")
    else:
        # The setting names a new one.
        kinora.database = postgres_address(engine)
        with pytest.raises(AssertionError, match="set `database`"):
            kinora.start()
        tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()"
        assert run("psql", "-At", kinora.database, "-c", tables).strip() == "0"
        kinora.database = database
    kinora.start()
    if stored:
        assert kinora.boto().get_object(Bucket="source", Key="a.bin")["Body"].read() == b"a" * 5000
    kinora.stop()


def test_a_folder_with_something_else_is_not_backed_up_into(tmp_path):
    kinora = Kinora(tmp_path / "data", None, ["--workers", "0"]).start()
    kinora.stop()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    refused = backup(kinora, tmp_path / "other", check=False)
    assert refused.returncode != 0 and "other files" in refused.stderr
    assert os.listdir(tmp_path / "other") == ["letter.txt"]
    refused = kinora.cli("restore", tmp_path / "other", check=False)
    assert refused.returncode != 0 and "is not a backup" in refused.stderr


def test_a_flipped_bit_is_found_named_with_its_title_and_mended(engine, tmp_path, clip):
    kinora = Kinora(tmp_path / "data", postgres_address(engine)).start()
    kinora.boto().upload_file(str(clip("short")), "source", "film.mp4")
    title = kinora.wait("film")["id"]
    kinora.wait_for_jobs()
    to = tmp_path / "backup"
    backup(kinora, to)
    # Of another inode than that in the backup.
    victim = max((p for p in (kinora.data / "objects").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[4000] ^= 1
    victim.unlink()
    victim.write_bytes(content)

    deep = kinora.cli("doctor", "--deep", check=False)
    assert deep.returncode == 1 and "1 are damaged" in deep.stdout and f'"film" ({title})' in deep.stdout, deep.stdout
    assert kinora.json("title", "show", "film")["damaged"]
    fresh = backup(kinora, tmp_path / "fresh", check=False)
    assert fresh.returncode == 1 and victim.name in fresh.stderr and f'"film" ({title})' in fresh.stderr, fresh.stderr
    assert "kinora restore --damaged" in backup(kinora, to).stdout
    database = ["--database", kinora.database] if kinora.database else []
    assert "1 stored files were restored" in kinora.cli("restore", "--damaged", to, *database).stdout
    assert "damaged" not in kinora.json("title", "show", "film")
    assert all(c["ok"] for c in kinora.json("doctor", "--deep")["checks"] if c["name"] == "stored files")
    backup(kinora, to)
    kinora.stop()
    assert kinora.start().boto().get_object(Bucket="source", Key="film.mp4")["Body"].read() == clip("short").read_bytes()
    kinora.stop()
