"""Reading HLS as a player would, and measuring what ffmpeg makes of it."""

import json
import re
import statistics
import subprocess
from dataclasses import dataclass
from urllib.parse import urljoin

from kinora_server import run
from visitor import ask as get


def text(url):
    status, _, body = get(url)
    assert status == 200, f"{url} answered {status}: {body[:300]}"
    return body.decode()


def attributes(line):
    """The attribute list of a tag (RFC 8216 §4.2)."""
    pairs = re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', line.split(":", 1)[1])
    return {name: value.strip('"') for name, value in pairs}


@dataclass
class Playlist:
    """A media playlist."""

    url: str
    text: str
    map: str
    segments: list  # (address, duration in s)


@dataclass
class Presentation:
    """A multivariant playlist with everything it names."""

    url: str
    variants: list  # (attributes, Playlist)
    audio: list  # (attributes, Playlist)


def media(url):
    body = text(url)
    assert body.startswith("#EXTM3U") and "#EXT-X-ENDLIST" in body
    initial = re.search(r'#EXT-X-MAP:URI="([^"]+)"', body)
    segments, duration = [], None
    for line in body.splitlines():
        if line.startswith("#EXTINF:"):
            duration = float(line[8:].split(",")[0])
        elif line and not line.startswith("#"):
            segments.append((urljoin(url, line), duration))
    return Playlist(url, body, urljoin(url, initial.group(1)) if initial else None, segments)


def load(url):
    lines = text(url).splitlines()
    variants, audio = [], []
    for n, line in enumerate(lines):
        if line.startswith("#EXT-X-STREAM-INF:"):
            variants.append((attributes(line), media(urljoin(url, lines[n + 1]))))
        elif line.startswith("#EXT-X-MEDIA:") and "TYPE=AUDIO" in line:
            found = attributes(line)
            if "URI" in found:
                audio.append((found, media(urljoin(url, found["URI"]))))
    return Presentation(url, variants, audio)


def cues(vtt):
    """Start and end in ms and the text of every cue, whatever cues are told apart by."""
    assert vtt.startswith("WEBVTT")
    clock = r"(?:(\d+):)?(\d\d):(\d\d)\.(\d{3})"
    found = re.findall(rf"^{clock} --> {clock}[^\n]*\n(.+?)(?=\n\n|\n*\Z)", vtt, re.M | re.S)
    ms = lambda h, m, s, ms: ((int(h or 0) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms)
    return [(ms(*cue[:4]), ms(*cue[4:8]), cue[8]) for cue in found]


def save(playlist, path):
    """Writes init and all segments into one file, as a player appends them."""
    with open(path, "wb") as out:
        for url in [playlist.map, *(s for s, _ in playlist.segments)]:
            status, _, body = get(url)
            assert status == 200, f"{url}: {status}"
            out.write(body)
    return path


def decode(source):
    """Decodes everything; answers the error lines ffmpeg writes (none is good)."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-err_detect", "explode", "-i", str(source), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = done.stderr.strip().splitlines()
    return lines or ([] if done.returncode == 0 else [f"exit {done.returncode}"])


def probe(source, *entries, stream=None, count=False, part=None):
    select = ["-select_streams", stream] if stream else []
    select += ["-read_intervals", part] if part else []
    counting = ["-count_frames"] if count else []
    command = ["ffprobe", "-v", "error", *counting, *select, "-show_entries", ":".join(entries), "-of", "json", str(source)]
    return json.loads(run(*command))


def frames(source):
    """Decoded video frames."""
    return int(probe(source, "stream=nb_read_frames", stream="v:0", count=True)["streams"][0]["nb_read_frames"])


def times(source, stream):
    """Presentation times of a stream's packets in s, ascending."""
    packets = probe(source, "packet=pts_time", stream=stream)["packets"]
    return sorted(float(p["pts_time"]) for p in packets)


def gaps(starts, tolerance=0.0011):
    """Places where a packet does not start one packet's length after the one before it: gaps, overlaps, doubles."""
    length = statistics.median(b - a for a, b in zip(starts, starts[1:]))
    return [(a, b) for a, b in zip(starts, starts[1:]) if abs(a + length - b) > tolerance]
