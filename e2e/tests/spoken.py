"""A film of 16 s with two languages, and captions in both."""

from kinora_server import run

SECONDS, RATE = 16, 24
FRAMES = SECONDS * RATE
TONES = {"en": 440, "de": 880}


def words(language, n):
    return f"Cue {n} <i>and</i> more" if language == "en" else f"Zeile {n} <i>und</i> mehr"


def film(folder):
    """720p24 with a tone for each language and a cue every two seconds in both."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate={RATE}:duration={SECONDS}"]
    for tone in TONES.values():
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000:duration={SECONDS}"]
    for language in TONES:
        srt = folder / f"{language}.srt"
        srt.write_text("".join(
            f"{n + 1}\n00:00:{2 * n:02},250 --> 00:00:{2 * n + 1:02},750\n{words(language, n)}\n\n" for n in range(SECONDS // 2)
        ))
        inputs += ["-i", srt]
    path = folder / "spoken.mp4"
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "48", "-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", "mov_text"]
    maps = [word for n in range(5) for word in ("-map", n)]
    tags = []
    for n, language in enumerate(["eng", "deu"]):
        tags += [f"-metadata:s:a:{n}", f"language={language}", f"-metadata:s:s:{n}", f"language={language}"]
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, *maps, *codecs, *tags, path)
    return path
