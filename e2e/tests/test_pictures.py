"""Posters, storyboards and captions: what lies beside a film, made of the source and served like any media byte."""

import re
import subprocess
from urllib.parse import urljoin

import pytest

import cea608
import hls
from kinora_server import run, wait_for

SUBTITLES = "1\n00:00:01,000 --> 00:00:02,500\n<i>One</i> & two\n\n2\n00:00:04,200 --> 00:00:05,000\nZwei – größer\n"

# Black for 6 s, then a grey that grows every 2 s.
STEPS = "nullsrc=s=32x18:r=10:d=24,geq=lum='if(lt(T,6),16,40+floor(T/2)*12)':cb=128:cr=128,scale=640:360"
CODEC = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20"]


# Pictures and captions do not depend on the database.
pytestmark = pytest.mark.one_engine


def ffmpeg(*arguments):
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *arguments)


def publish(kinora, path, name):
    """Uploads a file; the title once it is published and its pictures are made."""
    kinora.boto().upload_file(str(path), "source", f"{name}{path.suffix}")
    title = kinora.wait(name)

    def made():
        jobs = [j for j in kinora.json("job", "ls", "--title", title["id"]) if j["kind"] == "pictures"]
        assert not any(j["state"] == "failed" for j in jobs), jobs
        return jobs and all(j["state"] == "done" for j in jobs)

    wait_for(made, timeout=120)
    return title


def bare(url):
    """The same address without its signature."""
    return re.sub(r"/t/[^/]+/", "/", url)


def picture(url, folder):
    """Width, height and grey pixels of a JPEG; only who may see it gets it."""
    assert hls.get(bare(url))[0] == 403
    status, headers, body = hls.get(url)
    assert status == 200, f"{url}: {status}"
    assert headers["content-type"] == "image/jpeg" and "immutable" in headers["cache-control"]
    path = folder / "picture.jpg"
    path.write_bytes(body)
    stream = hls.probe(path, "stream=width,height")["streams"][0]
    grey = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    pixels = subprocess.run(grey, capture_output=True, check=True).stdout
    assert len(pixels) == stream["width"] * stream["height"]
    return stream["width"], stream["height"], pixels


def test_a_film_has_posters_and_a_storyboard(kinora, tmp_path, unique):
    path = tmp_path / "film.mp4"
    ffmpeg("-f", "lavfi", "-i", STEPS, *CODEC, path)
    title = publish(kinora, path, f"film {unique}")
    manifest = kinora.url(title["id"])
    for width in (320, 640):
        found = picture(urljoin(manifest, f"poster/{width}.jpg"), tmp_path)
        assert found[:2] == (width, width * 9 // 16)
        assert sum(found[2]) / len(found[2]) > 60, "the poster is of a black frame"
    assert hls.get(urljoin(manifest, "poster/1280.jpg"))[0] == 404, "nothing is made larger than it is"

    vtt = urljoin(manifest, "storyboard.vtt")
    assert hls.get(bare(vtt))[0] == 403
    cues = hls.cues(hls.text(vtt))
    assert [cue[:2] for cue in cues] == [(2000 * n, 2000 * n + 2000) for n in range(12)]
    tiles = [re.fullmatch(r"(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)", cue[2]).groups() for cue in cues]
    sheets = {name: picture(urljoin(vtt, name), tmp_path) for name in {tile[0] for tile in tiles}}
    for n, tile in enumerate(tiles):
        (width, height, pixels), (x, y, w, h) = sheets[tile[0]], map(int, tile[1:])
        assert (w, h) == (160, 90) and x + w <= width and y + h <= height
        wanted = 0 if n < 3 else (24 + 12 * n) * 255 / 219
        assert abs(pixels[(y + h // 2) * width + x + w // 2] - wanted) <= 5, f"tile {n} shows another moment"


def test_a_song_has_its_cover_and_no_storyboard(kinora, tmp_path, unique):
    plain, covered = tmp_path / "plain.flac", tmp_path / "covered.mp3"
    ffmpeg("-f", "lavfi", "-i", "sine=d=3", plain)
    cover = ["-f", "lavfi", "-i", "testsrc2=s=700x700:r=1:d=1", "-frames:v", "1", "-c:v", "mjpeg"]
    ffmpeg("-f", "lavfi", "-i", "sine=d=3", *cover, "-map", "0", "-map", "1", "-disposition:v", "attached_pic", covered)
    manifest = kinora.url(publish(kinora, covered, f"covered {unique}")["id"])
    assert picture(urljoin(manifest, "poster/640.jpg"), tmp_path)[:2] == (640, 640)
    assert hls.get(urljoin(manifest, "storyboard.vtt"))[0] == 404
    manifest = kinora.url(publish(kinora, plain, f"plain {unique}")["id"])
    assert hls.get(urljoin(manifest, "poster/320.jpg"))[0] == 404


def film(folder, kind):
    """A film of 6 s with captions, one way or the other."""
    path, srt = folder / f"{kind}.{'mkv' if kind == 'srt' else 'mp4'}", folder / "in.srt"
    if kind == "cea608":
        return cea608.film(path, [(1, 2.5, "ONE & TWO"), (4.2, 5, "DREI")], seconds=6)
    srt.write_text(SUBTITLES)
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6", "-i", srt]
    ffmpeg(*inputs, *CODEC, "-c:s", kind, "-metadata:s:s:0", "language=ger", path)
    return path


@pytest.mark.parametrize("kind", ["srt", "mov_text", "cea608"])
def test_captions_play_at_their_time(kinora, tmp_path, unique, kind):
    title = publish(kinora, film(tmp_path, kind), f"{kind} {unique}")
    manifest = kinora.url(title["id"])
    if kind == "cea608":
        wanted = [(1000, 2500, "ONE &amp; TWO"), (4200, 5000, "DREI")]
    else:
        wanted = [(1000, 2500, "<i>One</i> &amp; two"), (4200, 5000, "Zwei – größer")]

    def check(found):
        assert [cue[2] for cue in found] == [cue[2] for cue in wanted]
        for (start, end, _), (from_ms, to_ms, _) in zip(found, wanted):
            assert abs(start - from_ms) < 90 and abs(end - to_ms) < 90, f"{found} are not {wanted}"

    check(hls.cues(hls.text(urljoin(manifest, "c0.vtt"))))
    assert hls.get(bare(urljoin(manifest, "c0.vtt")))[0] == 403
    # HLS names them as segments; a cue may be in several.
    lines = [line for line in hls.text(manifest).splitlines() if "TYPE=SUBTITLES" in line]
    named = [hls.attributes(line) for line in lines]
    assert [a.get("LANGUAGE") for a in named] == [None if kind == "cea608" else "de"]
    playlist = hls.media(urljoin(manifest, named[0]["URI"]))
    in_segments = [cue for url, _ in playlist.segments for cue in hls.cues(hls.text(url))]
    check(sorted(set(in_segments)))
    assert abs(sum(duration for _, duration in playlist.segments) - 6) < 0.1
    # DASH names the whole file.
    mpd = kinora.url(title["id"], "--format", "dash")
    assert re.search(r'mimeType="text/vtt"', hls.text(mpd)) and "c0.vtt" in hls.text(mpd)


def test_damaged_captions_cost_no_film(kinora, tmp_path, unique):
    path = film(tmp_path, "mov_text")
    data = bytearray(path.read_bytes())
    at = data.index("Zwei".encode())
    # The length before the text, and the text.
    data[at - 2 : at + 6] = b"\xff" * 8
    path.write_bytes(data)
    manifest = kinora.url(publish(kinora, path, f"damaged {unique}")["id"])
    assert hls.decode(manifest) == []
    assert hls.cues(hls.text(urljoin(manifest, "c0.vtt")))[0][2] == "<i>One</i> &amp; two"
