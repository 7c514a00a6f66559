"""How alike what is published is to its source, as ffmpeg shows both: pictures frame by frame, sound by its loudness."""

import array
import math
import re
import subprocess
from dataclasses import dataclass

import hls

SIDE = 24

# As hls.decode has it: whatever is wrong ends the run, and is said.
STRICT = ["-xerror", "-err_detect", "explode"]


def ffmpeg(path, *arguments, before=()):
    """What ffmpeg writes about a file; it has nothing to say about what is published (`STRICT`)."""
    command = ["ffmpeg", "-nostdin", "-v", "error", *before, "-i", str(path), *arguments, "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=600)
    assert "-xerror" not in before or done.stderr == b"", done.stderr.decode(errors="replace")
    return done.stdout


# Pictures.


def thumbnails(path, stream, shape="", before=()):
    """A small picture of every frame, as bytes: the numbers of the film, not colours made of them."""
    graph = f"setpts=PTS-STARTPTS,{shape}scale={SIDE}:{SIDE}:flags=area,format=yuv444p"
    arguments = ["-map", f"0:{stream}", "-vf", graph, "-fps_mode", "passthrough", "-f", "rawvideo"]
    data = ffmpeg(path, *arguments, before=["-reinit_filter", "0", *before])
    size = SIDE * SIDE * 3
    return [data[n : n + size] for n in range(0, len(data), size)]


def apart(one, other):
    """How far two small pictures are from each other, in steps of 256."""
    return sum(abs(a - b) for a, b in zip(one, other)) / len(one)


def unlike_steps(theirs, ours):
    """Frames that differ from the one before them in one of two films and hardly in the other; and how many differ at all."""
    found, moving = [], 0
    for n in range(1, min(len(theirs), len(ours))):
        their, our = apart(theirs[n - 1], theirs[n]), apart(ours[n - 1], ours[n])
        moving += max(their, our) > 0.6
        if max(their, our) > 0.6 and min(their, our) < max(their, our) / 4:
            found.append((n, round(their, 2), round(our, 2)))
    return found, moving


def likeness_of_order(one, other):
    """How alike the brightness of two small pictures is ordered, 1 at most: tone mapping leaves that as it is."""
    one, other = ranks(one[: SIDE * SIDE]), ranks(other[: SIDE * SIDE])
    middle = (SIDE * SIDE - 1) / 2
    product = lambda a, b: sum((x - middle) * (y - middle) for x, y in zip(a, b))
    return product(one, other) / math.sqrt(product(one, one) * product(other, other))


def ranks(values):
    """The place of every value among all; equal ones share the middle of theirs."""
    first, count = {}, {}
    for place, value in enumerate(sorted(values)):
        first.setdefault(value, place)
        count[value] = count.get(value, 0) + 1
    return [first[value] + (count[value] - 1) / 2 for value in values]


def levels(path, columns):
    """Luma, Cb and Cr in the middle of so many columns of the first frame."""
    graph = f"scale=iw:ih,crop=iw:2:0:ih/2,scale={columns}:1:flags=area,format=yuv444p"
    data = ffmpeg(path, "-vf", graph, "-frames:v", "1", "-f", "rawvideo")
    return [list(data[n::columns]) for n in range(columns)]


def first_shown(path, stream):
    """When the first picture is shown, in s of the file's own clock; packets in front of it may show none."""
    frames = hls.probe(path, "frame=best_effort_timestamp_time", stream=stream, part="%+#300")["frames"]
    return float(frames[0]["best_effort_timestamp_time"])


# Sound.

# Windows in a second, and how many of them are compared at once: by as much as `SLACK` may both be out of step.
WINDOWS = 100
TOGETHER = 25
SLACK = 3
LOUD_DB = -45


@dataclass
class Heard:
    """What is heard of a track in two channels of 48 kHz."""

    seconds: float
    """How long all that was decoded lasts."""
    windows: list
    """Where each hundredth of a second begins by the file's clock, and the power of left and right in it."""

    @property
    def start(self):
        return min(time for time, _ in self.windows)

    def placed(self, zero):
        """The powers by their hundredth behind `zero`."""
        return {round((time - zero) * WINDOWS): powers for time, powers in self.windows}


def hear(path, stream, before=()):
    """Decodes a track once and measures it. Six channels are mixed as ITU-R BS.775 says, nothing being scaled down."""
    graph = f"aresample=48000:ochl=stereo:osf=flt:rematrix_maxval=1000,asetnsamples={48000 // WINDOWS}:p=0"
    graph += ",astats=metadata=1:reset=1:measure_perchannel=RMS_level:measure_overall=Number_of_samples"
    graph += ",ametadata=print:file=-"
    said = ffmpeg(path, "-map", f"0:{stream}", "-af", graph, "-f", "null", before=["-copyts", *before]).decode()
    line = r"pts_time:(\S+)\n\S+1\.RMS_level=(\S+)\n\S+2\.RMS_level=(\S+)\n\S+samples=(\S+)"
    found = [[float(n) for n in one] for one in re.findall(line, said)]
    windows = [(time, (10 ** (left / 10), 10 ** (right / 10))) for time, left, right, _ in found]
    return Heard(sum(samples for *_, samples in found) / 48000, windows)


def decibels(powers):
    """The level of a mean of powers; what nobody hears is LOUD_DB."""
    return 10 * math.log10(sum(powers) / max(1, len(powers)) + 10 ** (LOUD_DB / 10))


def loud(placed, end, louder=0):
    """The first and the last hundredth before `end` in which it is loud, or `louder` dB more than that, in s."""
    found = [n for n, powers in placed.items() if n < end and max(powers) > 10 ** ((LOUD_DB + louder) / 10)]
    return [min(found) / WINDOWS, max(found) / WINDOWS] if found else None


def unlike(theirs, ours, louder, bound):
    """Quarters of a second in which a channel of ours is not as loud as theirs, by more than `bound` dB."""
    found = []
    for from_ in range(0, max(ours) + 1, TOGETHER):
        for side in (0, 1):
            here = [n for n in range(from_, from_ + TOGETHER) if n in ours]
            own = decibels([ours[n][side] for n in here])
            around = []
            for shift in range(-SLACK, SLACK + 1):
                powers = [theirs.get(n + shift, (0, 0))[side] * 10 ** (louder / 10) for n in here]
                around.append(decibels(powers))
            if not min(around) - bound < own < max(around) + bound:
                found.append((from_ / WINDOWS, "LR"[side], round(own, 1), [round(min(around), 1), round(max(around), 1)]))
    return found


def loudness(placed, parts):
    """Left and right in dB in the middle of each of so many equal parts: where one ends, another is not yet begun."""
    size, found = (max(placed) + 1) / parts, []
    for part in range(parts):
        middle = [n for n in placed if (part + 0.2) * size <= n < (part + 0.8) * size]
        found.append([round(decibels([placed[n][side] for n in middle]), 1) for side in (0, 1)])
    return found


# Marks.


def patches(path):
    """When a white patch begins to be seen, in s from the first picture."""
    width, height = 80, 45
    graph = f"scale={width}:{height}:flags=area,format=gray"
    data = ffmpeg(path, "-vf", graph, "-fps_mode", "passthrough", "-f", "rawvideo", before=STRICT)
    times = [float(frame["best_effort_timestamp_time"]) for frame in hls.probe(path, "frame=best_effort_timestamp_time", stream="v:0")["frames"]]
    size = width * height
    white = [sum(luma > 225 for luma in data[n : n + size]) >= 8 for n in range(0, len(data), size)]
    return [round(time - times[0], 3) for n, time in enumerate(times) if white[n] and not (n and white[n - 1])]


def beeps(path):
    """When sound begins after 20 ms of silence or more, in s from its beginning."""
    samples = array.array("f", ffmpeg(path, "-ac", "1", "-ar", "48000", "-f", "f32le", before=STRICT))
    loud = [max(map(abs, samples[n : n + 48])) > 0.1 for n in range(0, len(samples) - 48, 48)]
    found, quiet = [], 20
    for ms, is_loud in enumerate(loud):
        if is_loud and quiet >= 20:
            found.append(ms / 1000)
        quiet = 0 if is_loud else quiet + 1
    return found
