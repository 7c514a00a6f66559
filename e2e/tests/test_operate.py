"""Operating: cancel, retry, delete, restore, re-encode, wait for the disk; deleted titles disappear everywhere."""

import shutil
import time
from urllib.parse import urljoin

import pytest
from prometheus_client.parser import text_string_to_metric_families

import hls
from kinora_server import Kinora, files_below, free_port, postgres_address, wait_for


def upload(kinora, path, name):
    kinora.boto().upload_file(str(path), "source", f"reference/{name}.mp4")
    return wait_for(lambda: kinora.title(name))


def started(kinora, name):
    """The title once a part of it is stored and another is being encoded."""

    def look():
        title = kinora.title(name)
        running = [j for j in kinora.json("job", "ls", "--title", title["id"], "--state", "running") if j["kind"] == "chunk"]
        return title if 0 < title["progress"] < 60 and running and kinora.encoders() else None

    return wait_for(look, every=0.05)


def status(url, headers=None):
    return hls.get(url, headers).status


def addresses(manifest):
    """A manifest's address and some of what it leads to: a media playlist, an init segment, a segment."""
    found, at = [manifest], manifest
    for _ in range(2):
        lines = hls.text(at).splitlines()
        uris = [line for line in lines if line and not line.startswith("#")]
        maps = [line.split('URI="')[1].split('"')[0] for line in lines if line.startswith("#EXT-X-MAP")]
        found += [urljoin(at, uri) for uri in maps + uris[:1]]
        at = urljoin(at, uris[0])
    return found


def objects(kinora):
    """Files of the store, its own id aside."""
    return [path for path in files_below(kinora.data / "objects") if path.name != "id"]


@pytest.fixture
def tidy_kinora(engine, tmp_path, monkeypatch):
    """A server that lets deleted bytes go after a second."""
    monkeypatch.setenv("KINORA__STORE__LINGER_SECONDS", "1")
    server = Kinora(tmp_path / "data", postgres_address(engine))
    server.start()
    yield server
    server.stop()


@pytest.mark.one_engine
def test_a_cancelled_title_is_retried_to_the_end(narrow_kinora, clip):
    kinora = narrow_kinora
    upload(kinora, clip("hd"), "film")
    title = started(kinora, "film")
    before = {(c["track"], c["chunk"]): c["sha256"] for c in kinora.json("title", "show", title["id"])["chunks"]}
    assert kinora.cancel_a_part(title)["jobs"] > 1
    cancelled = kinora.title("film")
    assert (cancelled["state"], cancelled["reason"]) == ("failed", "cancelled on the command line")
    wait_for(lambda: not kinora.encoders(), timeout=30)
    assert all(j["state"] in ("done", "cancelled") for j in kinora.json("job", "ls"))
    assert kinora.cli("title", "cancel", "film", check=False).returncode == 1

    assert kinora.json("title", "retry", "film")["jobs"] > 1
    kinora.wait("film")
    after = {(c["track"], c["chunk"]): c["sha256"] for c in kinora.json("title", "show", title["id"])["chunks"]}
    assert before and before.items() <= after.items(), "what was stored stands"


def test_a_deleted_title_is_gone_everywhere_and_can_be_restored(tidy_kinora, clip):
    kinora = tidy_kinora
    title = upload(kinora, clip("short"), "film")
    kinora.wait("film")
    urls = addresses(kinora.url("film"))
    assert [status(url) for url in urls] == [200] * len(urls)
    signed = kinora.json("url", "film", "--cookies")
    cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in signed["cookies"].items())}
    assert status(signed["url"], cookies) == 200
    kinora.cli("title", "rm", "film")
    assert status(signed["url"], cookies) in (403, 404), "its cookies open nothing any more"
    assert kinora.titles() == []
    assert all(status(url) in (403, 404) for url in urls), "though the edge had them"
    assert objects(kinora), "they can be restored"
    assert [t["name"] for t in kinora.json("title", "ls", "--deleted")] == ["film"]

    kinora.cli("title", "restore", "film")
    urls = addresses(kinora.url("film"))
    assert [status(url) for url in urls] == [200] * len(urls)

    assert kinora.cli("title", "rm", "--now", "film", check=False).returncode == 1, "it asks first"
    kinora.cli("title", "rm", "--now", "--yes", "film")
    assert all(status(url) in (403, 404) for url in urls)
    wait_for(lambda: not objects(kinora), timeout=40)
    assert kinora.json("title", "ls", "--deleted") == []
    assert kinora.json("job", "ls") == []
    assert kinora.boto().list_objects_v2(Bucket="source").get("KeyCount") == 0
    assert kinora.cli("title", "show", title["id"], check=False).returncode == 1


def test_a_title_is_deleted_while_it_is_encoded(tidy_kinora, clip):
    kinora = tidy_kinora
    upload(kinora, clip("hd"), "film")
    started(kinora, "film")
    kinora.cli("title", "rm", "--now", "--yes", "film")
    wait_for(lambda: not kinora.encoders(), timeout=30)
    wait_for(lambda: not objects(kinora), timeout=40)
    assert kinora.json("job", "ls") == []
    upload(kinora, clip("short"), "next")
    kinora.wait("next")


def test_a_kill_in_the_middle_of_a_delete_leaves_nothing(tidy_kinora, clip):
    kinora = tidy_kinora
    for n in range(3):
        upload(kinora, clip("short"), f"film{n}")
    for n in range(3):
        kinora.wait(f"film{n}")
    kinora.cli("title", "rm", "--now", "--yes", "film0")
    kinora.kill()
    kinora.start()
    for n in (1, 2):
        kinora.cli("title", "rm", "--now", "--yes", f"film{n}")
        time.sleep(0.02 * n)
        kinora.kill()
        kinora.start()
    assert kinora.titles() == []
    # The sweep of a start takes what was deleted more than a second before; its next one comes in a minute.
    time.sleep(1.5)
    kinora.kill()
    kinora.start()
    wait_for(lambda: not objects(kinora), timeout=90)


def test_an_encode_anew_plays_on_and_replaces_the_old_one(tidy_kinora, clip):
    kinora = tidy_kinora
    upload(kinora, clip("short"), "film")
    kinora.wait("film")
    old = kinora.json("title", "show", "film")["generation"]
    url = kinora.url("film")
    kinora.cli("title", "reencode", "film")

    def replaced():
        newer = kinora.json("title", "show", "film")["generation"] != old
        assert kinora.title("film")["state"] == "published" and status(url) == 200
        return newer

    wait_for(replaced, timeout=240)
    assert status(url) == 200, "who watches the old one goes on"
    assert status(kinora.url("film")) == 200
    source = kinora.json("title", "show", "film")["source_bytes"]
    assert "title restore-source" in kinora.cli("title", "drop-source", "film").stdout
    kinora.cli("title", "restore-source", "film")
    assert kinora.json("title", "show", "film")["source_bytes"] == source
    assert kinora.cli("title", "drop-source", "film", "--now", check=False).returncode == 1, "it is asked first"
    kinora.cli("title", "drop-source", "film", "--now", "--yes")
    wait_for(lambda: kinora.json("title", "show", "film")["source_bytes"] is None, timeout=20)
    refused = kinora.cli("title", "reencode", "film", check=False)
    assert refused.returncode == 1 and "Upload it again" in refused.stderr


@pytest.mark.one_engine
def test_an_encode_waits_for_room_says_so_and_goes_on_by_itself(engine, tmp_path, clip, monkeypatch):
    monkeypatch.setenv("KINORA__STORE__LINGER_SECONDS", "1")
    kinora = Kinora(tmp_path / "data", postgres_address(engine)).start()
    upload(kinora, clip("long"), "first")
    kinora.wait("first")
    used = sum(p.stat().st_size for p in objects(kinora))
    kinora.stop()
    # Room for what is there, the next upload and a little more.
    monkeypatch.setenv("KINORA__PIPELINE__MOST_BYTES", str(used + clip("long").stat().st_size + 1_000_000))
    kinora.start()
    upload(kinora, clip("long"), "second")
    held = wait_for(lambda: (t := kinora.title("second")) and "waits for disk space" in (t["reason"] or "") and t)
    assert "free; delete titles or sources, or add a disk" in held["reason"]
    jobs = kinora.json("job", "ls", "--title", held["id"], "--state", "queued")
    assert jobs and all("waits for disk space" in j["reason"] for j in jobs if j["kind"] == "chunk")
    monkeypatch.setenv("KINORA__PIPELINE__MOST_BYTES", str(used * 100))
    kinora.stop()
    kinora.start()
    kinora.wait("second")
    kinora.stop()


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def sample(found, name, suffix="", **labels):
    family = found[name.removesuffix("_total")]
    values = [s.value for s in family.samples if s.name == name + suffix and labels.items() <= s.labels.items()]
    assert values, (name, labels)
    return sum(values)


def test_figures_are_told_to_prometheus_and_to_nobody_else(engine, tmp_path, clip):
    port = free_port()
    environment, figures = {"KINORA__METRICS__LISTEN": f"127.0.0.1:{port}"}, f"http://127.0.0.1:{port}/metrics"
    kinora = Kinora(tmp_path / "data", postgres_address(engine), environment=environment).start()
    upload(kinora, clip("short"), "secretfilm")
    kinora.wait("secretfilm")
    address = kinora.url("secretfilm")
    assert status(address) == 200 and status(kinora.http + "/out/v1/none") == 403

    def told():
        answer = hls.get(figures)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.text
        # An answer counts when it has ended for the server, which may be after the client has it all.
        counted = sample(families(text), "kinora_edge_answer_seconds", suffix="_count")
        return counted >= 2 and text

    text = wait_for(told)
    found = families(text)
    assert all(family.documentation and family.type != "unknown" for family in found.values())
    assert sample(found, "kinora_titles", state="published") == 1
    assert sample(found, "kinora_jobs", kind="chunk", state="done") >= 1
    assert sample(found, "kinora_store_bytes") > 10_000
    assert sample(found, "kinora_worker_slots") >= 1
    assert sample(found, "kinora_edge_answers_total", status="2xx") >= 1
    assert sample(found, "kinora_edge_refusals_total", reason="signature") == 1
    assert sample(found, "kinora_edge_sent_bytes_total") > 100
    buckets = [s.value for s in found["kinora_edge_answer_seconds"].samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] >= 2, buckets
    assert sample(found, "process_resident_memory_bytes") > 1_000_000
    title = kinora.title("secretfilm")
    assert "secretfilm" not in text and title["id"] not in text, "figures only"
    assert families(kinora.cli("metrics").stdout).keys() == found.keys()

    assert status(figures, {"Host": "evil.example"}) == 401
    assert status(kinora.http + "/metrics") in (303, 404), "the front door knows no such path"
    kinora.stop()

    kinora.environment["KINORA__METRICS__TOKEN"] = "a-token-of-a-good-length"
    kinora.start()
    assert status(figures) == 401
    assert status(figures, {"Authorization": "Bearer a-token-of-a-good-length"}) == 200
    kinora.stop()


def test_the_doctor_says_what_is_wrong_and_what_to_do(engine, tmp_path, clip):
    kinora = Kinora(tmp_path / "data", postgres_address(engine), ["--workers", "0"]).start()
    checks = {c["name"]: c for c in kinora.json_of_doctor()["checks"]}
    assert checks["encoder"]["ok"] and "no worker is running" in checks["encoder"]["finding"]
    assert checks["store"]["ok"] and "can be used" in checks["store"]["finding"]
    (kinora.data).chmod(0o755)
    found = kinora.cli("doctor", check=False)
    assert found.returncode == 1 and "chmod 700" in found.stdout
    kinora.stop()


TEMPLATES = """
[[rules]]
bucket = "source"
prefix = "own/"
template = "own"

[[templates]]
Name = "own"
SegmentSeconds = 1
H264Settings = { CodecProfile = "HIGH", QualityTuningLevel = "SINGLE_PASS_HQ", QvbrQualityLevel = 4 }
AacSettings = { Bitrate = 64000, SampleRate = 44100 }
Ladder.Outputs = [
    { Width = 256, Height = 256, ScalingBehavior = "STRETCH_TO_OUTPUT", MaxBitrate = 400000 },
    { Width = 128, Height = 72, ScalingBehavior = "DEFAULT", MaxBitrate = 100000 }]
"""


def test_films_are_encoded_as_a_template_of_the_operator_says(tmp_path, clip):
    settings = tmp_path / "kinora.toml"
    settings.write_text(TEMPLATES)
    kinora = Kinora(tmp_path / "data", arguments=["--config", settings]).start()
    try:
        kinora.boto().upload_file(str(clip("short")), "source", "own/film.mp4")
        title = kinora.wait("film")
        url = kinora.url(title["id"])
        variants = [attributes for attributes, _ in hls.load(url).variants]
        assert sorted(v["RESOLUTION"] for v in variants) == ["128x72", "256x256"], variants
        assert all(v["CODECS"].startswith("avc1.64") for v in variants), variants
        assert hls.decode(url) == []
        kinora.wait_for_jobs()
        kept = objects(kinora)
        refused = kinora.cli("import", clip("short"), "--template", "nobodys", check=False)
        assert refused.returncode != 0 and "known templates: reference, standard, own" in refused.stderr, refused.stderr
        assert set(objects(kinora)) <= set(kept), "what was refused is on disk"
    finally:
        kinora.stop()


def test_an_import_replaces_no_upload(engine, tmp_path, clip):
    first, second = (tmp_path / season / "E01.mp4" for season in ["season1", "season2"])
    for film, path in [("short", first), ("noisy", second)]:
        path.parent.mkdir()
        shutil.copy(clip(film), path)
    kinora = Kinora(tmp_path / "data", postgres_address(engine), ["--workers", "0"]).start()
    try:
        kinora.cli("import", first, "--until", "uploaded")
        # More than is on its way at a time: the answer comes through all the same.
        for _ in range(5):
            refused = kinora.cli("import", second, "--until", "uploaded", check=False)
            told = "there is already a file `E01.mp4` in `source`: choose another folder with --prefix"
            assert refused.returncode != 0 and told in refused.stderr, refused.stderr
        kinora.cli("import", second, "--until", "uploaded", "--prefix", "season2")
        assert [title["key"] for title in kinora.titles()] == ["season2/E01.mp4", "E01.mp4"]
        for key, path in [("E01.mp4", first), ("season2/E01.mp4", second)]:
            assert kinora.boto().get_object(Bucket="source", Key=key)["Body"].read() == path.read_bytes()
    finally:
        kinora.stop()
