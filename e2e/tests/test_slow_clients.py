"""Clients that take their time, by the hundred: others are served all the same."""

import resource
import shutil
import socket
import subprocess
import time
from urllib.parse import urlsplit

import pytest

import hls
from crowd import MB, metrics, resident
from kinora_server import Kinora, wait_for

# How much memory is used, or what comes first, is told apart from other load on the machine.
pytestmark = pytest.mark.alone

# A small house: few connections and little memory. Patience is as by default.
SMALL = {"connections": 600, "cache_bytes": 8 * MB, "cache_object_bytes": 2 * MB}
# A client that is held up waits for somebody's timeout, at least 10 s. Half of the answers, and 99 of 100: more than one of
# them wait where the machine itself pauses. In ms.
SOON, PATIENCE = 1000, 10_000
# Where the slow ones come from; the others come from 127.1.0.x.
SLOW = "127.2.0.1"


def segments(kinora, title):
    """Paths of all segments, with a token."""
    show = hls.load(kinora.url(title))
    return [urlsplit(address).path for _, playlist in show.variants for address, _ in playlist.segments]


class Slow:
    """Connections from one address that send `first` and read nothing."""

    def __init__(self, kinora):
        self.kinora, at = kinora, urlsplit(kinora.http)
        self.at, self.host, self.all = (at.hostname, at.port), at.netloc, []

    def open(self, first=b"", window=None):
        one = socket.socket()
        if window:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        one.bind((SLOW, 0))
        one.settimeout(10)
        one.connect(self.at)
        try:
            one.sendall(first)
        except OSError:
            pass
        self.all.append(one)
        return one

    def open_now(self):
        """Those that the server has not ended."""

        def lives(one):
            one.setblocking(False)
            try:
                while True:
                    if not one.recv(1 << 16):
                        return False
            except BlockingIOError:
                return True
            except OSError:
                return False

        return [one for one in self.all if lives(one)]

    def close(self):
        for one in self.all:
            one.close()


@pytest.fixture(autouse=True, scope="module")
def many_files():
    """As many connections as the tests make are more than most systems give at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def slow(house):
    crowd = Slow(house.again(**SMALL).kinora)
    yield crowd
    crowd.close()


def trickle(slow, n):
    """The beginning of a request, of another kind each time."""
    host = slow.host.encode()
    body = b"\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
    kinds = [
        b"",
        b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nX-Slow: ",
        b"POST /api/playback/report HTTP/1.1\r\nHost: " + host + body,
        b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n",
    ]
    return kinds[n % len(kinds)]


def test_one_address_cannot_take_all_places(house, slow):
    """Twice as many connections as there are places, each with a beginning that never ends."""
    for n in range(1200):
        slow.open(trickle(slow, n))
    began = time.monotonic()
    report = house.watch(viewers=40, seconds=3, pace=4, arrive=1)
    assert time.monotonic() - began < 60
    print({kind: times["p99_ms"] for kind, times in report["times"].items()})
    assert metrics(house.kinora)["kinora_edge_turned_away_total"] >= 600
    assert len(slow.open_now()) <= 300


def test_who_reads_slowly_holds_little_memory_and_nobody_up(house, slow):
    """Each asks for a large segment and reads nothing: what they hold together is bounded."""
    paths = segments(house.kinora, house.noisy) + segments(house.kinora, house.short)
    before = resident(house.kinora)
    for n in range(250):
        path = paths[n % len(paths)]
        slow.open(f"GET {path} HTTP/1.1\r\nHost: {slow.host}\r\n\r\n".encode(), window=4096)
    report = house.watch(viewers=40, seconds=3, pace=4, arrive=1)
    grown = (resident(house.kinora) - before) / MB
    print(f"{len(slow.all)} slow readers, {grown:.0f} MB more, {report['requests']} requests beside them")
    assert grown < 150, f"{grown:.0f} MB"
    slow.close()
    wait_for(lambda: metrics(house.kinora)["kinora_edge_connections"] < 5)


@pytest.mark.parametrize("file", ["index.mp4", "segment"])
def test_an_answer_on_its_way_ends_with_the_permission_however_slowly_it_is_read(house, slow, file):
    """A whole film, which passes through, and a segment, which is handed over whole."""
    kinora, title = slow.kinora, house.noisy
    address = kinora.url(title)
    if file == "segment":
        path = urlsplit(hls.load(address).variants[-1][1].segments[0][0]).path
    else:
        path = urlsplit(address).path.replace("index.m3u8", file)
    before = metrics(kinora)["kinora_edge_connections"]
    one = slow.open(f"GET {path} HTTP/1.1\r\nHost: {slow.host}\r\n\r\n".encode(), window=4096)
    head = one.recv(1 << 10)
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    kinora.cli("title", "rm", title)
    try:
        # Nothing is read during that time.
        wait_for(lambda: metrics(kinora)["kinora_edge_connections"] <= before, 10)
        got = len(head)
        with pytest.raises(OSError):
            while piece := one.recv(1 << 16):
                got += len(piece)
        assert got < length, f"all {length} bytes"
    finally:
        kinora.cli("title", "restore", title)


class Scant(Kinora):
    """A server to which the system gives few files at first, as most do."""

    def command(self):
        return ["prlimit", "--nofile=256:4096", "--", *super().command()]


def test_a_crowd_needs_no_settings_of_the_system(tmp_path):
    kinora = Scant(tmp_path / "data").start()
    slow = Slow(kinora)
    try:
        assert metrics(kinora)["process_max_fds"] == 4096
        for _ in range(400):
            slow.open()
        assert hls.get(kinora.http + "/")[0] == 200
    finally:
        slow.close()
        kinora.stop()


# Those that hold their connections as long as they may, and one that is answered at once.
ATTACKS = {
    "slow heads": ["-H"],
    "slow bodies": ["-B", "-f", "application/json"],
    "slow reads": ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"],
    "many ranges": ["-R"],
}
ANSWERED = "No open connections left"


def test_slowhttptest_does_not_stop_others(house, tmp_path):
    """All kinds at once, from the address that they all have to come from."""
    tool = shutil.which("slowhttptest")
    if not tool:
        pytest.skip("slowhttptest is not installed")
    house.again(**SMALL)
    film = segments(house.kinora, house.short)[0]
    runs = {}
    try:
        for name, kind in ATTACKS.items():
            url = house.kinora.http + ("/api/playback/report" if name == "slow bodies" else film)
            command = [tool, *kind, "-c", "150", "-r", "100", "-i", "5", "-l", "240", "-p", "3", "-u", url]
            with open(tmp_path / name, "wb") as said:
                runs[name] = subprocess.Popen(command, stdout=said, stderr=said)
        wait_for(lambda: metrics(house.kinora)["kinora_edge_connections"] > 240, 30)
        viewers = house.crowd.begin(house.titles, viewers=40, seconds=5, pace=4, arrive=1)
        time.sleep(2)
        ended = {name for name, run in runs.items() if run.poll() is not None}
        crowd = metrics(house.kinora)["kinora_edge_connections"] - 40
        report = house.crowd.end(viewers)
    finally:
        for run in runs.values():
            run.kill()
            run.wait()
    took = {kind: (times["p50_ms"], times["p99_ms"]) for kind, times in report["times"].items()}
    print(f"{took}, {crowd:.0f} connections attack, ended: {ended}")
    for name in ended:
        said = (tmp_path / name).read_text()
        assert name == "many ranges" and ANSWERED in said, f"{name} ended:\n{said[-2000:]}"
    # One address gets half of the places.
    assert crowd > 200, crowd
    assert report["requests"] > 100, report
    assert max(half for half, _ in took.values()) < SOON and max(most for _, most in took.values()) < PATIENCE, took
