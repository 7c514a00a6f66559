"""Guides stay true: the commands of docs/api.md are run, and every `kinora …` in a document or in deploy/ is one."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kinora_server import BINARY

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "api.md"
TRACKED = subprocess.run(["git", "ls-files", "*.md", "deploy"], cwd=ROOT, capture_output=True, text=True, check=True)
DOCUMENTS = TRACKED.stdout.split()

# Depends on the moment at which it is asked, or on who made the film.
MOVING = {"state", "reason", "progress", "playable", "size"}
# Nothing before the film was looked into.
LATE = {"kind", "duration_ms", "width", "height"}
# Ids, and milliseconds since 1970: others each time.
MADE = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}|1[0-9]{12}")


def fences(text, language):
    """(number of the line, content) of the fenced blocks of a language."""
    pattern = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
    return [(text.count("\n", 0, m.start()) + 1, m[2]) for m in pattern.finditer(text) if m[1] == language]


def alike(name, shown, answered):
    """Whether a value that is shown stands for the one that was answered."""
    if shown is None or answered is None:
        return shown is answered or name in MOVING or (answered is None and name in LATE)
    if type(shown) is not type(answered) or name in MOVING:
        return type(shown) is type(answered)
    if isinstance(shown, str) and "…" in shown:
        return re.fullmatch(".+".join(map(re.escape, shown.split("…"))), answered) is not None
    if MADE.fullmatch(str(shown)):
        return MADE.fullmatch(str(answered)) is not None and len(str(shown)) == len(str(answered))
    return shown == answered


def lacks(shown, answered, at="."):
    """Fields and values that are shown and were not answered."""
    if isinstance(shown, dict) and isinstance(answered, dict):
        missing = [f"{at}{name}" for name in shown if name not in answered]
        return missing + [found for name in shown if name in answered for found in lacks(shown[name], answered[name], f"{at}{name}.")]
    if isinstance(shown, list) and isinstance(answered, list) and len(shown) == len(answered):
        return [found for s, a in zip(shown, answered) for found in lacks(s, a, f"{at}[].")]
    return [] if alike(at.strip(".").split(".")[-1], shown, answered) else [f"{at} is {answered!r}"]


def first_json(text):
    start = text.find("{")
    return json.JSONDecoder().raw_decode(text, start)[0] if start >= 0 else None


def test_every_command_of_the_api_guide_works(kinora, engine, clip, tmp_path):
    if engine == "postgres":
        pytest.skip("runs on SQLite; what it says is the same on both")
    text = GUIDE.read_text().replace("http://localhost:8080", kinora.http).replace("http://localhost:9000", kinora.s3)
    commands, answers = fences(text, "sh"), dict(fences(text, "json"))
    assert len(commands) > 10 and len(answers) > 5
    shutil.copy(clip("short"), tmp_path / "film.mp4")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kinora").symlink_to(os.path.abspath(BINARY))
    script = "set -euo pipefail\n" + "".join(
        f"echo '{line}' > running\nexec > said.{line}\n{block}" for line, block in commands
    )
    environment = {**os.environ, "KINORA__DATA": str(kinora.data), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180)
    where = (tmp_path / "running").read_text().strip()
    said = (tmp_path / f"said.{where}").read_text()
    assert done.returncode == 0, f"the commands at line {where} of {GUIDE.name} failed:\n{done.stderr}{said}"
    for line, answer in answers.items():
        before = max(number for number, _ in commands if number < line)
        found = first_json((tmp_path / f"said.{before}").read_text())
        assert found is not None and not lacks(json.loads(answer), found), f"line {line}: {lacks(json.loads(answer), found)}"


def named(document):
    """Command lines of `kinora` in a document: in fenced blocks and in the running text; in any line of other files."""
    text = (ROOT / document).read_text()
    if document.endswith(".md"):
        lines = [line for _, block in [*fences(text, "console"), *fences(text, "sh")] for line in block.splitlines()]
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
        lines += [" ".join(span.split()) for span in re.findall(r"`(?:\w+=\S+ )*(kinora [^`]+)`", prose)]
    else:
        # The command of a container is a list.
        listed = re.compile(r"(?:command: \[|CMD, kinora, )(.*)\]")
        lines = [listed.sub(lambda m: " kinora " + m[1].replace(", ", " "), line).lstrip("# ") for line in text.splitlines()]
        lines = [line.replace("`", " ; ") for line in lines]
    pattern = re.compile(r"(?:^|[\s$(]|bin/)kinora ((?!kinora )[a-z][a-z0-9-]*(?![\w/.:])[^#|;)>]*)")
    return [found.strip() for line in lines for found in pattern.findall(line)]


def flags_of(help_text):
    """The flags that a help lists, which are more than letters somewhere in it."""
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z][a-z-]*)", help_text, re.M))


def test_commands_are_found_in_documents_and_in_deploy():
    assert 'url "Big Buck Bunny" --cookies' in named("README.md")
    assert "key export /var/lib/kinora/keys.txt --config /etc/kinora/kinora.toml" in named("deploy/kinora.service")
    assert "signin-link you@your.domain --role operator" in named("deploy/compose.yaml")
    assert "serve --config /etc/kinora/kinora.toml --role worker" in named("deploy/compose.yaml")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_flag_in_a_document_exists(document):
    helps = {}

    def shown(*words):
        if words not in helps:
            done = subprocess.run([BINARY, *words, "--help"], capture_output=True, text=True)
            helps[words] = done.stdout if done.returncode == 0 else None
        return helps[words]

    wrong = []
    for command in named(document):
        words = re.match(r"[a-z0-9-]+(?: [a-z0-9-]+)?", command)[0].split()
        top = shown(words[0])
        below = top and len(words) > 1 and "<COMMAND>" in top
        text = shown(*words) if below else top
        flags = re.findall(r"(?<=\s)(--[a-z-]+)", command)
        wrong += [command] if not text else [f"{command}: {flag}" for flag in flags if flag not in flags_of(text)]
    assert not wrong
