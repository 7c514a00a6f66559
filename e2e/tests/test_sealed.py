"""What lies on disk: sealed, readable by Tink, refused when it was touched; keys and secrets that rotate."""

import hashlib
import json
import math
import re
import sqlite3
import subprocess
import threading
import time
import urllib.request
import uuid
from base64 import b64decode

import hls
import pyrage
import pytest
import tink
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from kinora_server import Kinora, run, wait_for

PASSPHRASE = "seven words that nobody would ever guess"
MARKER = b"MARKED-SOURCE-7f3a9c-NOT-TO-BE-FOUND"


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    return path


def export(kinora, passphrase, path, *flags):
    """Exports the key ring and opens the recovery file with age; answers {(purpose, version): key}."""
    kinora.cli("key", "export", path, "--passphrase-file", passphrase, *flags)
    text = pyrage.passphrase.decrypt(path.read_bytes(), PASSPHRASE)
    return {(k["purpose"], k["version"]): b64decode(k["key"]) for k in json.loads(text)["keys"]}


def open_envelope(keys, purpose, name, sealed):
    """One byte of format, the key's version, a nonce, AES-256-GCM."""
    assert sealed[0] == 2
    version = int.from_bytes(sealed[1:5], "big")
    associated = f"{purpose}|{name}|{version}".encode()
    return AESGCM(keys[purpose, version]).decrypt(sealed[5:17], sealed[17:], associated)


def tink_key(dek):
    """A Tink keyset of one AES256-GCM-HKDF key with segments of 64 KiB."""
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        key_value=dek,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=65536, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = key.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


def stored_files(kinora, key):
    """(file, data key as stored, size) of what a key of the bucket `source` names."""
    database = sqlite3.connect(f"file:{kinora.data / 'kinora.db'}?mode=ro", uri=True)
    rows = database.execute(
        """SELECT f.id, f.dek, f.bytes FROM names n JOIN parts p ON p.object = n.object JOIN files f ON f.id = p.file
        WHERE n.bucket = 'source' AND n.key = ? ORDER BY p.number""",
        (key.encode(),),
    ).fetchall()
    database.close()
    return rows


def path_of(kinora, file):
    return kinora.data / "objects" / file[:2] / file


@pytest.fixture
def sealed_kinora(tmp_path):
    """SQLite: what is looked at lies in files either way."""
    server = Kinora(tmp_path / "data", None, ["--workers", "0"])
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("size", [1, 65_480, 65_481, 1_000_003])
def test_tink_reads_our_objects_and_we_read_its(sealed_kinora, passphrase, tmp_path, size):
    # What Tink wrote has not the checksum of what was uploaded; S3's client would say so.
    kinora, s3 = sealed_kinora, sealed_kinora.boto(response_checksum_validation="when_required")
    body = hashlib.shake_256(b"film").digest(size)
    s3.put_object(Bucket="source", Key="x.bin", Body=body)
    keys = export(kinora, passphrase, tmp_path / "export.txt")
    [(file, dek, bytes)] = stored_files(kinora, "x.bin")
    assert bytes == size
    primitive = tink_key(open_envelope(keys, "media", file, dek))
    associated = f"media|{file}|1".encode()
    with primitive.new_decrypting_stream(path_of(kinora, file).open("rb"), associated) as plain:
        assert plain.read() == body

    # The other way round: Tink writes the file again, and S3 serves it, whole and in ranges.
    path = path_of(kinora, file)
    other = hashlib.shake_256(b"another film").digest(size)
    path.unlink()
    with primitive.new_encrypting_stream(path.open("wb"), associated) as sealed:
        sealed.write(other)
    assert s3.get_object(Bucket="source", Key="x.bin")["Body"].read() == other
    end = size - 1
    part = s3.get_object(Bucket="source", Key="x.bin", Range=f"bytes={size // 2}-{end}")["Body"].read()
    assert part == other[size // 2 :]


def test_touched_objects_are_never_served(sealed_kinora):
    kinora, s3 = sealed_kinora, sealed_kinora.boto()
    body = hashlib.shake_256(b"film").digest(300_000)
    for name in ["a.bin", "b.bin"]:
        s3.put_object(Bucket="source", Key=name, Body=body)
    [(a, _, _)], [(b, _, _)] = stored_files(kinora, "a.bin"), stored_files(kinora, "b.bin")
    path, whole, other = path_of(kinora, a), path_of(kinora, a).read_bytes(), path_of(kinora, b).read_bytes()
    flipped = bytearray(whole)
    flipped[70_000] ^= 1
    reordered = whole[:65_536] + whole[131_072:196_608] + whole[65_536:131_072] + whole[196_608:]
    for touched in [bytes(flipped), whole[:-1], whole[:131_072], reordered, other, whole + b"x"]:
        path.write_bytes(touched)
        got = b""
        with pytest.raises((BotoCoreError, ClientError)):
            for piece in s3.get_object(Bucket="source", Key="a.bin")["Body"].iter_chunks(8192):
                got += piece
        assert len(got) < len(body) and body.startswith(got), "nothing that was touched comes out"
    path.write_bytes(whole)
    assert s3.get_object(Bucket="source", Key="a.bin")["Body"].read() == body
    assert "is not what was written" in kinora.log.read_text(errors="replace")


def test_an_export_before_the_first_start_is_of_the_ring_that_is_used(passphrase, tmp_path):
    kinora = Kinora(tmp_path / "data", arguments=["--workers", "0"])
    command = ["key", "export", tmp_path / "none.txt", "--passphrase-file", passphrase]
    refused = kinora.cli(*command, check=False)
    assert refused.returncode == 1 and "there is no key ring at" in refused.stderr, "it may come from elsewhere"
    assert not (tmp_path / "data").exists() and not (tmp_path / "none.txt").exists()
    keys = export(kinora, passphrase, tmp_path / "first.txt", "--new")
    kinora.start()
    try:
        assert export(kinora, passphrase, tmp_path / "second.txt", "--new") == keys
    finally:
        kinora.stop()


def test_a_rotated_key_seals_keys_again_and_an_export_is_asked_for(sealed_kinora, passphrase, tmp_path):
    kinora, s3 = sealed_kinora, sealed_kinora.boto()
    for n in range(20):
        s3.put_object(Bucket="source", Key=f"{n}.bin", Body=b"%d" % n * 1000)

    def reminded():
        [check] = [c for c in kinora.json("doctor")["checks"] if c["name"] == "key ring"]
        assert check["ok"] and check.get("remind", False) == ("EVERYTHING" in check["finding"])
        return check.get("remind", False)

    assert "EVERYTHING stored is lost" in kinora.log.read_text() and reminded()
    keys = export(kinora, passphrase, tmp_path / "first.txt")
    assert not reminded()
    refused = kinora.cli("key", "export", tmp_path / "first.txt", "--passphrase-file", passphrase, check=False)
    assert refused.returncode != 0 and "already exists" in refused.stderr

    [(file, before, _)] = stored_files(kinora, "7.bin")
    disk = path_of(kinora, file).read_bytes()
    rotated = kinora.json("key", "rotate", "media")
    assert rotated == {"purpose": "media", "version": 2, "renewed": 20, "unopened": 0}
    [(_, after, _)] = stored_files(kinora, "7.bin")
    assert after != before and path_of(kinora, file).read_bytes() == disk
    assert kinora.json("key", "rotate", "signing")["renewed"] >= 3
    assert reminded()
    newer = export(kinora, passphrase, tmp_path / "second.txt")
    assert open_envelope(newer, "media", file, after) == open_envelope(keys, "media", file, before)
    kinora.stop()
    kinora.start()
    for n in range(20):
        assert kinora.boto().get_object(Bucket="source", Key=f"{n}.bin")["Body"].read() == b"%d" % n * 1000

    # The ring gets lost: the start says so and changes nothing, the export brings it back.
    kinora.stop()
    ring = kinora.data / "keys" / "ring"
    ring.unlink()
    with pytest.raises(AssertionError, match="kinora key import"):
        kinora.start()
    assert not ring.exists()
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase")
    refused = kinora.cli("key", "import", tmp_path / "second.txt", "--passphrase-file", wrong, check=False)
    assert refused.returncode != 0 and "passphrase" in refused.stderr
    kinora.cli("key", "import", tmp_path / "second.txt", "--passphrase-file", passphrase)
    assert oct(ring.stat().st_mode & 0o777) == "0o600"
    kinora.start()
    assert kinora.boto().get_object(Bucket="source", Key="7.bin")["Body"].read() == b"7" * 1000


def test_nothing_on_disk_shows_the_source(tmp_path, clip):
    """The marker stands in metadata, captions, the video's own bytes and behind the film; nothing on disk keeps it.

    What names things – a title, the label of a track – is the catalogue's, and stands in the database as it is.
    """
    film, captions = tmp_path / "marked.mp4", tmp_path / "marked.srt"
    captions.write_text("".join(f"{n + 1}\n00:00:0{n},100 --> 00:00:0{n},900\n{MARKER.decode()}\n\n" for n in range(3)))
    run("ffmpeg", "-v", "error", "-i", clip("short"), "-i", captions, "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text",
        "-bsf:v", f"h264_metadata=sei_user_data={uuid.uuid4()}+{MARKER.decode()}",
        "-metadata", f"comment={MARKER.decode()}", film)
    with film.open("ab") as end:
        # A box that every reader skips.
        filling = MARKER * 4000
        end.write((8 + len(filling)).to_bytes(4, "big") + b"free" + filling)
    assert film.read_bytes().count(MARKER) >= 4000 + 3 + 1 + 1

    kinora = Kinora(tmp_path / "data").start()
    try:
        kinora.boto().upload_file(str(film), "source", "marked.mp4")
        kinora.wait("marked")
        # Read, too: by a viewer of everything, and as an upload in parts that nobody completes.
        run("ffmpeg", "-v", "error", "-i", kinora.url("marked"), "-c", "copy", "-f", "null", "-")
        s3 = kinora.boto()
        upload = s3.create_multipart_upload(Bucket="source", Key="open.bin")["UploadId"]
        part = {"Bucket": "source", "Key": "open.bin", "UploadId": upload, "PartNumber": 1}
        s3.upload_part(**part, Body=MARKER * 200_000)
    finally:
        kinora.stop()
    assert oct(kinora.data.stat().st_mode & 0o777) == "0o700"
    looked = 0
    for path in kinora.data.rglob("*"):
        if path.is_file():
            looked += 1
            text = path.read_bytes()
            assert MARKER not in text, path
            # Neither of the source nor of what was made of it.
            for sign in [b"ftypisom", b"moofmfhd", b"WEBVTT", b"JFIF"]:
                assert sign not in text, f"{path} has {sign}"
    assert looked > 5, "the source, a part, tracks, pictures, the database"
    assert not [p for p in (kinora.data / "scratch").rglob("*") if p.is_file()]


def test_the_cdn_secret_rotates_without_a_failed_request(kinora, clip, unique):
    kinora.boto().upload_file(str(clip("short")), "source", f"{unique}.mp4")
    kinora.wait(unique)
    manifest = kinora.url(unique)
    base = manifest.rsplit("/", 1)[0]
    master = urllib.request.urlopen(manifest).read().decode()
    playlists = [line for line in master.splitlines() if line and not line.startswith("#")]
    targets = []
    for playlist in playlists:
        text = urllib.request.urlopen(f"{base}/{playlist}").read().decode()
        folder = f"{base}/{playlist}".rsplit("/", 1)[0]
        targets += [f"{folder}/{s}" for s in text.splitlines() if s and not s.startswith("#")]
        targets += [f"{folder}/{s}" for s in re.findall(r'URI="([^"]+)"', text)]
    failures, count, asked, stop = [], [0], [0], threading.Event()

    def load(n):
        turn = n
        while not stop.is_set():
            turn += 6
            url = targets[turn % len(targets)]
            # What is not there is never kept at the edge: the origin sees the secret each time, and refuses a wrong one.
            absent = f"{url.rsplit('/', 1)[0]}/{turn}.absent"
            try:
                with urllib.request.urlopen(url, timeout=20) as answer:
                    answer.read()
                    count[0] += 1
                status, headers, _ = hls.get(absent)
                assert status == 404, (status, headers)
                asked[0] += 1
            except Exception as error:  # noqa: BLE001 - every failure counts
                failures.append((url, str(error)))

    threads = [threading.Thread(target=load, args=(n,)) for n in range(6)]
    [thread.start() for thread in threads]
    try:
        [before] = kinora.json("secret", "ls")
        for n in range(2):
            rotated = kinora.json("secret", "rotate", "cdn")
            assert rotated["version"] == before["version"] + 1 + n and rotated["previous"]
        wait_for(lambda: failures or min(count[0], asked[0]) > 200)
    finally:
        stop.set()
        [thread.join() for thread in threads]
    assert not failures, failures[:3]
    refused = kinora.cli("secret", "rotate", "nope", check=False)
    assert refused.returncode != 0 and "secret ls" in refused.stderr


def traced(path):
    """(start, end, call) of what strace saw, by number of line: a call that others interrupt is written in two lines, and
    never ends where strace was stopped before it did."""
    calls, open_calls = [], {}
    for n, line in enumerate(path.read_text(errors="replace").splitlines()):
        process, _, call = line.partition(" ")
        if call.lstrip().startswith("<..."):
            start, text = open_calls.pop(process, (n, ""))
            calls.append((start, n, text + call))
        elif call.endswith("<unfinished ...>"):
            open_calls[process] = (n, call)
        else:
            calls.append((n, n, call))
    return calls + [(start, math.inf, text) for start, text in open_calls.values()]


def test_a_200_comes_after_the_file_and_its_folder_are_synced(tmp_path):
    kinora = Kinora(tmp_path / "data", None, ["--workers", "0"]).start()
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "64", "-e", "trace=fsync,fdatasync,rename,write,writev,sendto,sendmsg,pwrite64",
         "-p", str(kinora.process.pid), "-o", trace],
        stderr=subprocess.PIPE,
    )
    try:
        line = tracer.stderr.readline().decode()
        if "attached" not in line:
            pytest.skip(f"that acknowledged means on disk (strace may not trace here: {line.strip()})")
        time.sleep(0.5)
        s3 = kinora.boto()
        s3.put_object(Bucket="source", Key="traced.bin", Body=b"x" * 100_000)
        upload = {"Bucket": "source", "Key": "parts.bin"}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        bodies = [b"y" * (5 << 20), b"z" * 100_000]
        parts = [
            {"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=body)["ETag"]}
            for n, body in enumerate(bodies, 1)
        ]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    finally:
        tracer.terminate()
        tracer.wait()
        kinora.stop()
    calls = traced(trace)
    answers = sorted(start for start, _, call in calls if "HTTP/1.1 200" in call)
    assert len(answers) == 5, "put, create, two parts, complete"
    windows = list(zip([-1, *answers], answers))

    def ends(window, *patterns):
        """When matching calls ended that began after one answer and ended before the next one began."""
        return [end for start, end, call in calls
                if window[0] < start and end < window[1] and all(re.search(p, call) for p in patterns)]

    def check_committed(window, after):
        synced = ends(window, r"f(data)?sync\(.*kinora\.db-wal", "= 0")
        assert [end for end in synced if end > after], "the rows are not on disk"

    written = [stored_files(kinora, "traced.bin")[0], *stored_files(kinora, "parts.bin")]
    for (file, _, _), window in zip(written, [windows[0], windows[2], windows[3]], strict=True):
        synced_file = ends(window, r"fsync\(", f"tmp/{file}", "= 0")
        moved = ends(window, r"rename\(", file, "= 0")
        synced_folder = ends(window, r"fsync\(", f"objects/{file[:2]}>", "= 0")
        assert synced_file and moved and synced_folder, (file, calls[-30:])
        assert synced_file[-1] < moved[0] < synced_folder[-1]
        check_committed(window, synced_folder[-1])
    check_committed(windows[4], windows[4][0])
    assert not ends(windows[4], r"rename\(", "objects"), "completing writes no file"
