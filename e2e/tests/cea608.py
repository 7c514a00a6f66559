"""Films with CEA-608 captions in the SEI units of H.264, written by hand: no tool at hand makes them."""

import re

from kinora_server import run

RESUME, ERASE_MEMORY, ROW_15, FLIP, ERASE = (0x14, 0x20), (0x14, 0x2E), (0x14, 0x70), (0x14, 0x2F), (0x14, 0x2C)


def odd_parity(byte):
    return byte | (0x80 if bin(byte).count("1") % 2 == 0 else 0)


def pop_on(captions, rate):
    """Byte pairs of channel 1 by frame (CEA-608-E): each caption (start s, end s, text) is loaded, then flipped in."""
    pairs = {}
    for start, end, text in captions:
        letters = [ord(c) for c in text] + [0] * (len(text) % 2)
        load = [RESUME] * 2 + [ERASE_MEMORY] * 2 + [ROW_15] * 2 + list(zip(letters[::2], letters[1::2]))
        shown = round(start * rate)
        for n, pair in enumerate(load):
            pairs[shown - len(load) + n] = pair
        pairs[shown] = pairs[shown + 1] = FLIP
        pairs[round(end * rate)] = pairs[round(end * rate) + 1] = ERASE
    return pairs


def sei(pair):
    """A user data unit (ITU-T T.35, ATSC A/53 part 4 §6.2.3) with one pair of field 1."""
    data = bytes(map(odd_parity, pair))
    payload = b"\xb5\x00\x31GA94\x03\xc1\xff\xfc" + data + b"\xff"
    return b"\x00\x00\x01\x06\x04" + bytes([len(payload)]) + payload + b"\x80"


def film(path, captions, seconds, rate=25):
    """An MP4 film with these captions within the picture."""
    bare, marked = path.with_suffix(".bare.h264"), path.with_suffix(".h264")
    source = ["-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={rate}:duration={seconds}"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", str(rate), "-pix_fmt", "yuv420p"]
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *source, *codec, "-f", "h264", bare)
    pairs, frame, out = pop_on(captions, rate), 0, bytearray()
    for unit in re.split(rb"\x00?\x00\x00\x01", bare.read_bytes())[1:]:
        if unit[0] & 0x1F in (1, 5):
            out += sei(pairs.get(frame, (0, 0)))
            frame += 1
        out += b"\x00\x00\x01" + unit
    assert frame == seconds * rate, "one slice is one frame"
    marked.write_bytes(out)
    run("ffmpeg", "-nostdin", "-v", "error", "-y", "-framerate", rate, "-i", marked, "-c", "copy", path)
    return path
