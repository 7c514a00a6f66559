"""One film with two languages and captions, in every format: what ffmpeg, real players and the DASH schema make of it."""

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import pytest
from lxml import etree

import hls
from chromium import run_specs
from kinora_server import run
from spoken import FRAMES, SECONDS, TONES, film, words
from visitor import Visitor

FORMATS = ["hls", "hls-ts", "dash", "mp4"]
MPD = "{urn:mpeg:dash:schema:mpd:2011}"


# The bytes of a format do not depend on the database.
pytestmark = pytest.mark.one_engine


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return film(tmp_path_factory.mktemp("formats"))


@pytest.fixture(scope="module")
def title(kinora, source):
    kinora.boto().upload_file(str(source), "source", "every format.mp4")
    return kinora.wait("every format")["id"]


@pytest.fixture(scope="module")
def address(kinora, title):
    """The address of the title in a format."""
    known = {}

    def find(format):
        if format not in known:
            known[format] = kinora.url(title, "--format", format)
        return known[format]

    return find


@pytest.fixture(scope="module")
def show(address):
    return hls.load(address("hls"))


def decoded(url, stream):
    """How many frames of a stream are decoded; whatever ffmpeg complains about fails.

    One stream at a time: ffmpeg's reader of DASH ends all of them where the first ends.
    """
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-err_detect", "explode", "-i", url, "-map", f"0:{stream}"]
    done = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), (url, stream)
    return sum(1 for line in done.stdout.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_decodes_to_the_frames_of_the_plan(address, format):
    streams = hls.probe(address(format), "stream=index,codec_type,height")["streams"]
    # A programme lists its streams once more.
    streams = {stream["index"]: stream for stream in streams}.values()
    pictures = [stream["height"] for stream in streams if stream["codec_type"] == "video"]
    sounds = [stream for stream in streams if stream["codec_type"] == "audio"]
    assert sorted(pictures) == ([720] if format == "mp4" else [360, 540, 720])
    assert [decoded(address(format), f"v:{n}") for n in range(len(pictures))] == [FRAMES] * len(pictures)
    for n in range(len(sounds)):
        # The last frame of the encoder's is as long as the others, and the first one's priming is cut.
        assert abs(decoded(address(format), f"a:{n}") - SECONDS * 48_000 / 1024) <= 2


def pitch(source, *select):
    """The frequency of the loudest tone, by counting how often the sound goes up through zero."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-ss", "4", "-i", str(source), *select, "-t", "2"]
    command += ["-ac", "1", "-ar", "48000", "-f", "s16le", "-"]
    pcm = memoryview(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout).cast("h")
    ups = sum(1 for a, b in zip(pcm, pcm[1:]) if a < 0 <= b)
    return ups / (len(pcm) / 48_000)


def test_every_language_is_a_track_of_its_own(show, address, tmp_path):
    assert [a["LANGUAGE"] for a, _ in show.audio] == list(TONES)
    assert [a["NAME"] for a, _ in show.audio] == ["English", "Deutsch"]
    assert [a["DEFAULT"] for a, _ in show.audio] == ["YES", "NO"]
    for (attributes, playlist), tone in zip(show.audio, TONES.values()):
        saved = hls.save(playlist, tmp_path / "sound.mp4")
        assert hls.decode(saved) == []
        assert pitch(saved) == pytest.approx(tone, rel=0.02), attributes
    # MPEG-TS carries the default with the picture and names the others.
    lines = [hls.attributes(line) for line in hls.text(address("hls-ts")).splitlines() if "TYPE=AUDIO" in line]
    assert [(a["LANGUAGE"], "URI" in a) for a in lines] == [("en", False), ("de", True)]
    assert pitch(urljoin(address("hls-ts"), lines[1]["URI"])) == pytest.approx(TONES["de"], rel=0.02)
    mp4 = address("mp4").replace("index.mp4", "v0-a1.mp4")
    assert pitch(mp4) == pytest.approx(TONES["de"], rel=0.02)
    tags = hls.probe(mp4, "stream_tags=language", stream="a:0")["streams"][0]["tags"]
    assert tags["language"] == "deu"


def packets(source, stream):
    """Hashes of a stream's samples as they are stored."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-map", stream, "-c", "copy", "-f", "framemd5", "-"]
    return [line.split(",")[-1].strip() for line in run(*command).splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", ["index.mp4", "v0.mp4", "v1-a1.mp4", "a1.mp4"])
def test_a_whole_file_starts_fast_and_has_the_samples_of_the_chunks(show, address, tmp_path, name):
    url = address("mp4").replace("index.mp4", name)
    status, headers, body = hls.get(url)
    assert status == 200 and int(headers["content-length"]) == len(body)
    assert [kind for kind, _ in boxes(body)] == [b"ftyp", b"moov", b"mdat"]
    start, end = len(body) // 3, len(body) // 3 + 70_000
    status, _, part = hls.get(url, {"Range": f"bytes={start}-{end}", "If-Range": headers["etag"]})
    assert (status, part) == (206, body[start : end + 1])
    whole = tmp_path / name
    whole.write_bytes(body)
    assert hls.decode(whole) == []
    if name == "index.mp4":
        picture, sound = max(show.variants, key=lambda variant: int(variant[0]["BANDWIDTH"]))[1], 0
    else:
        video, sound = re.fullmatch(r"(v\d)?-?(?:a(\d))?\.mp4", name).groups()
        picture = next((p for _, p in show.variants if p.url.endswith(f"/{video}.m3u8")), None)
    if picture:
        assert packets(whole, "0:v") == packets(hls.save(picture, tmp_path / "video.mp4"), "0:v")
    assert packets(whole, "0:a") == packets(hls.save(show.audio[int(sound or 0)][1], tmp_path / "audio.mp4"), "0:a")


def boxes(body):
    """Kinds and sizes of the outermost boxes."""
    at = 0
    while at < len(body):
        size, kind = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 8]
        size = int.from_bytes(body[at + 8 : at + 16], "big") if size == 1 else size
        yield kind, size
        at += size


@pytest.mark.parametrize("format", ["hls", "hls-ts"])
def test_key_frames_are_read_by_their_ranges(address, show, tmp_path, format):
    master = hls.text(address(format))
    streams = [hls.attributes(line) for line in master.splitlines() if line.startswith("#EXT-X-I-FRAME-STREAM-INF")]
    assert sorted(s["RESOLUTION"] for s in streams) == ["1280x720", "640x360", "960x540"]
    url = urljoin(address(format), streams[0]["URI"])
    body = hls.text(url)
    initial = re.search(r'#EXT-X-MAP:URI="([^"]+)"', body)
    ranges = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", body)
    assert len(ranges) == len(show.variants[0][1].segments) and "#EXT-X-I-FRAMES-ONLY" in body
    for n, (length, start, name) in enumerate(ranges):
        status, _, frame = hls.get(urljoin(url, name), {"Range": f"bytes={start}-{int(start) + int(length) - 1}"})
        assert status == 206 and len(frame) == int(length)
        piece = tmp_path / f"{n}.bin"
        piece.write_bytes((hls.get(urljoin(url, initial.group(1)))[2] if initial else b"") + frame)
        # What follows the key frame in its fragment is announced and missing: read one frame.
        command = ["ffprobe", "-v", "fatal", "-read_intervals", "%+#1", "-select_streams", "v:0", "-of", "json"]
        frames = json.loads(run(*command, "-show_entries", "frame=pict_type,key_frame,height", piece))["frames"]
        found = [(f["key_frame"], f["pict_type"], f"x{f['height']}") for f in frames]
        assert len(found) == 1 and found[0][:2] == (1, "I") and streams[0]["RESOLUTION"].endswith(found[0][2]), found


def expected(language):
    return [(2000 * n + 250, 2000 * n + 1750, words(language, n)) for n in range(SECONDS // 2)]


@pytest.mark.parametrize("format, start", [("hls", 0), ("hls-ts", 900_000)])
def test_captions_of_the_file_are_tracks(address, format, start):
    lines = [hls.attributes(line) for line in hls.text(address(format)).splitlines() if "TYPE=SUBTITLES" in line]
    assert [(a["LANGUAGE"], a["NAME"]) for a in lines] == [("en", "English"), ("de", "Deutsch")]
    for attributes in lines:
        playlist = hls.media(urljoin(address(format), attributes["URI"]))
        found = set()
        at = 0
        for url, duration in playlist.segments:
            text = hls.text(url)
            assert text.startswith(f"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{start}\n\n")
            own = hls.cues(text)
            assert all(a < (at + duration) * 1000 and b > at * 1000 for a, b, _ in own), "only what is shown in it"
            found.update(own)
            at += duration
        assert sorted(found) == expected(attributes["LANGUAGE"])
        assert at == pytest.approx(SECONDS, abs=0.01)


def test_the_manifest_of_dash_names_everything(address, show):
    tree = etree.fromstring(hls.get(address("dash"))[2])
    sets = {s.get("id"): s for s in tree.iter(MPD + "AdaptationSet")}
    kinds = [(s.get("contentType"), s.get("lang")) for s in sets.values()]
    assert kinds == [("video", None), ("audio", "en"), ("audio", "de"), ("text", "en"), ("text", "de")]
    pictures = [s for s in sets.values() if s.get("contentType") == "video"]
    assert sorted(int(r.get("height")) for r in pictures[0].iter(MPD + "Representation")) == [360, 540, 720]
    timeline = [int(s.get("r", 0)) + 1 for s in pictures[0].iter(MPD + "S")]
    assert sum(timeline) == len(show.variants[0][1].segments)
    for group in (s for s in sets.values() if s.get("contentType") == "text"):
        name = group.find(f"{MPD}Representation/{MPD}BaseURL").text
        assert hls.cues(hls.text(urljoin(address("dash"), name))) == expected(group.get("lang"))


@pytest.fixture(scope="module")
def schema():
    """The schema of ISO/IEC 23009-1, which is not ours to copy: MPEG publishes it as `DASH-MPD.xsd`."""
    shared = Path(os.environ.get("KINORA_SHARED", "../shared"))
    path = Path(os.environ.get("KINORA_DASH_SCHEMA", shared / "schemas" / "DASH-MPD.xsd"))
    if not path.is_file():
        pytest.skip(f"the DASH schema ({path} is not there; KINORA_DASH_SCHEMA names another place)")
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Links())
    return etree.XMLSchema(etree.parse(str(path), parser))


class Links(etree.Resolver):
    """Stands for the schema of XLink, whose attributes the DASH schema uses and our manifests do not."""

    def resolve(self, url, public_id, context):
        if not url.endswith("xlink.xsd"):
            return None
        names = "".join(f'<xs:attribute name="{name}" type="xs:string"/>' for name in ["type", "href", "show", "actuate"])
        head = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/1999/xlink">'
        return self.resolve_string(f"{head}{names}</xs:schema>", context)


def test_the_manifest_of_dash_is_valid(schema, kinora, address, clip, unique):
    kinora.boto().upload_file(str(clip("silent")), "source", f"{unique}.mp4")
    silent = kinora.url(kinora.wait(unique)["id"], "--format", "dash")
    for url in [address("dash"), silent]:
        tree = etree.fromstring(hls.get(url)[2])
        schema.assertValid(tree)
    tree.find(f"{MPD}Period").set("surprise", "1")
    assert not schema.validate(tree), "the schema refuses something"


def test_operators_add_configurations(kinora, title, unique):
    link = kinora.cli("signin-link", f"{unique}@example.org", "--role", "operator").stdout.strip()
    operator = Visitor(kinora).by_link(link)
    groups = operator.json("/api/packaging/groups")["items"]
    assert [(g["name"], [c["name"] for c in g["configurations"]]) for g in groups] == [("default", ["reference", "standard"])]
    kinora.cli("packaging", "add-group", unique)
    settings = {"package": "HLS", "segment_duration_seconds": 4, "use_audio_rendition_group": True}
    settings |= {"stream_order": "VIDEO_BITRATE_DESCENDING", "segment_template_format": "TIME_WITH_TIMELINE"}
    new = {"name": unique, "group": unique, "settings": settings}
    added = operator.json("/api/packaging/configurations", new)
    assert operator.ask("/api/packaging/configurations", new)[0] == 409
    assert operator.ask("/api/packaging/configurations", new | {"settings": {"segments": 4}})[0] == 422
    assert unique in [c["name"] for c in kinora.json("packaging", "ls")]

    url = kinora.url(title, "--configuration", unique)
    assert f"/{added['id']}/" in url
    show = hls.load(url)
    assert [a["RESOLUTION"] for a, _ in show.variants] == ["1280x720", "960x540", "640x360"]
    assert [a["LANGUAGE"] for a, _ in show.audio] == list(TONES), "sound apart from the picture"
    assert [(s.rpartition(".")[2], d) for s, d in show.variants[0][1].segments] == [("ts", 4.0)] * 4
    assert [decoded(url, f"v:{n}") for n in range(3)] == [FRAMES] * 3
    dash = kinora.url(title, "--configuration", unique, "--format", "dash")
    assert "$Time$" in hls.text(dash) and decoded(dash, "v:0") == FRAMES

    assert operator.ask(f"/api/packaging/groups/{unique}", method="DELETE")[0] == 409
    kinora.cli("packaging", "rm", unique)
    assert operator.ask(f"/api/packaging/groups/{unique}", method="DELETE")[0] == 204
    assert "no packaging configuration" in kinora.cli("url", title, "--configuration", unique, check=False).stderr
    assert kinora.cli("packaging", "rm", "standard", check=False).returncode != 0


@pytest.mark.browser
def test_players_of_the_web_play_seek_and_switch(kinora, address):
    addresses = {f"KINORA_{format.upper().replace('-', '_')}": address(format) for format in ["hls", "hls-ts", "dash"]}
    said = run_specs(kinora, "players.mjs", timeout=3600, KINORA_SECONDS=str(SECONDS), **addresses)
    if skipped := re.findall(r"^ok .*# SKIP.*$", said, re.M):
        print("skipped:", skipped)
