"""Uploads become titles: once each, whatever the key."""

import json

import pytest
from audit import rows
from kinora_server import run, wait_for


def named(kinora, name):
    return [t for t in kinora.titles() if t["name"] == name]


def wait_until_handled(kinora):
    """Until everything that was uploaded has become a title, or nothing."""
    wait_for(lambda: rows(kinora, "SELECT COUNT(*) FROM event_deliveries WHERE handled_at IS NULL") == ["0"])


def test_two_uploads_of_the_same_key_are_two_titles(kinora, clip, unique):
    for _ in range(2):
        kinora.boto().upload_file(str(clip("short")), "source", f"{unique}.mp4")
    # The second one becomes a title a moment after its upload was answered.
    published = lambda: [t for t in named(kinora, unique) if t["state"] == "published"]
    wait_for(lambda: len(published()) >= 2, 240, why=lambda: named(kinora, unique))
    found = named(kinora, unique)
    assert len(found) == 2 and found[0]["id"] != found[1]["id"]
    assert kinora.url(found[0]["id"]) != kinora.url(found[1]["id"])


@pytest.mark.one_engine
def test_keys_that_file_systems_confuse_stay_apart(kinora, clip, unique):
    s3 = kinora.boto()
    for key, body in [(f"{unique}//b.txt", b"two"), (f"{unique}/b.txt", b"one")]:
        s3.put_object(Bucket="source", Key=key, Body=body)
    assert s3.get_object(Bucket="source", Key=f"{unique}//b.txt")["Body"].read() == b"two"
    assert s3.get_object(Bucket="source", Key=f"{unique}/b.txt")["Body"].read() == b"one"


@pytest.mark.one_engine
@pytest.mark.parametrize("name", ["with space", "plus+and%20percent", "ünïcödé ☂", "quote'\"<b>"])
def test_any_key_becomes_a_title_of_that_name(kinora, clip, unique, name):
    kinora.boto().upload_file(str(clip("short")), "source", f"{unique}/{name} {unique}.mp4")
    assert kinora.wait(f"{name} {unique}")["state"] == "published"


@pytest.mark.one_engine
def test_own_writes_and_other_buckets_start_nothing(kinora, clip, unique):
    s3 = kinora.boto()
    s3.create_bucket(Bucket=f"other-{unique}")
    s3.upload_file(str(clip("short")), f"other-{unique}", f"{unique}.mp4")
    s3.upload_file(str(clip("short")), "source", f"{unique}-after.mp4")
    kinora.wait(f"{unique}-after")
    wait_until_handled(kinora)
    assert named(kinora, unique) == []
    assert not [t for t in kinora.titles() if t["name"].endswith(".cmf")]


def test_an_event_sent_by_hand_starts_an_object_once(kinora, clip, unique, tmp_path):
    s3 = kinora.boto()
    s3.create_bucket(Bucket=f"late-{unique}")
    s3.upload_file(str(clip("short")), f"late-{unique}", f"in {unique}.mp4")
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": f"late-{unique}"}, "object": {"key": f"in+{unique}.mp4"}},
    }
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"Records": [record]}))
    kinora.cli("event", "send", file)
    kinora.wait(f"in {unique}")
    kinora.cli("event", "send", file)
    wait_until_handled(kinora)
    assert len(named(kinora, f"in {unique}")) == 1


def test_an_event_for_an_absent_object_says_so(kinora, tmp_path):
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "source"}, "object": {"key": "nobody.mp4"}},
    }
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"Records": [record]}))
    refused = kinora.cli("event", "send", file, check=False)
    assert refused.returncode != 0 and "nobody.mp4" in refused.stderr


def test_rejected_uploads_say_why(kinora, unique):
    s3 = kinora.boto()
    cases = {
        f"{unique}-playlist.mp4": (b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n", "playlist"),
        f"{unique}-text.mp4": (b"PASSWORD=hunter2\n" * 20, ""),
        f"{unique}-empty.mp4": (b"", "empty"),
        f"{unique}-noise.mp4": (bytes(range(256)) * 64, ""),
    }
    for key, (body, _) in cases.items():
        s3.put_object(Bucket="source", Key=key, Body=body)
    for key, (_, word) in cases.items():
        title = kinora.wait(key.removesuffix(".mp4"), states=("rejected",))
        assert len(title["reason"]) > 10 and word in title["reason"], title
        jobs = kinora.json("job", "ls", "--title", title["id"])
        shown = kinora.cli("job", "show", jobs[0]["id"]).stdout
        assert title["reason"] in shown


@pytest.mark.one_engine
def test_a_truncated_film_is_rejected_with_how_much_can_be_read(kinora, clip, unique, tmp_path):
    whole = tmp_path / "whole.mp4"
    run("ffmpeg", "-nostdin", "-v", "error", "-i", clip("long"), "-c", "copy", "-movflags", "+faststart", whole)
    data = whole.read_bytes()
    kinora.boto().put_object(Bucket="source", Key=f"{unique}.mp4", Body=data[: len(data) // 2])
    title = kinora.wait(unique, states=("rejected",))
    assert title["reason"].startswith("the file stops in the middle: "), title["reason"]
    assert "of 40 seconds can be read" in title["reason"], title["reason"]
