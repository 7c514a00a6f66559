"""From a bucket to a stream: real films by real S3 clients, decoded by ffmpeg."""

import pytest

import hls
from kinora_server import run

# The reference film: 52 s of 1280×720 at 24 pictures a second, with stereo sound.
FILM, FRAMES = "main/sintel_trailer_720p24_52s.mp4", 1253


def upload(kinora, client, path, key):
    if client == "boto3":
        kinora.boto().upload_file(str(path), "source", key)
    elif client == "aws":
        run("aws", "s3", "cp", "--no-progress", path, f"s3://source/{key}", env=kinora.client_environment())
    else:
        run("rclone", "copyto", path, f"k:source/{key}", env=kinora.client_environment())


@pytest.mark.one_engine
@pytest.mark.parametrize("client", ["aws", "rclone"])
def test_a_film_uploaded_by_other_clients_is_published(kinora, clip, unique, client):
    upload(kinora, client, clip("short"), f"{unique}.mp4")
    assert kinora.wait(unique)["playable"]


@pytest.mark.one_engine
def test_the_reference_film_plays_in_every_rendition(kinora, shared, tmp_path):
    upload(kinora, "boto3", shared / FILM, "reference/sintel.mp4")
    title = kinora.wait("sintel")
    assert title["playable"] and title["progress"] == 100

    show = hls.load(kinora.url(title["id"]))
    heights = sorted(int(a["RESOLUTION"].split("x")[1]) for a, _ in show.variants)
    assert heights == [360, 540, 720]
    assert len(show.audio) == 1

    source_sync = sync(shared / FILM)
    playlists = [playlist for _, playlist in show.variants]
    audio = hls.save(show.audio[0][1], tmp_path / "audio.mp4")
    assert hls.decode(audio) == []
    assert hls.gaps(hls.times(audio, "a:0")) == []
    for n, playlist in enumerate(playlists):
        video = hls.save(playlist, tmp_path / f"video{n}.mp4")
        assert hls.decode(video) == []
        assert hls.frames(video) == FRAMES
        assert hls.gaps(hls.times(video, "v:0")) == []
        ours = hls.times(audio, "a:0")[0] - hls.times(video, "v:0")[0]
        assert abs(ours - max(source_sync, 0)) <= 0.020, (ours, source_sync)


def sync(path):
    """How much later the audio of a source starts than its video, in s."""
    streams = hls.probe(path, "stream=codec_type,start_time")["streams"]
    start = {s["codec_type"]: float(s["start_time"]) for s in streams}
    return start["audio"] - start["video"]


def test_the_whole_address_decodes_without_an_error_line(kinora, clip, unique):
    kinora.cli("import", clip("short"), "--prefix", unique, "--until", "published")
    title = kinora.wait("short")
    assert hls.decode(kinora.url(title["id"])) == []


@pytest.mark.one_engine
def test_all_renditions_and_audio_share_boundaries(kinora, clip, unique):
    kinora.boto().upload_file(str(clip("long")), "source", f"{unique}.mp4")
    title = kinora.wait(unique)
    show = hls.load(kinora.url(title["id"]))
    durations = [[d for _, d in playlist.segments] for _, playlist in show.variants]
    assert all(d == durations[0] for d in durations)
    assert sum(durations[0]) == pytest.approx(40, abs=0.001)
    assert len(show.audio[0][1].segments) == len(durations[0])
    assert all(abs(a - v) < 0.022 for (_, a), v in zip(show.audio[0][1].segments, durations[0]))


@pytest.mark.one_engine
def test_a_silent_film_plays(kinora, clip, unique):
    kinora.boto().upload_file(str(clip("silent")), "source", f"{unique}.mp4")
    title = kinora.wait(unique)
    show = hls.load(kinora.url(title["id"]))
    assert show.audio == []
    assert all(hls.frames(hls.save(p, kinora.data.parent / f"{unique}.mp4")) == 96 for _, p in show.variants)


@pytest.mark.one_engine
def test_import_follows_a_film_until_it_is_published(kinora, clip, unique):
    done = kinora.cli("import", clip("short"), "--prefix", unique, "--json")
    assert '"published"' in done.stdout


@pytest.mark.one_engine
def test_url_prints_cookies_that_open_the_stream(kinora, clip, unique):
    kinora.boto().upload_file(str(clip("short")), "source", f"{unique}.mp4")
    title = kinora.wait(unique)
    answer = kinora.json("url", title["id"], "--cookies")
    assert hls.get(answer["url"])[0] == 403
    cookies = "; ".join(f"{k}={v}" for k, v in answer["cookies"].items())
    assert hls.get(answer["url"], {"Cookie": cookies})[0] == 200
