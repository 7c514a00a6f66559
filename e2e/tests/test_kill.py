"""Sudden death: kill -9 during upload and encode loses nothing acknowledged and changes no byte."""

import random
import threading
import time

import pytest

SEEDS = [1, 2, 3, 4, 5, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 31))]


def hashes(kinora, title):
    """The hash of every stored chunk's plaintext, by track and number."""
    return {(c["track"], c["chunk"]): c["sha256"] for c in kinora.json("title", "show", title)["chunks"]}


@pytest.fixture(scope="module")
def undisturbed(request, engine, clip, tmp_path_factory):
    from kinora_server import Kinora, postgres_address

    server = Kinora(tmp_path_factory.mktemp("calm") / "data", postgres_address(engine)).start()
    server.boto().upload_file(str(clip("long")), "source", "reference/film.mp4")
    title = server.wait("film")
    found = hashes(server, title["id"])
    server.stop()
    assert len(found) > 3
    return found


def put_until_acknowledged(kinora, acknowledged, stop):
    """Uploads small objects until told to stop; notes the keys that were answered with 200."""
    n = 0
    while not stop.is_set():
        key, body = f"notes/{n}.bin", bytes([n % 256]) * 50_000
        try:
            kinora.boto().put_object(Bucket="kept", Key=key, Body=body)
            acknowledged[key] = body
            n += 1
        except Exception:
            time.sleep(0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_server_goes_on_where_it_was(own_kinora, undisturbed, clip, seed):
    kinora, dice = own_kinora, random.Random(seed)
    s3 = kinora.boto()
    s3.create_bucket(Bucket="kept")
    acknowledged, stop = {}, threading.Event()
    writer = threading.Thread(target=put_until_acknowledged, args=(kinora, acknowledged, stop), daemon=True)
    writer.start()
    s3.upload_file(str(clip("long")), "source", "reference/film.mp4")
    for _ in range(dice.randint(1, 2)):
        time.sleep(dice.uniform(0.05, 3.0))
        kinora.kill()
        kinora.start()
    title = kinora.wait("film")
    stop.set()
    writer.join(120)
    assert not writer.is_alive()
    assert hashes(kinora, title["id"]) == undisturbed
    s3 = kinora.boto()
    assert acknowledged
    for key, body in acknowledged.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == body
    assert len([t for t in kinora.titles() if t["name"] == "film"]) == 1
    assert all(j["state"] in ("done", "cancelled") for j in kinora.wait_for_jobs())


def test_a_multipart_upload_survives_a_kill(own_kinora, clip):
    kinora = own_kinora
    s3 = kinora.boto()
    data = clip("long").read_bytes()
    half = max(len(data) // 2, 5 * 1024 * 1024)
    parts = [data[:half], data[half:]] if len(data) > half else [data]
    upload = s3.create_multipart_upload(Bucket="source", Key="film.mp4")["UploadId"]
    where = {"Bucket": "source", "Key": "film.mp4", "UploadId": upload}
    done = [{"PartNumber": 1, "ETag": s3.upload_part(**where, PartNumber=1, Body=parts[0])["ETag"]}]
    kinora.kill()
    kinora.start()
    s3 = kinora.boto()
    for n, part in enumerate(parts[1:], start=2):
        done.append({"PartNumber": n, "ETag": s3.upload_part(**where, PartNumber=n, Body=part)["ETag"]})
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": done})
    assert s3.get_object(Bucket="source", Key="film.mp4")["Body"].read() == data
    assert kinora.wait("film")["state"] == "published"
