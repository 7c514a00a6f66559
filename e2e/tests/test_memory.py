"""What the server's process takes: at rest, after a load, and while it encodes an hour."""

import time

import pytest

from crowd import MB, resident, spent
from kinora_server import Kinora, repeated, wait_for

# How much memory is used, or what comes first, is told apart from other load on the machine.
pytestmark = pytest.mark.alone

IDLE = 120 * MB


def test_at_rest_and_after_a_load(house):
    kinora = house.again(cache_idle_s=2).kinora
    time.sleep(1)
    print(f"after the start: {resident(kinora) / MB:.0f} MB")
    assert resident(kinora) < IDLE
    report = house.watch(viewers=200, seconds=3, pace=0, arrive=1)
    wait_for(lambda: resident(kinora) < IDLE, timeout=30)
    print(f"{spent(report)}; at rest again {resident(kinora) / MB:.0f} MB")


def watch_an_encode(tmp_path, clip, until):
    """Encodes an hour and looks at the memory until `until` says so of the looks there are; (seconds, bytes)."""
    kinora = Kinora(tmp_path / "data").start()
    try:
        path = repeated(clip("long"), 60, tmp_path)
        kinora.boto().upload_file(str(path), "source", path.name)
        wait_for(lambda: (kinora.title(path.stem) or {}).get("state") in ("encoding", "published"), timeout=120)
        began, looks = time.monotonic(), []
        while not until(kinora, path.stem, looks):
            looks.append((time.monotonic() - began, resident(kinora)))
            time.sleep(0.25)
        return looks
    finally:
        kinora.stop()


def most(looks, begin, end):
    """The most that was in use from one part of the looks to another."""
    return max(memory for _, memory in looks[int(begin * len(looks)) : int(end * len(looks))]) / MB


def check(looks):
    early, late = most(looks, 0.1, 0.4), most(looks, 0.6, 1.0)
    print(f"{looks[-1][0]:.0f} s of encoding: {early:.0f} MB early, {late:.0f} MB late")
    assert late < early + 30 and late < 200, looks[:: max(1, len(looks) // 40)]


def test_encoding_an_hour_does_not_grow_the_server(tmp_path, clip):
    check(watch_an_encode(tmp_path, clip, lambda _kinora, _name, looks: len(looks) >= 40))


@pytest.mark.soak
def test_encoding_an_hour_to_its_end_does_not_grow_the_server(tmp_path, clip):
    def ended(kinora, name, looks):
        time.sleep(2)
        title = kinora.title(name)
        assert title["state"] in ("encoding", "published") and (not looks or looks[-1][0] < 3 * 3600), title
        # What is left to do when all of it is encoded are its pictures.
        unfinished = {job["state"] for job in kinora.json("job", "ls")} & {"queued", "running"}
        return title["state"] == "published" and not unfinished

    check(watch_an_encode(tmp_path, clip, ended))
