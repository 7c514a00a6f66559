"""Uploads in a browser: over reloads and restarts of the server, and of 20 GB (KINORA_SOAK_BYTES) in bounded memory."""

import os
import shutil
from pathlib import Path

import pytest

from chromium import Node
from kinora_server import below

MIB = 1 << 20
# Of the browser's processes together, and of the server. Parts of a 20 GB file have 32 MiB, four go at a time.
MAX_BROWSER, MAX_SERVER = 1500 * MIB, 768 * MIB


@pytest.mark.browser
def test_two_files_survive_a_pause_a_reload_and_a_restart(own_kinora, clip, tmp_path):
    films = [tmp_path / name for name in ("ein Film.mp4", "zweiter.mp4")]
    for film in films:
        shutil.copyfile(clip("noisy"), film)
    wishes = []
    with Node(own_kinora, "upload.drive.mjs", *films, timeout=900) as driver:
        for line in driver.process.stdout:
            wishes.append(line.strip())
            if wishes[-1] == "stop":
                own_kinora.stop()
            elif wishes[-1] == "start":
                own_kinora.start(in_place=True)
            driver.answer(line)
        driver.end()
    assert wishes == ["stop", "start"]
    for film in films:
        own_kinora.wait(f"Film {film.name}")
    s3 = own_kinora.boto()
    kept = s3.list_objects_v2(Bucket="source", Prefix="uploads/")["Contents"]
    assert sorted(o["Size"] for o in kept) == sorted(f.stat().st_size for f in films)
    for item in kept:
        assert s3.get_object(Bucket="source", Key=item["Key"])["Body"].read() == films[0].read_bytes()


def memory(root):
    """The memory of a process and all below it, in bytes; what they share counts once."""
    total = 0
    for pid, _ in below(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        except OSError:
            continue
    return total


@pytest.mark.soak
@pytest.mark.browser
def test_a_very_large_file_in_bounded_memory(own_kinora, tmp_path):
    size = int(os.environ.get("KINORA_SOAK_BYTES", 20 << 30))
    free, needed = shutil.disk_usage(tmp_path).free, size + size // 50 + (2 << 30)
    if free < needed:
        pytest.skip(f"{needed >> 20} MiB of disk are needed, {free >> 20} MiB are free; set KINORA_SOAK_BYTES to try with less")
    film = tmp_path / "large.bin"
    with open(film, "wb") as file:
        file.truncate(size)
        # Something to know it by, at both ends.
        file.write(b"the head")
        file.seek(size - 8)
        file.write(b"the tail")
    try:
        browser = server = 0
        with Node(own_kinora, "large.drive.mjs", film, timeout=900 + size // (2 * MIB)) as driver:
            for line in driver.process.stdout:
                # The script asks every second.
                browser, server = max(browser, memory(driver.process.pid)), max(server, memory(own_kinora.process.pid))
                if line.strip() == "restart":
                    own_kinora.stop()
                    own_kinora.start(in_place=True)
                driver.answer(line)
            driver.end()
        print(f"{size >> 20} MiB: browser {browser >> 20} MiB, server {server >> 20} MiB at most")
        assert 0 < browser < MAX_BROWSER and 0 < server < MAX_SERVER
        s3 = own_kinora.boto()
        (kept,) = s3.list_objects_v2(Bucket="source", Prefix="uploads/")["Contents"]
        assert kept["Size"] == size
        for range_, text in [("bytes=0-7", b"the head"), ("bytes=-8", b"the tail")]:
            assert s3.get_object(Bucket="source", Key=kept["Key"], Range=range_)["Body"].read() == text
    finally:
        # The store is the size of the file: pytest would keep it.
        own_kinora.stop()
        film.unlink()
        shutil.rmtree(own_kinora.data, ignore_errors=True)
