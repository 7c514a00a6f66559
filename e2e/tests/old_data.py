"""Data folders of releases: how one is filled, packed and unpacked (`e2e/make-data`, `test_upgrade.py`).

What is filled in uses only what every release had from the first one on.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import hls
from kinora_server import BINARY, Kinora, run, wait_for
from visitor import Visitor

DATA = Path(__file__).resolve().parents[1] / "data"
VIEWER = "ann@example.org"
RENAMED = "A film with a name of its own"
# Frames of the films that are made here.
FRAMES = {"film": 72, "waiting": 48, "running": 240}
# The second part comes first: it may be small, which keeps the data small.
FIRST_PART = b"and this is the beginning\n" * 250_000
SECOND_PART = b"the end is there already\n" * 1000
NOTES = {
    "empty.txt": b"",
    "short.txt": b"eleven byte",
    "folder//twice slashed ☂ %2F+.txt": b"the name is the point",
    "long.txt": b"".join(b"line %d of a note that goes over several pieces\n" % n for n in range(1500)),
}


def releases():
    """The releases whose data are there, by name."""
    return sorted(path.name for path in DATA.iterdir() if path.is_dir())


def database_of_its_own():
    """A new PostgreSQL database on the server of the tests."""
    base = os.environ["KINORA_TEST_POSTGRES"]
    name = "release_" + uuid.uuid4().hex
    run("psql", "-q", base, "-c", f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(base)._replace(path="/" + name, query=""))


def unpack(release, engine, folder):
    """Brings back a release's data; answers (data folder, database or None, facts)."""
    # Modes are kept; Debian 12's Python knows no filters and needs none for that.
    modes = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    with tarfile.open(DATA / release / f"{engine}.tar.xz") as packed:
        packed.extractall(folder, **modes)
    facts = json.loads((folder / "facts.json").read_text())
    database = None
    if engine == "postgres":
        database = database_of_its_own()
        run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", folder / "dump.sql", database)
    return folder / "data", database, facts


def film(name, folder):
    """A small film of our own, with sound."""
    path, seconds = folder / f"{name}.mp4", FRAMES[name] // 24
    picture = "testsrc2" if name == "film" else "testsrc"
    run("ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"{picture}=size=320x180:rate=24:duration={seconds}",
        "-f", "lavfi", "-i", f"sine=frequency=330:beep_factor=4:duration={seconds}", "-c:v", "libx264", "-g", "48", "-crf", "32",
        "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "48k", path)
    return path


def chunks(kinora, title):
    """The hash of every stored chunk's plaintext."""
    found = kinora.json("title", "show", title)["chunks"]
    return {f"{c['track']}/{c['chunk']}": c["sha256"] for c in found}


def sign_in(kinora, address):
    """Somebody who signs in by the code in the mailbox."""
    visitor, before = Visitor(kinora), set(kinora.mailbox.glob("*.eml"))
    page = visitor.begin(address)

    def code():
        mails = [path.read_text() for path in set(kinora.mailbox.glob("*.eml")) - before]
        found = [re.search(r"^@\S+ #(\d{6,8})\s*$", mail, re.M) for mail in mails if f"To: {address}" in mail]
        return next((match[1] for match in found if match), None)

    answer = visitor.enter(page, wait_for(code))
    assert answer.status == 200, answer.text
    return visitor


def fill(kinora, folder):
    """One life of an installation: it ends by a sudden death while a film is encoded. Answers what was acknowledged."""
    facts = {"version": run(BINARY, "--version").strip(), "titles": {}, "notes": {}}

    # First: a film, an account, notes, a key; a clean end.
    kinora.start()
    s3 = kinora.boto()
    facts["s3"] = [kinora.s3_access_key, kinora.s3_secret_key]
    s3.create_bucket(Bucket="notes")
    s3.put_object(Bucket="notes", Key="short.txt", Body=b"overwritten")
    s3.put_object(Bucket="notes", Key="gone.txt", Body=b"deleted")
    for key, body in NOTES.items():
        s3.put_object(Bucket="notes", Key=key, Body=body, ContentType="text/x-note", Metadata={"colour": "red"})
        facts["notes"][key] = hashlib.sha256(body).hexdigest()
    s3.delete_object(Bucket="notes", Key="gone.txt")
    s3.upload_file(str(film("film", folder)), "source", "film.mp4")
    title = kinora.wait("film")
    sign_in(kinora, VIEWER)
    operator = Visitor(kinora).by_link(kinora.operator_link)
    assert operator.form(f"/title/{title['id']}", name=RENAMED, visibility="public")[0] == 200
    facts["titles"]["film"] = {"id": title["id"], "chunks": chunks(kinora, title["id"])}
    public = folder / "public.pem"
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    public.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    kinora.cli("key", "add", public)
    facts["keys"] = sorted(str(key) for found in kinora.json("key", "ls") for key in found.values() if str(key).startswith("K"))
    kinora.stop()

    # Then: a film that nobody encodes, half an upload; another clean end.
    kinora.arguments = ["--workers", "0"]
    kinora.start()
    s3 = kinora.boto()
    upload = {"Bucket": "notes", "Key": "parts.bin"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=2, Body=SECOND_PART)
    facts["upload"] = {**upload, "ETag": part["ETag"]}
    s3.upload_file(str(film("waiting", folder)), "source", "waiting.mp4")
    facts["titles"]["waiting"] = {"id": wait_for(lambda: kinora.title("waiting"))["id"]}
    kinora.stop()

    # At last: death while a part of a film is being encoded.
    kinora.arguments = ["--workers", "1"]
    kinora.start()
    kinora.boto().upload_file(str(film("running", folder)), "source", "running.mp4")
    facts["titles"]["running"] = {"id": wait_for(lambda: kinora.title("running"))["id"]}
    running = ["job", "ls", "--title", facts["titles"]["running"]["id"], "--state", "running"]
    wait_for(lambda: [job for job in kinora.json(*running) if job["kind"] == "chunk"], every=0.02)
    kinora.kill()
    return facts


def pack(to, engine):
    """Fills a data folder and packs it."""
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        database = database_of_its_own() if engine == "postgres" else None
        kinora = Kinora(folder / "data", database)
        facts = {"engine": engine, "made_on": time.strftime("%Y-%m-%d", time.gmtime()), **fill(kinora, folder)}
        for left in ["scratch", "mailbox"]:
            shutil.rmtree(kinora.data / left, ignore_errors=True)
        (kinora.data / "control.sock").unlink(missing_ok=True)
        (folder / "facts.json").write_text(json.dumps(facts, indent=1))
        names = ["facts.json", "data"]
        if database:
            # The newest pg_dump writes commands that only the newest psql knows; nothing of ours needs them.
            dump = run("pg_dump", "--no-owner", "--no-privileges", database)
            kept = [line for line in dump.splitlines(True) if not re.match(r"\\(un)?restrict |SET transaction_timeout", line)]
            (folder / "dump.sql").write_text("".join(kept))
            names.append("dump.sql")

        def anonymous(entry):
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            return entry

        to.mkdir(parents=True, exist_ok=True)
        with tarfile.open(to / f"{engine}.tar.xz", "w:xz", preset=9) as packed:
            for name in names:
                packed.add(folder / name, name, filter=anonymous)
        print(f"{to}/{engine}.tar.xz: {(to / f'{engine}.tar.xz').stat().st_size} bytes, {facts['version']}")


def plays(kinora, title, frames, folder):
    """Every rendition of a title and its sound decode without an error line and have all their frames."""
    show = hls.load(kinora.url(title))
    assert show.variants and len(show.audio) == 1
    for n, (_, playlist) in enumerate(show.variants):
        video = hls.save(playlist, folder / f"{title}-{n}.mp4")
        assert hls.decode(video) == [] and hls.frames(video) == frames
    assert hls.decode(hls.save(show.audio[0][1], folder / f"{title}-a.mp4")) == []


if __name__ == "__main__":
    for engine in ["sqlite", "postgres"]:
        pack(Path(sys.argv[1]), engine)
