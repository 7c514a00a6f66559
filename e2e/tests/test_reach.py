"""Reach: every URL in a manifest, a page or the API, requested by clients without access to it."""

import json
import os
import re
from urllib.parse import quote, urljoin, urlsplit

import pytest

import hls
from kinora_server import wait_for
from visitor import Visitor

# What is refused does not depend on the database.
pytestmark = pytest.mark.one_engine

# What each has to name.
FORMATS = {"hls": ".m4s", "hls-ts": ".ts", "dash": ".mpd", "mp4": ".mp4"}


@pytest.fixture(scope="module")
def operator(own_module_kinora):
    return Visitor(own_module_kinora).by_link(own_module_kinora.operator_link)


@pytest.fixture(scope="module")
def own_module_kinora(engine, tmp_path_factory):
    from kinora_server import Kinora, postgres_address

    server = Kinora(tmp_path_factory.mktemp("reach") / "data", postgres_address(engine))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def film(own_module_kinora, clip):
    own_module_kinora.boto().upload_file(str(clip("short")), "source", "secret film.mp4")
    return own_module_kinora.wait("secret film")["id"]


@pytest.fixture(scope="module")
def other(own_module_kinora, clip):
    own_module_kinora.boto().upload_file(str(clip("short")), "source", "other film.mp4")
    return own_module_kinora.wait("other film")["id"]


def addresses(text, base):
    """What a playlist, an MPD or a WebVTT file names; and of that, what templates are filled to."""
    found = [line for line in text.splitlines() if line and not line.startswith("#")] if "#EXTM3U" in text else []
    found += re.findall(r'URI="([^"]+)"', text)
    found += re.findall(r"<BaseURL>([^<]+)</BaseURL>", text)
    found += re.findall(r"^(\S+\.jpg)(?:#\S*)?$", text, re.M)
    guesses = []
    for template in re.findall(r"<SegmentTemplate\b[^>]*>", text):
        for name in re.findall(r'(?:media|initialization)="([^"]+)"', template):
            ids = re.findall(r'<Representation\b[^>]*\bid="([^"]+)"', text)
            first = re.search(r'startNumber="(\d+)"', template)
            for representation in ids:
                filled = name.replace("$RepresentationID$", representation)
                guesses.append(filled.replace("$Number$", first.group(1) if first else "1").replace("$Time$", "0"))
    return [{urljoin(base, name) for name in names} for names in (found + guesses, set(guesses) - set(found))]


def crawl(start, headers):
    """Every address from `start` on that answers its owner, segments included."""
    seen, todo, guessed = set(), [start], set()
    while todo:
        url = todo.pop()
        if url in seen:
            continue
        status, answered, body = hls.get(url, headers)
        if status == 404 and url in guessed:
            # A template of one representation does not fit another.
            continue
        assert status == 200, f"{url} answered its owner {status}: {body[:200]}"
        seen.add(url)
        if re.search(r"mpegurl|dash\+xml|text/vtt", answered["content-type"]):
            named, guesses = addresses(body.decode(), url)
            todo += named
            guessed |= guesses
    return seen


@pytest.fixture(scope="module")
def media(own_module_kinora, operator, film):
    """Every media address of the film, in every format, from manifests and from pages."""
    kinora, found = own_module_kinora, set()
    manifest = operator.play(film)
    cookies = {"Cookie": operator.cookies(manifest)}
    found |= crawl(manifest, cookies)
    for form, suffix in FORMATS.items():
        done = kinora.cli("url", film, "--format", form, "--cookies", "--json")
        named = crawl(json.loads(done.stdout)["url"], cookies)
        assert any(urlsplit(url).path.endswith(suffix) for url in named), (form, sorted(named))
        found |= named
    for page in ["/", f"/watch/{film}", "/api/titles", f"/api/titles/{film}"]:
        body = operator.ask(page)[2].decode()
        for name in re.findall(r'["\'(]((?:http[^"\'\s)]*)?/out/v1/[^"\'\s)]+)', body):
            found.add(urljoin(kinora.http, name.replace("&amp;", "&")))
    assert any(url.endswith(".m4s") for url in found) and len(found) > 6, sorted(found)
    return sorted(found)


def test_no_media_address_answers_without_a_signature(own_module_kinora, media):
    for url in media:
        bare = url.split("?")[0]
        for method in ["GET", "HEAD"]:
            status, headers, body = hls.get(bare, method=method)
            assert status == 403, f"{method} {bare} answered {status}"
        assert b"<Error><Code>MissingKey</Code>" in hls.get(bare)[2]
        assert hls.get(bare, {"Range": "bytes=0-9"})[0] == 403


def test_the_cookies_of_one_title_open_no_other(own_module_kinora, operator, film, other, media):
    manifest = operator.play(other)
    cookies = {"Cookie": operator.cookies(manifest)}
    assert hls.get(manifest, cookies)[0] == 200
    for url in media:
        assert hls.get(url.split("?")[0], cookies)[0] == 403, url


def test_the_token_of_one_title_opens_no_other(own_module_kinora, film, other, media):
    link = own_module_kinora.url(other, "--format", "hls")
    token = re.match(r".*?/t/([^/]+)/", link).group(1)
    assert hls.get(link)[0] == 200
    for url in media:
        bare = url.split("?")[0]
        assert hls.get(f"{own_module_kinora.http}/t/{token}{urlsplit(bare).path}")[0] == 403, bare


def test_guests_learn_nothing_of_what_is_not_public(own_module_kinora, film):
    guest = Visitor(own_module_kinora)
    assert film not in guest.ask("/")[2].decode()
    assert film not in guest.ask("/api/titles")[2].decode()
    missing = "0" * len(film)
    for path in ["/api/titles/{}", "/watch/{}", "/title/{}"]:
        known, unknown = guest.ask(path.format(film)), guest.ask(path.format(missing))
        assert known[0] == unknown[0], path
        assert b"secret film" not in known[2] and b"/out/v1/" not in known[2]
    assert guest.ask("/api/playback", {"title": film})[0] in (401, 403, 404)


def test_nothing_listens_but_the_two_doors(own_module_kinora):
    """The origin of a one-process installation is reached through the edge only."""
    pid = own_module_kinora.process.pid
    sockets = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    ports = set()
    for table in ["tcp", "tcp6"]:
        for line in open(f"/proc/{pid}/net/{table}").read().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in sockets:
                ports.add(int(columns[1].rsplit(":", 1)[1], 16))
    doors = {urlsplit(own_module_kinora.http).port, urlsplit(own_module_kinora.s3).port}
    assert ports == doors


def test_s3_answers_nobody_without_a_key(own_module_kinora, film):
    client = own_module_kinora.boto()
    addresses = [own_module_kinora.s3 + "/"]
    for bucket in ["source", "media"]:
        addresses.append(f"{own_module_kinora.s3}/{bucket}?list-type=2")
        try:
            keys = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        except client.exceptions.ClientError:
            keys = []
        for entry in keys:
            addresses.append(f"{own_module_kinora.s3}/{bucket}/{quote(entry['Key'])}")
    assert len(addresses) > 3
    for address in addresses:
        for method in ["GET", "HEAD", "PUT", "DELETE"]:
            assert hls.get(address, method=method)[0] in (400, 403, 405), f"{method} {address}"


def test_a_public_title_is_for_guests_until_it_is_not(own_module_kinora, operator, film):
    name = operator.json(f"/api/titles/{film}")["name"]
    operator.form(f"/title/{film}", name=name, visibility="public")
    guest = Visitor(own_module_kinora)
    assert film in guest.ask("/")[2].decode()
    manifest = guest.play(film)
    cookies = {"Cookie": guest.cookies(manifest)}
    playlist = hls.get(manifest, cookies)
    assert playlist[0] == 200
    segments = sorted(url for url in crawl(manifest, cookies) if url.endswith(".m4s"))
    # Public is no hole in the door: the bytes still want the signature of a playback.
    assert hls.get(segments[0])[0] == 403

    operator.form(f"/title/{film}", name=name, visibility="private")
    wait_for(lambda: hls.get(segments[0], cookies)[0] != 200, timeout=10)
    for url in [manifest, *segments]:
        assert hls.get(url, cookies)[0] == 403
    assert guest.ask("/api/playback", {"title": film})[0] in (401, 403, 404)
