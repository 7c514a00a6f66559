"""Odd, broken and hostile files: what becomes of each stands in `e2e/media.toml`, the whole program shows it.

All files are uploaded at once; what is published is read through the front door and held against the file itself, as
ffmpeg shows it outside of Kinora.
"""

import http.client
import json
import os
import re
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urljoin, urlsplit

import pytest

import hls
import likeness
import odd_media
from kinora_server import Kinora, files_below, postgres_address, run, wait_for
from witnesses import Children, Listener, Opened, peak_memory

TABLE = tomllib.loads((Path(__file__).parent.parent / "media.toml").read_text(encoding="utf-8"))
ROWS = [pytest.param(name, marks=[pytest.mark.soak] if row.get("soak") else []) for name, row in TABLE.items()]
SECRET = "the-canary-sings-6ec2ab91"

# Seconds that a tool works for a row that allows no more by `limit`, and those that it lives among the quick rows, all
# of which are short: a busy machine holds one up.
MAX_WORK = 60
MAX_LIFE = 600
# Seconds in which at least one more of all the titles has to end.
PATIENCE = {False: 240, True: 900}
# Bytes of a tool among the quick rows, which are small, and among all. Decoding a bomb takes 700 MB.
MAX_TOOL = {False: 300 << 20, True: 1500 << 20}
MAX_SERVER = 400 << 20

# How far a track may be longer than what it is of: a packet of AAC is 21 ms.
MAX_SECONDS_OFF = 0.06


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def house(request, tmp_path_factory):
    """A server with all wanted files uploaded, and witnesses around it."""
    folder = tmp_path_factory.mktemp("media")
    canary, words = folder / "secret" / "canary.ts", folder / "secret" / "words.txt"
    canary.parent.mkdir()
    film = ["-f", "lavfi", "-i", "color=magenta:s=320x180:d=2", "-metadata", f"service_name={SECRET}"]
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *film, "-c:v", "libx264", "-f", "mpegts", canary)
    words.write_text(SECRET)
    listener = Listener()
    opened = Opened([canary, words])
    server = Kinora(folder / "data", postgres_address(request.param), environment={"CANARY": SECRET})
    server.start()
    children = Children(server.process.pid)
    world = odd_media.World(folder, canary, words, listener.port)
    here = (item.callspec.params for item in request.session.items if item.module is request.module and hasattr(item, "callspec"))
    wanted = {params["name"] for params in here if params.get("house") == request.param and "name" in params}
    house = SimpleNamespace(server=server, world=world, listener=listener, opened=opened, children=children, files={}, ended={}, slow=False)
    house.slow = any(TABLE[name].get("soak") for name in wanted)

    def begin(name):
        row = TABLE[name]
        shared = shared_file(name)
        if not row_is_made(row) and not shared:
            return
        house.files[name] = shared or odd_media.make(name, row, world)
        upload(server, house.files[name], key_of(name))

    with ThreadPoolExecutor(3) as pool:
        # Slow ones last: the others do not wait for them.
        list(pool.map(begin, sorted(wanted, key=lambda name: bool(TABLE[name].get("soak")))))
    yield house
    children.stop()
    server.stop()
    listener.close()
    opened.close()


def row_is_made(row):
    return any(how in row for how in ["make", "write", "words"])


def shared_file(name):
    folder = Path(os.environ.get("KINORA_SHARED", "../shared"))
    path = folder / name if name.startswith("cases/") else folder / "media" / name
    return path if not row_is_made(TABLE[name]) and path.is_file() else None


def key_of(name):
    """Where a row's file is uploaded: rows that are about names say it."""
    return TABLE[name].get("key", name)


def upload(server, path, key):
    """As S3 clients do, but for keys that they would make other ones of on the way."""
    if ".." not in key.split("/"):
        server.boto().upload_file(str(path), "source", key)
        return
    place = urlsplit(server.boto().generate_presigned_url("put_object", {"Bucket": "source", "Key": key}))
    connection = http.client.HTTPConnection(place.netloc)
    connection.request("PUT", f"{place.path}?{place.query}", path.read_bytes())
    assert (connection.getresponse().status, unquote(place.path)) == (200, f"/source/{key}")


def title_of(house, name):
    key = key_of(name)

    def ended():
        # One list answers for all: on a busy machine it takes as long as a title.
        if key not in house.ended:
            found = [t for t in house.server.titles() if t["state"] in ("published", "failed", "rejected")]
            house.ended.update({title["key"]: title for title in found})
        return house.ended.get(key)

    while True:
        others = len(house.ended)
        try:
            return wait_for(ended, timeout=PATIENCE[house.slow], every=1)
        except AssertionError:
            # All are queued at once: who comes late waits for the others.
            if len(house.ended) == others:
                raise


@pytest.mark.parametrize("name", ROWS)
def test_every_file_ends_as_the_table_says(house, name, tmp_path):
    row = TABLE[name]
    if name not in house.files:
        pytest.skip(f"{name} is one of the shared files, which are not there")
    title = title_of(house, name)
    if title["state"] != "published":
        assert {title["state"]: title["reason"]} == expected(row), title
        return
    show = hls.load(house.server.url(title["id"]))
    show.audio = show.audio or [one for one in show.variants if "RESOLUTION" not in one[0]]
    tracks = [track(playlist, attributes, tmp_path / f"audio{n}.mp4") for n, (attributes, playlist) in enumerate(show.audio)]
    assert outcome(house, row, title, show, tracks, tmp_path) == expected(row), title
    if "marks" in row:
        marked(row["marks"], tmp_path / "video.mp4", tmp_path / "audio0.mp4")
        return
    if "picture" in row:
        looks(house.files[name], row, tmp_path / "video.mp4")
    if tracks:
        sounds(house.files[name], row, tracks, tmp_path / "video.mp4")


def expected(row):
    if "rejected" in row:
        return {"rejected": row["rejected"]}
    wanted = {key: row[key] for key in ["picture", "sound", "captions", "cues", "notes", "seconds"] if key in row}
    return {"sound": [], "captions": [], "notes": [], **wanted}


def outcome(house, row, title, show, tracks, folder):
    """What became of a published title, in the words of the table."""
    found = {"sound": [spoken(playlist) for playlist in show.audio], "captions": captions(show), "notes": notes(house, title)}
    if show.variants and "RESOLUTION" in show.variants[0][0]:
        found["picture"] = picture(show, folder)
    if "cues" in row:
        found["cues"] = cues(show)
    if "seconds" in row:
        found["seconds"] = round(tracks[0].seconds, 1)
        assert title["duration_ms"] / 1000 == pytest.approx(tracks[0].seconds, abs=MAX_SECONDS_OFF)
    return found


def track(playlist, attributes, path):
    """What is heard of a published track: AAC for two ears, without gaps or errors."""
    hls.save(playlist, path)
    found = hls.probe(path, "stream=codec_name,channels,sample_rate", "packet=pts_time")
    assert found["streams"] == [{"codec_name": "aac", "channels": 2, "sample_rate": "48000"}]
    assert attributes.get("CHANNELS", "2") == "2"
    starts = [float(packet["pts_time"]) for packet in found["packets"]]
    assert len(starts) < 2 or hls.gaps(starts) == []
    return likeness.hear(path, "a:0", before=likeness.STRICT)


def picture(show, folder):
    """`640x360, 60 frames at 30/1, bt709` of the largest rendition; all have its shape, segments and length."""
    sized = [([int(n) for n in attributes["RESOLUTION"].split("x")], playlist) for attributes, playlist in show.variants]
    (width, height), top = max(sized, key=lambda one: one[0][0] * one[0][1])
    for size, playlist in sized:
        assert abs(size[0] - width * size[1] / height) <= 2, sized
        assert [seconds for _, seconds in playlist.segments] == [seconds for _, seconds in top.segments]
    path = hls.save(top, folder / "video.mp4")
    entries = "stream=width,height,sample_aspect_ratio,r_frame_rate,nb_read_frames,color_space,color_primaries,color_transfer,color_range,pix_fmt"
    found = hls.probe(path, entries, "packet=pts_time", stream="v:0", count=True)
    (stream,) = found["streams"]
    assert (stream["width"], stream["height"], stream.get("sample_aspect_ratio", "1:1")) == (width, height, "1:1")
    assert (stream["pix_fmt"], stream["color_range"]) == ("yuv420p", "tv")
    # bt709 is one word for all three; the older systems share their transfer function.
    assert stream["color_primaries"] == stream["color_space"]
    assert stream["color_transfer"] == ("bt709" if stream["color_space"] == "bt709" else "smpte170m")
    frames = int(stream["nb_read_frames"])
    starts = sorted(float(packet["pts_time"]) for packet in found["packets"])
    assert len(starts) == frames and (frames < 2 or hls.gaps(starts) == [])
    rate = stream["r_frame_rate"] if frames > 1 else "-"
    if frames > 1:
        number, divisor = (int(n) for n in rate.split("/"))
        assert sum(seconds for _, seconds in top.segments) == pytest.approx(frames * divisor / number, abs=0.002)
    return f"{width}x{height}, {frames} frames at {rate}, {stream['color_space']}"


def spoken(audio):
    """`en` or `en "Director's commentary"`."""
    attributes, _ = audio
    return " ".join(filter(None, [attributes.get("LANGUAGE", "und"), f'"{attributes["NAME"]}"' if "NAME" in attributes else ""]))


def captions(show):
    """`en: first words` of every caption track."""
    found = []
    for language, words in subtitles(show):
        said = re.search(r"-->.*\n(.*)", words)
        found.append(f"{language}: {said.group(1) if said else ''}".strip())
    return found


def cues(show):
    """All texts of the first caption track, in order; one that lasts from a segment into the next is in both."""
    _, words = subtitles(show)[0]
    found = re.findall(r"(\S+ --> .*)\n((?:.+\n?)+)", words)
    return [text.strip() for _, text in dict.fromkeys(found)]


def subtitles(show):
    """Language and WebVTT, all segments in one, of every caption track."""
    found = []
    for line in hls.text(show.url).splitlines():
        if line.startswith("#EXT-X-MEDIA:") and "TYPE=SUBTITLES" in line:
            attributes = hls.attributes(line)
            playlist = hls.media(urljoin(show.url, attributes["URI"]))
            found.append((attributes.get("LANGUAGE", "und"), "\n".join(hls.text(url) for url, _ in playlist.segments)))
    return found


def notes(house, title):
    """What the title says about what was left out."""
    return sorted(house.server.json("title", "show", title["id"])["notes"])


def looks(source, row, path):
    """The published pictures are the file's own, every one of them: upright, in time, in their colours."""
    if "levels" in row:
        found = likeness.levels(path, len(row["levels"]))
        # What we paint ourselves is even and known.
        off = 5 if row_is_made(row) else 12
        assert found == [pytest.approx(level, abs=off) for level in row["levels"]], found
    if row.get("fields"):
        assert_not_combed(path)
    ours = likeness.thumbnails(path, "v:0", before=likeness.STRICT)
    frames, rate = re.search(r"(\d+) frames at (\S+),", row["picture"]).groups()
    assert len(ours) == int(frames)
    fps = f"fps={rate}:eof_action=pass," if rate != "-" else ""
    theirs = likeness.thumbnails(source, row.get("stream", "V:0"), fps + row.get("shape", ""))
    theirs = theirs[:1] * row.get("late", 0) + theirs + theirs[-1:] * row.get("held", 0)
    assert abs(len(theirs) - len(ours)) <= 1, (len(theirs), len(ours))
    if row.get("alike", True):
        off = [likeness.apart(one, other) for one, other in zip(theirs, ours)]
        assert sum(off) / len(off) < 4 and max(off) < 20, [round(n, 1) for n in off]
    else:
        order = [likeness.likeness_of_order(one, other) for one, other in zip(theirs, ours)]
        assert min(order) > 0.8, [round(n, 3) for n in order]
    unlike, moving = likeness.unlike_steps(theirs, ours)
    # Where next to nothing moves, what an encoder leaves out of it shows.
    assert len(unlike) <= max(3, moving // 3), unlike


def marked(marks, film, sound):
    """A white patch and a beep at every second between these, no other, both within 20 ms of where they belong."""
    for found, (first, last) in zip([likeness.patches(film), likeness.beeps(sound)], marks):
        assert found == [pytest.approx(second, abs=0.02) for second in range(first, last + 1)], found


def assert_not_combed(path):
    """ffmpeg's detector of fields sees none in what is published."""
    command = ["ffmpeg", "-nostdin", "-v", "info", "-i", str(path), "-vf", "idet", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stderr
    first, second, progressive = (
        int(n) for n in re.search(r"Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Progressive:\s*(\d+)", said).groups()
    )
    assert first + second <= progressive // 4, said


def sounds(source, row, tracks, film):
    """Every track is as long as the film, or as its source; it is loud when that is, and as loud, left and right."""
    streams = hls.probe(source, "stream=index,codec_type,channels", stream="a")["streams"]
    theirs_from = ours_from = None
    if "picture" in row:
        theirs_from = likeness.first_shown(source, row.get("stream", "V:0")) - late(row)
        ours_from = likeness.first_shown(film, "v:0")
        seconds = length(row["picture"])
        assert all(ours.seconds == pytest.approx(seconds, abs=MAX_SECONDS_OFF) for ours in tracks), [ours.seconds for ours in tracks]
    for n, ours in enumerate(tracks):
        placed = ours.placed(ours.start if ours_from is None else ours_from)
        end = max(placed) + 1
        if "loudness" in row:
            found = likeness.loudness(placed, len(row["loudness"]))
            assert found == [pytest.approx(level, abs=1) for level in row["loudness"]], found
            continue
        which = row.get("tracks", range(len(streams)))
        if n >= len(which):
            assert likeness.loud(placed, end) is None, "what cannot be decoded is silent"
            continue
        stream = streams[which[n]]
        theirs = likeness.hear(source, stream["index"])
        if "picture" not in row:
            assert ours.seconds == pytest.approx(row.get("lasts", theirs.seconds), abs=MAX_SECONDS_OFF)
        there = theirs.placed(theirs.start if theirs_from is None else theirs_from)
        # Of sound that swells, an encoder moves the moment that it is loud.
        first, last = zip(*(likeness.loud(there, end, louder) or [None, None] for louder in (-1, 0, 1)))
        heard = likeness.loud(placed, end)
        assert (heard is None) == (first[1] is None), (heard, first)
        if heard:
            latest, earliest = (first[2] or first[1]) + 0.05, (last[2] or last[1]) - 0.05
            assert first[0] - 0.05 <= heard[0] <= latest and earliest <= heard[1] <= last[0] + 0.05, (heard, first, last)
        # Players play a single channel as loud on both sides; ffmpeg's mixer takes 3 dB off.
        unlike = likeness.unlike(there, placed, louder=3.01 if stream["channels"] == 1 else 0, bound=1.5)
        assert unlike == [], unlike


def late(row):
    """For how long the first picture that can be decoded is shown before its time, in s."""
    number, divisor = re.search(r" at (?:(\d+)/(\d+)|-)", row["picture"]).groups()
    return row.get("late", 0) * int(divisor or 1) / int(number or 25)


def length(picture):
    """Of a film in s, by its frames and their rate in the table."""
    frames, number, divisor = re.search(r"(\d+) frames at (?:(\d+)/(\d+)|-)", picture).groups()
    # A single frame lasts for what it lasted in its source, a twenty-fifth of a second here.
    return int(frames) * int(divisor or 1) / int(number or 25)


def test_nothing_outside_was_read_and_nobody_was_called(house):
    house.server.wait_for_jobs(timeout=900)
    assert house.opened.take() == set()
    assert house.listener.came == []
    # Both would have been noticed.
    house.world.words.read_text()
    assert house.opened.take() == {"words.txt"}
    house.listener.knock()
    wait_for(lambda: {way for way, _ in house.listener.came} == {"tcp", "udp"}, timeout=10)


def test_no_log_no_answer_and_no_row_tells_the_secret(house):
    house.server.wait_for_jobs(timeout=900)
    for path in [house.server.log, *files_below(house.server.data)]:
        assert SECRET.encode() not in path.read_bytes(), path
    for job in house.server.json("job", "ls"):
        assert SECRET not in json.dumps(house.server.json("job", "show", job["id"]))
    if house.server.database:
        stored = tables(house.server)
        # What stands there is found.
        assert any("source" in rows for rows in stored.values())
        for table, rows in stored.items():
            assert SECRET not in rows and SECRET.encode().hex() not in rows, table


def tables(server):
    """All rows of a server on PostgreSQL as text, by table; those of SQLite are a file among its others."""
    ask = lambda query: run("psql", "-qAtX", server.database, "-c", query)
    names = ask("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").split()
    return {name: ask(f'SELECT t::text FROM "{name}" t') for name in names}


def test_no_tool_outlives_its_watchdog_and_memory_stays_bounded(house):
    house.server.wait_for_jobs(timeout=900)
    wait_for(lambda: house.children.look() == [], timeout=30)
    published = [name for name in house.files if "rejected" not in TABLE[name]]
    assert len(house.children.lives) >= len(published), f"{len(house.children.lives)} tools made {len(published)} titles"
    if house.children.lives:
        seconds, command = house.children.busiest()
        assert seconds < max(TABLE[name].get("limit", MAX_WORK) for name in house.files), command
        seconds, command = house.children.longest()
        assert house.slow or seconds < MAX_LIFE, command
        # Nor did a watchdog have to end one, after which a further try may have been a good one.
        tried = [job["id"] for job in house.server.json("job", "ls") if job["attempt"] > 1 or job["state"] == "failed"]
        stalled = [shown for job in tried if "made no progress" in (shown := house.server.cli("job", "show", job).stdout)]
        assert house.slow or not stalled, stalled
        memory, command = house.children.largest()
        assert memory < MAX_TOOL[house.slow], command
    assert peak_memory(house.server.process.pid) < MAX_SERVER
    # More of either would have been noticed.
    seconds, work, memory = Children.knock(0.8)
    assert seconds > 0.5 and work > 0.05 and memory > 30 << 20


def test_every_shared_clip_has_its_row(shared):
    clips = {str(path.relative_to(shared)) for path in files_below(shared)} - {"README.md"}
    assert clips and clips <= set(TABLE), clips - set(TABLE)


def test_what_is_a_page_to_some_is_never_served_as_one(house):
    name = "hostile/polyglot.html"
    if name not in house.files:
        pytest.skip("the polyglot was not asked for")
    show = hls.load(house.server.url(title_of(house, name)["id"]))
    _, playlist = show.variants[0]
    source = house.server.boto().generate_presigned_url("get_object", {"Bucket": "source", "Key": key_of(name)})
    for url in [source, show.url, playlist.url, playlist.map, *(url for url, _ in playlist.segments)]:
        status, headers, body = hls.get(url)
        assert status == 200 and (url == source) == (b"<script>" in body)
        assert headers["x-content-type-options"] == "nosniff", url
        assert "html" not in headers.get("content-type", ""), url
