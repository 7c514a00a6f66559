"""Makes the files of `e2e/media.toml`: odd ones with ffmpeg, hostile ones byte by byte.

Every function named in a row's `write` takes a `World` and answers the file's bytes; those named in `then` take the
bytes that ffmpeg wrote and answer what becomes of them.
"""

import json
import re
import shlex
import struct
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kinora_server import run

MACROS = {
    # {pictures 160x120 25 2}: moving test pictures of that size, rate and length.
    r"\{pictures (\S+) (\S+) (\S+)\}": r"-f lavfi -i testsrc2=size=\1:rate=\2:duration=\3",
    # {tone 2}: two seconds of a tone.
    r"\{tone (\S+)\}": r"-f lavfi -i sine=frequency=330:sample_rate=48000:duration=\1",
    # {each 5.1 6 0.3}: a tone of so many seconds on each of six channels, one after the other.
    r"\{each (\S+) (\d+) (\S+)\}": lambda found: each_alone(found[1], int(found[2]), float(found[3])),
    r"\{x264\}": "-c:v libx264 -preset ultrafast -pix_fmt yuv420p",
}


def each_alone(layout, channels, seconds):
    """A tone that goes from channel to channel."""
    tone = "0.5*sin(2*PI*330*t)*gte(t\\,{0:.2f})*lt(t\\,{1:.2f})"
    parts = "|".join(tone.format(n * seconds, (n + 1) * seconds) for n in range(channels))
    return f"-f lavfi -i \"aevalsrc={parts}:c={layout}:s=48000:d={channels * seconds:.2f}\""


@dataclass
class World:
    """What hostile files point at, and where files are made."""

    folder: Path
    canary: Path
    """A film that nobody uploaded."""
    words: Path
    """A text that nobody uploaded."""
    port: int
    """Where somebody listens on loopback."""

    def made(self, name, arguments):
        """A file that ffmpeg makes, in a folder of its own."""
        folder = self.folder / "made" / re.sub(r"\W", "_", name)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        for pattern, text in MACROS.items():
            arguments = re.sub(pattern, text, arguments)
        arguments = arguments.replace("{folder}", str(folder))
        run("ffmpeg", "-nostdin", "-v", "error", "-y", *shlex.split(arguments), path)
        return path


def make(name, row, world):
    """The file of a row that is not one of the shared ones."""
    name = re.sub(r"[^a-z0-9_.-]", "_", name)
    if "write" in row:
        path = world.folder / name
        path.write_bytes(globals()[row["write"]](world))
        return path
    if "words" in row:
        path = world.folder / name
        path.write_bytes(row["words"].format(canary=world.canary, words=world.words, port=world.port).encode())
        return path
    path = world.made(name, row["make"])
    if "then" in row:
        path.write_bytes(globals()[row["then"]](path.read_bytes()))
    return path


# What becomes of bytes that ffmpeg wrote.


def cut_in_half(data):
    return data[: len(data) // 2]


def cut_in_index(data):
    """In the middle of the tables, which stand in front of the frames."""
    return data[: data.index(b"stbl") + 100]


def unknown_sound(data):
    """The second track says that it is in a coding that nobody knows."""
    at = data.rindex(b"A_AAC")
    return data[:at] + b"A_XYZ" + data[at + 5 :]


def broken_ac3(data):
    """Every frame of the AC-3 track is noise behind its first bytes."""
    data, at = bytearray(data), 0
    while (at := data.find(b"\x0b\x77", at)) >= 0:
        data[at + 8 : at + 40] = bytes(range(200, 232))
        at += 40
    return bytes(data)


def lose_two_seconds(data):
    """Of the picture of an MP4: its bytes are zeros."""
    return scratched(data, 2, 4)


def lose_a_moment(data):
    return scratched(data, 2.5, 2.8)


def scratched(data, begin, end):
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        Path(file.name).write_bytes(data)
        entries = ["-select_streams", "v", "-show_entries", "packet=pts_time,pos,size", "-of", "json"]
        packets = json.loads(run("ffprobe", "-v", "error", *entries, file.name))["packets"]
    data = bytearray(data)
    for packet in packets:
        if begin <= float(packet["pts_time"]) < end:
            at, size = int(packet["pos"]), int(packet["size"])
            data[at : at + size] = bytes(size)
    return bytes(data)


def lose_a_third(data):
    """The packets in the middle of a transport stream."""
    third = len(data) // 188 // 3 * 188
    return data[:third] + data[2 * third :]


def lose_the_last_second(data):
    """Of a film of ten seconds."""
    return data[: len(data) * 9 // 10]


def overlong_mdat(data):
    """The box of the frames claims more bytes than there are."""
    at = data.index(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    return data[:at] + struct.pack(">I", size + 1_000_000) + data[at + 4 :]


def without_stsd(data):
    return data.replace(b"stsd", b"free", 1)


def without_stss(data):
    return data.replace(b"stss", b"free", 1)


def ten_thousand_tracks(data):
    """The tracks of an MP4, over and over."""
    at = data.index(b"moov") - 4
    moov = data[at : at + int.from_bytes(data[at : at + 4], "big")]
    track = moov[moov.index(b"trak") - 4 :]
    track = track[: int.from_bytes(track[:4], "big")]
    return data[:at] + box(b"moov", moov[8:] + track * 10_000) + data[at + len(moov) :]


def endless_fragment(data):
    """A fragment of a few bytes that says that it has four milliards of frames, each of one byte."""
    at = data.index(b"moof") - 4
    number = box(b"mfhd", bytes(4) + struct.pack(">I", 1))
    # Defaults for duration and size, relative to the fragment.
    header = box(b"tfhd", struct.pack(">IIII", 0x020018, 1, 512, 1))
    frames = box(b"trun", struct.pack(">II", 0, 0xFFFF_FFFF))
    moof = box(b"moof", number + box(b"traf", header + frames))
    return data[:at] + moof + box(b"mdat", bytes(4096))


def countless_fragments(data):
    """The fragments of a film, two thousand times."""
    at = data.index(b"moof") - 4
    end = data.rindex(b"mfra") - 4 if b"mfra" in data else len(data)
    return data[:at] + data[at:end] * 2000


def countless_samples(data):
    """Sample tables that say that there are four milliards of samples, each of one byte."""
    at = data.index(b"stsz") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    table = box(b"stsz", struct.pack(">III", 0, 1, 0xFFFF_FFFF))
    padding = box(b"free", bytes(size - len(table) - 8))
    data = data[:at] + table + padding + data[at + size :]
    at = data.index(b"stts") + 8
    return data[:at] + struct.pack(">II", 1, 0xFFFF_FFFF) + data[at + 8 :]


def with_a_page_in_it(data):
    """A film that begins as an MP4 and is a web page to who is willing to see one."""
    at = int.from_bytes(data[:4], "big")
    page = b"<html><body onload=\"fetch('/api/me')\"><script>alert(document.cookie)</script></body></html>"
    inserted = box(b"free", page)
    # Behind the index nothing moves: it stands at the end of the file and counts from its beginning.
    return moved(data, at, inserted)


def moved(data, at, inserted):
    """Inserts bytes in front of the frames of an MP4 and moves what points at them."""
    data = bytearray(data[:at] + inserted + data[at:])
    for found in re.finditer(b"stco", bytes(data)):
        count = int.from_bytes(data[found.end() + 4 : found.end() + 8], "big")
        for n in range(count):
            place = found.end() + 8 + 4 * n
            data[place : place + 4] = struct.pack(">I", int.from_bytes(data[place : place + 4], "big") + len(inserted))
    return bytes(data)


def turned_right(data):
    return with_matrix(data, [0, 1, -1, 0])


def turned_over(data):
    return with_matrix(data, [-1, 0, 0, -1])


def turned_left(data):
    return with_matrix(data, [0, -1, 1, 0])


def mirrored(data):
    """A film whose matrix shows it as in a mirror."""
    return with_matrix(data, [-1, 0, 0, 1])


def mirrored_and_turned(data):
    """As some phones write what their front camera saw."""
    return with_matrix(data, [0, 1, 1, 0])


def with_matrix(data, four):
    """Writes another matrix into every track (ISO 14496-12 §8.3.2)."""
    data = bytearray(data)
    a, b, c, d = (n << 16 for n in four)
    for found in re.finditer(b"tkhd", bytes(data)):
        place = found.end() + 40
        data[place : place + 36] = struct.pack(">iiiiiiiii", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return bytes(data)


def with_a_playlist_as_subtitles(data):
    """An AVI whose text stream is a whole file in itself: one that names other files."""
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///proc/self/environ\n#EXT-X-ENDLIST\n"
    name = "x".encode("utf-16-le") + b"\0\0"
    chunk = b"GAB2\0" + struct.pack("<HI", 2, len(name)) + name + struct.pack("<HI", 4, len(playlist)) + playlist
    chunk += b"\0" * (len(chunk) % 2)
    header = struct.pack("<4s4sIHHIIIIIIIIHHHH", b"txts", bytes(4), 0, 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    stream = riff(b"strh", header) + riff(b"strf", b"")
    stream = riff(b"LIST", b"strl" + stream)
    # Behind the last stream of the header list.
    at = data.index(b"hdrl") - 8
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    end = at + 8 + size
    data = data[: at + 4] + struct.pack("<I", size + len(stream)) + data[at + 8 : end] + stream + data[end:]
    streams = data.index(b"avih") + 8 + 24
    count = int.from_bytes(data[streams : streams + 4], "little")
    data = data[:streams] + struct.pack("<I", count + 1) + data[streams + 4 :]
    movi = data.index(b"movi") + 4
    chunk = f"{count:02}sb".encode() + struct.pack("<I", len(chunk)) + chunk
    size = int.from_bytes(data[movi - 8 : movi - 4], "little")
    data = data[: movi - 8] + struct.pack("<I", size + len(chunk)) + b"movi" + chunk + data[movi:]
    # The index counts from the frames, which moved: without it, they are found one after another.
    at = data.rindex(b"idx1")
    data = data[:at]
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


# What is written byte by byte.


def box(kind, payload):
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def riff(kind, payload):
    return kind + struct.pack("<I", len(payload)) + payload


def nothing(_):
    return b""


def noise(_):
    return bytes((n * 2_654_435_761 >> 13) & 0xFF for n in range(100_000))


def noise_with_a_name(world):
    return box(b"ftyp", b"isom" + bytes(4) + b"isommp42") + noise(world)


def film_that_is_a_playlist(world):
    """Begins as an MP4, continues as a playlist."""
    return box(b"ftyp", b"isom") + f"\n#EXTM3U\n#EXTINF:9,\nfile://{world.canary}\n#EXT-X-ENDLIST\n".encode()


@cache
def bomb(pixels=15_000):
    """A PNG of so many pixels in the square, all of them black: 660 KB that are 675 MB to who decodes them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    rows, times = 100, pixels // 100
    # A block that knows nothing of those before it can stand there again and again.
    block = packer.compress(bytes(1 + 3 * pixels) * rows) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">HH", (1 + 3 * pixels) * pixels % 65521, 1)
    lines = b"\x78\xda" + block * times + b"\x03\0" + checksum

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", pixels, pixels, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def png_bomb(_):
    return bomb()


def song_with_a_bomb(world):
    """A FLAC file whose cover is the bomb."""
    song = world.made("plain.flac", "{tone 2} -c:a flac").read_bytes()
    cover = bomb()
    picture = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">IIIIII", 0, 15_000, 15_000, 24, 0, len(cover)) + cover
    # fLaC, then STREAMINFO, then whatever follows it (RFC 9639 §8).
    return song[:42] + struct.pack(">I", 6 << 24 | len(picture)) + picture + song[42:]


def film_with_a_bomb(world):
    """A Matroska film whose cover is the bomb."""
    cover = cover_of(world, "covered.mkv")
    arguments = f"{{pictures 320x180 25 1}} -attach {cover} -metadata:s:t mimetype=image/png -metadata:s:t filename=cover.png {{x264}}"
    return world.made("covered.mkv", arguments).read_bytes()


def cover_of(world, name):
    """The bomb in a file of its own for each film: they are made at the same time."""
    cover = world.folder / f"{name}.png"
    cover.write_bytes(bomb())
    return cover


def with_a_cover(world, name, arguments):
    """An MP4 whose cover (`covr`) is the bomb."""
    return world.made(name, f"-i {cover_of(world, name)} {arguments} -map 0 -map 1 -c:v copy -disposition:v:0 attached_pic").read_bytes()


def mp4_song_with_a_bomb(world):
    return with_a_cover(world, "covered.m4a", "{tone 2} -c:a aac")


def mp4_film_with_a_bomb(world):
    film = world.made("plain.mp4", "{pictures 320x180 25 1} {x264}")
    return with_a_cover(world, "covered.mp4", f"-i {film}")


def film_of_bombs(world):
    """A QuickTime film that says that it is small: both its pictures are the bomb."""
    data = world.made("small.mov", "{pictures 16x16 25 0.08} -c:v png").read_bytes()
    at, tables = data.index(b"mdat") - 4, bytearray(data[data.index(b"moov") - 4 :])
    size = tables.index(b"stsz") + 8
    tables[size : size + 4] = struct.pack(">I", len(bomb()))
    return data[:at] + box(b"mdat", bomb() * 2) + bytes(tables)


def crowd(_):
    """A second of silence in 255 channels."""
    channels, rate = 255, 8000
    data = bytes(channels * 2 * rate)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVE" + riff(b"fmt ", form) + riff(b"data", data)
    return riff(b"RIFF", body)


def film_with_a_crowd(world):
    """A film with a track of 255 channels beside one of two."""
    wav = world.folder / "crowd.wav"
    wav.write_bytes(crowd(world))
    inputs = f"{{pictures 320x180 25 1}} -i {wav} {{tone 1}} -map 0 -map 1 -map 2"
    return world.made("crowd.mov", f"{inputs} {{x264}} -c:a:0 pcm_s16le -c:a:1 aac").read_bytes()


def film_elsewhere(world):
    """A QuickTime film whose frames lie in another file, which it names."""
    data = world.made("near.mov", "{pictures 320x180 25 1} {x264}").read_bytes()
    at = data.index(b"dref") - 4
    path = str(world.canary).encode()
    # An alias of a file in a volume of ours, by its absolute path.
    record = bytes(4) + struct.pack(">HH", 0, 2) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(4) + b"H+" + b"\0\0" + bytes(4)
    record += bytes([9]) + b"canary.ts".ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 1, 1) + bytes(16)
    record += struct.pack(">hH", 2, len(path)) + path + b"\0" * (len(path) % 2)
    record += struct.pack(">hH", 18, len(path)) + path + b"\0" * (len(path) % 2) + struct.pack(">hH", -1, 0)
    alias = box(b"alis", struct.pack(">I", 0) + record)
    table = box(b"dref", struct.pack(">II", 0, 1) + alias)
    size = int.from_bytes(data[at : at + 4], "big")
    data = bytearray(data[:at] + table + data[at + size :])
    grown = len(table) - size
    for kind in [b"dinf", b"minf", b"mdia", b"trak", b"moov"]:
        place = data.rindex(kind, 0, at + 8) - 4
        data[place : place + 4] = struct.pack(">I", int.from_bytes(data[place : place + 4], "big") + grown)
    return bytes(data)


def jumping_recording(world):
    """Two recordings one behind the other, an hour and a half apart by their clocks."""
    part = "{{pictures 320x180 25 2}} {{x264}} -g 10 -output_ts_offset {}"
    parts = [world.made(f"part{start}.ts", part.format(start)) for start in (1, 5400)]
    return b"".join(path.read_bytes() for path in parts)


def changing_picture(world):
    """A broadcast that changes its size in the middle."""
    part = "{{pictures {} 25 2}} {{x264}} -g 25 -muxdelay 0 -output_ts_offset {}"
    parts = [world.made(f"size{n}.ts", part.format(size, 10 + 2 * n)) for n, size in enumerate(["320x180", "240x180"])]
    return b"".join(path.read_bytes() for path in parts)


def changing_fields(world):
    """The same of fields."""
    part = "{{pictures {} 50 2}} -vf tinterlace=interleave_top -c:v mpeg2video -q:v 4 -flags +ildct+ilme -top 1 -muxdelay 0 -output_ts_offset {}"
    parts = [world.made(f"fields{n}.ts", part.format(size, 10 + 2 * n)) for n, size in enumerate(["320x240", "240x240"])]
    return b"".join(path.read_bytes() for path in parts)


def changing_sound(world):
    """A broadcast whose sound changes from two channels to six."""
    return joined_sound(world, ["stereo|c0=c0|c1=0.5*c0", "5.1|c0=0.3*c0|c2=c0|c4=0.2*c0"])


def sound_beside_itself(world):
    """A broadcast whose sound changes from one channel to two that are as loud."""
    return joined_sound(world, ["mono|c0=c0", "stereo|c0=c0|c1=c0"])


def joined_sound(world, forms):
    """A broadcast of two parts, with a tone that is put on other channels in each."""
    part = "{{pictures 320x180 25 2}} {{tone 2}} -filter_complex [1:a]pan={}[a] -map 0 -map [a] {{x264}} -g 25 -c:a ac3 -muxdelay 0 -output_ts_offset {}"
    names = ["".join(form.split("|")[0] for form in forms) + f"{n}.ts" for n in range(2)]
    parts = [world.made(name, part.format(form, 10 + 2 * n)) for n, (name, form) in enumerate(zip(names, forms))]
    return b"".join(path.read_bytes() for path in parts)


def captioned(world):
    """A film with words in three languages, one of which is markup that wants to be more."""
    inputs = []
    for name, text in [("de", "Grüß Gott"), ("en", "<b>Hello</b> <script>alert(1)</script>")]:
        path = world.folder / f"{name}.srt"
        path.write_text(f"1\n00:00:00,500 --> 00:00:01,500\n{text}\n", encoding="utf-8")
        inputs.append(f"-i {path}")
    maps = "-map 0 -map 1 -map 2 -metadata:s:s:0 language=ger -metadata:s:s:1 language=eng"
    return world.made("words.mkv", f"{{pictures 320x180 25 2}} {' '.join(inputs)} {maps} {{x264}} -c:s srt").read_bytes()


def patches(world, transfer):
    """Grey patches of 0, 100, 203 and 1000 cd/m², a red and a green one, as HDR10 or HLG, in six columns."""
    # Code values of ten bits, narrow range: SMPTE ST 2084 and ITU-R BT.2100 (HLG at a peak of 1000 cd/m²).
    grey = {"smpte2084": [64, 509, 573, 723], "arib-std-b67": [64, 497, 721, 940]}[transfer]
    # One primary of BT.2020 at 203 cd/m², the others close to nothing: no colour that BT.709 has.
    high = {"smpte2084": 0.58, "arib-std-b67": 0.75}[transfer]
    colours = [coded(high, 0.1, 0.1), coded(0.1, high, 0.1)]
    columns = lambda values: "+".join(f"{value}*eq(floor(X/64)\\,{n})" for n, value in enumerate(values))
    luma = columns(grey + [y for y, _, _ in colours])
    cb, cr = (columns([512] * 4 + [colour[n] for colour in colours]) for n in (1, 2))
    graph = f"nullsrc=s=384x180:r=25:d=1,format=yuv444p10le,geq=lum='{luma}':cb='{cb}':cr='{cr}',format=yuv420p10le"
    tags = f"-color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc -color_range tv"
    params = f"log-level=0:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    arguments = f"-f lavfi -i \"{graph}\" -c:v libx265 -preset ultrafast -qp 4 {tags} -x265-params {params}"
    return world.made(f"{transfer}.mp4", arguments).read_bytes()


def coded(red, green, blue):
    """Luma, Cb and Cr of ten bits (ITU-R BT.2020, not of constant luminance)."""
    luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
    return [round(64 + 876 * luma), round(512 + 896 * (blue - luma) / 1.8814), round(512 + 896 * (red - luma) / 1.4746)]


def hdr10_patches(world):
    return patches(world, "smpte2084")


def hlg_patches(world):
    return patches(world, "arib-std-b67")
