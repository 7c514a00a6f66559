"""Playing before the encode is done: seeking to what is not there yet."""

import concurrent.futures
import json
import time

import pytest

import hls
from audit import rows
from kinora_server import files_below, repeated, run, wait_for

# How much memory is used, or what comes first, is told apart from other load on the machine.
pytestmark = pytest.mark.alone


def segment_at(playlist, seconds):
    """The address of the segment that is played at a time."""
    end = 0
    for address, duration in playlist.segments:
        end += duration
        if end > seconds:
            return address
    raise AssertionError(f"{playlist.url} ends at {end} s")


def playlists(presentation):
    """Every playlist as it is now."""
    media = [playlist.url for _, playlist in presentation.variants + presentation.audio]
    return {url: hls.text(url) for url in [presentation.url, *media]}


def begun(server, playlist, address):
    """When the part with a segment of the server's only title began to be encoded; nothing if it did not."""
    of = {"audio": 0} if "/a0/" in address else "video"
    number = [url for url, _ in playlist.segments].index(address)
    plan = json.loads(" ".join(rows(server, "SELECT plan FROM generations")))
    [part] = [
        n
        for n, chunk in enumerate(plan["chunks"])
        if chunk["of"] == of and chunk["segments"]["start"] <= number < chunk["segments"]["end"]
    ]
    job = f"""kind = 'chunk' AND payload LIKE '%"chunk":{part},%'"""
    assert rows(server, f"SELECT COUNT(*) FROM jobs WHERE {job}") == ["1"]
    return next(map(int, rows(server, f"SELECT started_at FROM jobs WHERE {job} AND started_at IS NOT NULL")), None)


def seek_ahead(server, path, sought, early):
    """Seeks to second `sought` with the encoder paused, then resumes it; `early` must not be begun before."""
    server.cli("worker", "pause")
    server.cli("import", "--until", "uploaded", path)
    name = path.stem
    server.wait(name, ("encoding",))
    url = server.url(name)
    presentation = hls.load(url)
    before = playlists(presentation)
    video = min(presentation.variants, key=lambda v: int(v[0]["BANDWIDTH"]))[1]
    audio = presentation.audio[0][1]
    wanted = [segment_at(video, sought), segment_at(audio, sought)]

    def ask(address):
        started = time.monotonic()
        status, headers, body = hls.get(address)
        return status, headers, body, time.monotonic() - started

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        # Many viewers who wait for the same are answered together, and nothing is kept.
        answers = list(pool.map(ask, wanted * 8))
        # 6 s by default for who came first, and so less for who came later; a busy machine's answers take longer.
        assert 5 < max(took for *_, took in answers) < 60, answers
        for status, headers, *_ in answers:
            assert status == 503, answers
            assert int(headers["retry-after"]) >= 1 and headers["cache-control"] == "no-store", headers
            assert headers["x-cache"] != "Hit from kinora", headers
        # The shortest of three: the machine itself may pause in one of them.
        heads = []
        for _ in range(3):
            head = time.monotonic()
            assert hls.get(wanted[0], method="HEAD")[0] == 503
            heads.append(time.monotonic() - head)
        assert min(heads) < 4, f"who asks for a head only does not wait: {heads}"

        resumed = time.monotonic()

        def come(address):
            while True:
                status, _, body, _ = ask(address)
                if status == 200:
                    return body, time.monotonic() - resumed
                assert status == 503 and time.monotonic() - resumed < 240, (address, status)

        # They already wait when it resumes: demand expires some seconds after its request was answered.
        coming = pool.map(come, wanted)
        server.cli("worker", "resume")
        arrived = list(coming)
    for playlist, address in zip((video, audio), wanted, strict=True):
        # As the queue has it: on a fast machine the early part may be done as well by now.
        first, later = begun(server, playlist, address), begun(server, playlist, segment_at(playlist, early))
        assert first and (later is None or first < later), f"{early} s was begun before {sought} s: {later}, {first}"
    after = playlists(presentation)
    changed = [url for url in before if before[url] != after[url]]
    assert not changed, changed
    for playlist, (body, _) in zip((video, audio), arrived, strict=True):
        part = path.parent / "part.mp4"
        part.write_bytes(hls.get(playlist.map)[2] + body)
        run("ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", part, "-f", "null", "-")
    print(f"{sought} s: picture after {arrived[0][1]:.1f} s, sound after {arrived[1][1]:.1f} s")


def test_a_place_that_is_sought_is_encoded_first(narrow_kinora, clip, tmp_path):
    seek_ahead(narrow_kinora, repeated(clip("long"), 5, tmp_path), sought=240, early=120)


def test_a_source_never_lies_on_disk_by_name(narrow_kinora, clip, tmp_path):
    """Neither while it is encoded, nor after a kill, nor after a cancelled encode."""
    marker = b"nobody but the owner may read this"
    path = repeated(clip("long"), 5, tmp_path)
    with path.open("ab") as end:
        filling = marker * 1000
        end.write((8 + len(filling)).to_bytes(4, "big") + b"free" + filling)

    def files():
        return files_below(narrow_kinora.data / "scratch")

    def look():
        """Whether there is anything; the marker is in none of it."""
        found = files()
        for file in found:
            try:
                assert marker not in file.read_bytes(), file
            except FileNotFoundError:
                pass
        return found

    narrow_kinora.boto().upload_file(str(path), "source", path.name)
    wait_for(lambda: look() and narrow_kinora.title(path.stem)["state"] == "encoding", timeout=120, every=0.05)
    narrow_kinora.kill()
    look()
    narrow_kinora.start()
    wait_for(look, every=0.05)
    narrow_kinora.cancel_a_part(narrow_kinora.title(path.stem))
    wait_for(lambda: not files())


@pytest.mark.soak
def test_minute_40_of_an_hour_comes_before_minute_5(narrow_kinora, shared, tmp_path):
    path = repeated(shared / "main" / "sintel_trailer_720p24_52s.mp4", 60, tmp_path)
    seek_ahead(narrow_kinora, path, sought=2400, early=300)
