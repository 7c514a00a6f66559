"""Guides stay true: the commands of docs/api.md are run, and every `kinora …` in a document is one."""

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
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def fences(text, language):
    """(number of the line, content) of the fenced blocks of a language."""
    pattern = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
    return [(text.count("\n", 0, m.start()) + 1, m[2]) for m in pattern.finditer(text) if m[1] == language]


def lacks(shown, answered, at="."):
    """Fields and kinds of values that are shown and were not answered."""
    if isinstance(shown, dict) and isinstance(answered, dict):
        missing = [f"{at}{name}" for name in shown if name not in answered]
        return missing + [found for name in shown if name in answered for found in lacks(shown[name], answered[name], f"{at}{name}.")]
    if isinstance(shown, list) and isinstance(answered, list):
        return [found for s, a in zip(shown, answered) for found in lacks(s, a, f"{at}[].")]
    alike = type(shown) is type(answered) or shown is None or answered is None
    return [] if alike else [f"{at} is {answered!r}"]


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


def named(text):
    """Command lines of `kinora` in fenced blocks and in the running text."""
    lines = [line for _, block in [*fences(text, "console"), *fences(text, "sh")] for line in block.splitlines()]
    lines = [line.split("#")[0] for line in lines] + re.findall(r"`(kinora [^`\n]+)`", text)
    found = [re.search(r"(?:^|[\s$(`])kinora ((?:[a-z0-9-]+)(?:[^|;)>]*))", line) for line in lines]
    return [match[1] for match in found if match]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_flag_in_a_document_exists(document):
    helps = {}

    def shown(*words):
        if words not in helps:
            done = subprocess.run([BINARY, *words, "--help"], capture_output=True, text=True)
            helps[words] = done.stdout if done.returncode == 0 else None
        return helps[words]

    wrong = []
    for command in named(document.read_text()):
        words = re.match(r"[a-z0-9-]+(?: [a-z0-9-]+)?", command)[0].split()
        top = shown(words[0])
        below = top and len(words) > 1 and "<COMMAND>" in top
        text = shown(*words) if below else top
        flags = re.findall(r"(?<=\s)(--[a-z-]+)", command)
        wrong += [command] if not text else [f"{command}: {flag}" for flag in flags if flag not in text]
    assert not wrong
