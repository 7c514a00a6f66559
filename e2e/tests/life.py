"""One server's life under deaths: clients that write down what was acknowledged, and a hand that kills.

Each kind of work (`KINDS`) is a thread that goes on whatever happens to the server and notes what must hold; `strike`
waits until that kind is under way, and kills a moment later. Everything is drawn from one seed.
"""

import base64
import hashlib
import json
import random
import threading
import time
import zlib
from collections import Counter

from botocore.exceptions import BotoCoreError, ClientError

import hls
from audit import audit
from visitor import Visitor, ask

MIB = 1 << 20
# How long after it was begun something of a kind is likely to be under way, in seconds.
KINDS = {"put": 0.05, "multipart": 0.3, "browser": 0.4, "encode": 2.0, "publish": 0.4, "delete": 0.3, "rotate": 0.2}
# What a client may be told when the disk is full or broken; everything else it may get is the connection's end.
REFUSALS = {500, 503, 507}


def padded(clip):
    """The film in more than one part: after its end comes a box of noise that players skip."""
    noise = random.Random(0).randbytes(9 * MIB)
    return clip + (len(noise) + 8).to_bytes(4, "big") + b"free" + noise


class Life:
    # In all lives of this session, by the engine's name.
    killed = Counter()

    def __init__(self, kinora, seed, clip):
        self.kinora, self.seed, self.clip = kinora, seed, clip.read_bytes()
        self.dice = random.Random(seed)
        self.kills = 0
        self.stopping = threading.Event()
        self.under_way = {kind: threading.Event() for kind in KINDS}
        # For each key of bucket `kept` what may be there: more than one thing after an answer that did not come.
        self.may_be = {}
        # Names of titles that must be published in the end, rejected, gone.
        self.films, self.rejected, self.deleted = set(), set(), set()
        self.rotations = 0
        self.refusals, self.losses = [], []
        self.threads = []

    # The hand that kills.

    def begin(self, kinds=("put", "multipart", "browser", "film", "rotate")):
        self.kinora.boto().create_bucket(Bucket="kept")
        self.visitor = Visitor(self.kinora).by_link(self.kinora.operator_link)
        for kind in kinds:
            dice = random.Random(f"{self.seed}/{kind}")
            thread = threading.Thread(target=self.forever, args=(getattr(self, kind), dice), daemon=True)
            thread.start()
            self.threads.append(thread)
        return self

    def strike(self, kind, before_start=lambda: None):
        """Kills the server while something of a kind is under way, and starts it again."""
        self.under_way[kind].clear()
        assert self.under_way[kind].wait(90), f"no {kind} in 90 s (seed {self.seed}): {self.kinora.log_tail()}"
        time.sleep(self.dice.uniform(0, KINDS[kind]))
        self.kill(before_start)

    def kill(self, before_start=lambda: None):
        ended = self.kinora.process.poll()
        assert ended is None, f"it ended by itself with {ended} (seed {self.seed}):\n{self.kinora.log_tail(40)}"
        self.kinora.kill()
        self.kills += 1
        Life.killed["PostgreSQL" if self.kinora.database else "SQLite"] += 1
        before_start()
        self.kinora.start(in_place=True)

    def end(self, undisturbed):
        """Lets everything come to its end and compares it with what was promised."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(180)
            assert not thread.is_alive(), f"a client hangs (seed {self.seed}):\n{self.kinora.log_tail(40)}"
        assert not self.losses, f"seed {self.seed}: {self.losses}"
        jobs = self.settle()
        assert all(job["reason"] for job in jobs if job["state"] != "done"), jobs
        titles = {title["name"]: title for title in self.kinora.titles()}
        assert len(titles) == len(self.kinora.titles()), "one upload is one title"
        assert self.films <= titles.keys() and not self.deleted & titles.keys(), (self.films, self.deleted, titles)
        for name in sorted(self.films):
            assert titles[name]["state"] == "published", titles[name]
            assert hashes(self.kinora, titles[name]["id"]) == undisturbed[name.rstrip("0123456789")], name
        for name in sorted(self.rejected):
            assert titles[name]["state"] == "rejected" and titles[name]["reason"], titles[name]
        self.compare()
        audit(self.kinora)
        self.compare()
        return self

    def settle(self):
        """Waits for all work; what failed while the disk was broken said why, and is tried again."""
        for _ in range(3):
            jobs = self.kinora.wait_for_jobs()
            failed = [title for title in self.kinora.titles() if title["state"] == "failed"]
            if not failed:
                return jobs
            for title in failed:
                assert title["reason"], title
                self.kinora.cli("title", "retry", title["id"])
        raise AssertionError(f"seed {self.seed}: {failed}")

    def compare(self):
        s3 = self.kinora.boto()
        listed = set()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kept"):
            listed |= {item["Key"] for item in page.get("Contents", [])}
        for key, may_be in self.may_be.items():
            there = self.read(key)
            assert there in may_be, f"{key} is not what was acknowledged (seed {self.seed})"
            assert (there is not None) == (key in listed), f"{key} is listed wrongly (seed {self.seed})"
        assert listed <= self.may_be.keys()
        assert self.may_be

    # The clients.

    def forever(self, work, dice):
        n = 0
        while not self.stopping.is_set():
            try:
                work(n, dice)
            except Lost as loss:
                self.losses.append(str(loss))
            except Exception as error:
                self.losses.append(f"{work.__name__}: {error!r}")
            n += 1
            time.sleep(0.05)

    def until_told(self, ask, kind=None):
        """Asks until there is an answer that is not the server's death or the disk's; answers that."""
        deadline = time.monotonic() + 240
        while True:
            if kind:
                self.under_way[kind].set()
            try:
                return ask()
            except Exception as error:
                self.note(error)
                if time.monotonic() > deadline:
                    raise Lost(f"no answer for 240 s, at last {error!r}") from error
                time.sleep(0.1)

    def note(self, error):
        """Keeps what a client was told; raises what nobody may be told."""
        if isinstance(error, ClientError):
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            self.refusals.append((status, error.response["Error"].get("Message", "")))
            if status not in REFUSALS:
                raise Lost(repr(error)) from error
        elif isinstance(error, Refused):
            self.refusals.append((error.status, error.said))
            if error.status not in REFUSALS:
                raise Lost(repr(error)) from error
        elif "timed out" in str(error).lower():
            raise Lost(f"it hangs: {error!r}") from error
        elif not isinstance(error, (BotoCoreError, OSError)) and "http.client" not in type(error).__module__:
            raise Lost(repr(error)) from error

    def put(self, n, dice):
        """Small objects: written, written over, deleted."""
        key, body = f"notes/{dice.randrange(12)}.bin", dice.randbytes(dice.choice([0, 10, 70_000, 300_000]))
        if dice.random() < 0.25:
            body = None
        where = {"Bucket": "kept", "Key": key}
        # Checked before it is overwritten: otherwise a loss in the meantime would go unnoticed.
        there = self.until_told(lambda: self.read(key))
        if there not in self.may_be.get(key, {None}):
            raise Lost(f"{key} is not what was acknowledged")
        self.may_be[key] = {there, body}
        self.under_way["put"].set()
        s3 = self.kinora.boto()
        try:
            s3.delete_object(**where) if body is None else s3.put_object(**where, Body=body)
        except Exception as error:
            self.note(error)
        else:
            self.may_be[key] = {body}

    def read(self, key):
        """What lies under a key of bucket `kept`; `None` if nothing does."""
        try:
            return self.kinora.boto().get_object(Bucket="kept", Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None

    def multipart(self, n, dice):
        """Every part that was acknowledged is there when the upload is completed."""
        where = {"Bucket": "kept", "Key": f"parts/{n % 3}.bin"}
        parts = [dice.randbytes(5 * MIB), dice.randbytes(70_000)]
        s3 = self.kinora.boto
        upload = self.until_told(lambda: s3().create_multipart_upload(**where)["UploadId"], "multipart")
        done = []
        for number, part in enumerate(parts, 1):
            told = self.until_told(
                lambda: s3().upload_part(**where, UploadId=upload, PartNumber=number, Body=part), "multipart"
            )
            done.append({"PartNumber": number, "ETag": told["ETag"]})
        body = b"".join(parts)
        self.may_be[where["Key"]] = self.may_be.get(where["Key"], {None}) | {body}
        self.until_told(
            lambda: s3().complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": done}), "multipart"
        )
        self.may_be[where["Key"]] = {body}

    def browser(self, n, dice):
        """As the page does: begin, addresses, parts, complete. The film that it becomes is published."""
        # Later ones are no films, but rejected with a reason: encodes would take all the time there is.
        body = padded(self.clip) if n < 2 else dice.randbytes(9 * MIB)
        about = {"file": f"browser{n}.mp4", "size": len(body), "modified_ms": n, "fingerprint": f"{n:064x}", "media_type": "video/mp4"}
        upload = self.until_told(lambda: self.ask("POST", "", about), "browser")
        size = upload["part_bytes"]
        for number in range(1, upload["parts"] + 1):
            part = body[(number - 1) * size : number * size]
            self.until_told(lambda: self.send(upload["id"], number, part), "browser")
        self.until_told(lambda: self.ask("POST", f"/{upload['id']}/complete", {}), "browser")
        (self.films if n < 2 else self.rejected).add(f"browser{n}")

    def ask(self, method, path, body):
        status, _, said = self.visitor.ask(f"/api/uploads{path}", body, method)
        if status >= 300:
            raise Refused(status, said.decode(errors="replace"))
        return json.loads(said) if said else None

    def send(self, upload, number, part):
        crc = base64.b64encode(zlib.crc32(part).to_bytes(4, "big")).decode()
        (to,) = self.ask("POST", f"/{upload}/parts", {"parts": [{"number": number, "crc32": crc}]})["items"]
        answer = ask(to["url"], {"x-amz-checksum-crc32": crc}, "PUT", part)
        if answer.status >= 300:
            raise Refused(answer.status, answer.body.decode(errors="replace"))

    def film(self, n, dice):
        """Films are encoded and published; every other one is deleted, some of them before they are done."""
        name = f"film{n}"
        self.until_told(lambda: self.upload(f"reference/{name}.mp4"))
        if n % 2:
            self.films.add(name)
            self.watch(name, 120)
            return
        # From here on it may be gone, whatever the answer.
        self.watch(name, dice.uniform(0, 3) if n % 4 else 120)
        self.deleted.add(name)
        while True:
            self.under_way["delete"].set()
            self.command("title", "rm", "--now", "--yes", name)
            if (titles := self.titles()) is not None and name not in titles:
                return

    def upload(self, key):
        """Puts the film where nothing is. Without that condition, a repeated try whose first answer was lost would be a
        second upload, and a second title."""
        try:
            self.kinora.boto().put_object(Bucket="source", Key=key, Body=self.clip, IfNoneMatch="*")
        except ClientError as error:
            # An earlier try, whose answer did not come, was done.
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise

    def watch(self, name, patience):
        """Looks at a title until it has ended, or for so long since it is there."""
        patient_until = None
        while not self.stopping.is_set():
            title = (self.titles() or {}).get(name)
            if title and title["state"] == "encoding":
                self.under_way["publish" if self.is_nearly_encoded(title) else "encode"].set()
            if title and title["state"] in ("published", "failed", "rejected"):
                return
            patient_until = patient_until or (title and time.monotonic() + patience)
            if patient_until and time.monotonic() > patient_until:
                return
            time.sleep(0.1)

    def is_nearly_encoded(self, title):
        """Whether its last part is being encoded, or it is being published: crates/pipeline/tests/it/crash.rs strikes at
        each commit of that, which is hardly ever met from here."""
        done = self.command("job", "ls", "--title", title["id"], "--json")
        jobs = json.loads(done.stdout) if done.returncode == 0 else []
        unfinished = [job for job in jobs if job["kind"] == "chunk" and job["state"] != "done"]
        return any(job["kind"] == "chunk" for job in jobs) and len(unfinished) <= 1

    def titles(self):
        """All titles by name; `None` when nobody answers."""
        done = self.command("title", "ls", "--json")
        return {t["name"]: t for t in json.loads(done.stdout)} if done.returncode == 0 else None

    def rotate(self, n, dice):
        self.under_way["rotate"].set()
        done = self.command("key", "rotate", dice.choice(["media", "media", "signing", "personal"]))
        self.rotations += done.returncode == 0
        self.stopping.wait(dice.uniform(0.2, 1.0))

    def command(self, *arguments):
        return self.kinora.cli(*arguments, check=False)


class Lost(Exception):
    """Something that must never happen."""


class Refused(Exception):
    def __init__(self, status, said):
        super().__init__(f"{status}: {said}")
        self.status, self.said = status, said


def hashes(kinora, title):
    """The hash of every stored chunk's plaintext as the database has it, by track and number, and of the bytes that a
    player gets, by rendition."""
    found = {(c["track"], c["chunk"]): c["sha256"] for c in kinora.json("title", "show", title)["chunks"]}
    shown = hls.load(kinora.url(title))
    for n, (_, playlist) in enumerate([*shown.variants, *shown.audio]):
        digest = hashlib.sha256()
        for address in [playlist.map, *(address for address, _ in playlist.segments)]:
            status, _, body = hls.get(address)
            assert status == 200, f"{address} answered {status}: {body[:300]}"
            digest.update(body)
        found["delivered", n] = digest.hexdigest()
    return found


def parts(hashed):
    """How many chunks are among what `hashes` answers."""
    return sum(track != "delivered" for track, _ in hashed)
