"""Witnesses of what a jail must prevent: files that were opened, packets that arrived, processes that kept running."""

import ctypes
import os
import socket
import struct
import threading
import time
from pathlib import Path

from kinora_server import below, run

IN_ACCESS, IN_OPEN = 0x1, 0x20


class Opened:
    """Notices when anybody opens or reads one of some files (inotify)."""

    def __init__(self, paths):
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.inotify_init1(os.O_NONBLOCK)
        assert self.descriptor >= 0, os.strerror(ctypes.get_errno())
        self.names = {}
        for path in paths:
            watch = libc.inotify_add_watch(self.descriptor, os.fsencode(path), IN_ACCESS | IN_OPEN)
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self.names[watch] = Path(path).name

    def take(self):
        """Names of those that were opened or read since the last call."""
        try:
            events = os.read(self.descriptor, 1 << 16)
        except BlockingIOError:
            return set()
        found = set()
        while events:
            watch, _, _, length = struct.unpack_from("iIII", events)
            found.add(self.names[watch])
            events = events[16 + length :]
        return found

    def close(self):
        os.close(self.descriptor)


class Listener:
    """Listens on loopback, TCP and UDP at one port, and keeps who came."""

    def __init__(self):
        self.came = []
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        for listen in [self.accept, self.receive]:
            threading.Thread(target=listen, daemon=True).start()

    def accept(self):
        try:
            while True:
                connection, address = self.tcp.accept()
                self.came.append(("tcp", address))
                connection.close()
        except OSError:
            pass

    def receive(self):
        try:
            while True:
                self.came.append(("udp", self.udp.recvfrom(2048)[1]))
        except OSError:
            pass

    def knock(self):
        """Comes itself, by both ways: that it would be noticed."""
        socket.create_connection(("127.0.0.1", self.port)).close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"?", ("127.0.0.1", self.port))

    def close(self):
        self.tcp.close()
        self.udp.close()


class Children:
    """Follows ffmpeg and ffprobe below a process: how long each lived and worked, and its largest resident memory in bytes."""

    def __init__(self, parent):
        self.parent = parent
        self.lives = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        while not self.ended.wait(0.1):
            self.look()

    def look(self):
        """Looks once; answers those that live now."""
        alive = []
        for pid, name in below(self.parent):
            if not name.startswith("ff"):
                continue
            folder = Path("/proc") / str(pid)
            try:
                fields = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            key = (pid, stat[19])
            life = self.lives.setdefault(key, {"from": time.monotonic(), "memory": 0})
            life["to"] = time.monotonic()
            # In the kernel's ticks, as a user and for it (proc(5)).
            life["work"] = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
            life["command"] = b" ".join(command).decode(errors="replace")
            life["memory"] = max(life["memory"], int(fields.get("VmHWM", "0 kB").split()[0]) * 1024)
            alive.append(key)
        return alive

    def longest(self):
        """The one that lived longest: seconds and its command."""
        return max((life["to"] - life["from"], life["command"]) for life in self.lives.values())

    def busiest(self):
        """The one that worked longest, however busy the machine was: seconds of CPU time and its command."""
        return max((life["work"], life["command"]) for life in self.lives.values())

    def largest(self):
        """The one that had most memory: bytes and its command."""
        return max((life["memory"], life["command"]) for life in self.lives.values())

    def stop(self):
        self.ended.set()
        self.thread.join()

    @classmethod
    def knock(cls, seconds):
        """Follows a tool of our own that works so long with a few large pictures: its seconds, those of its work, and bytes."""
        children = cls(os.getpid())
        run("ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", f"color=s=4000x4000:d={seconds}", "-f", "null", "-")
        children.stop()
        return children.longest()[0], children.busiest()[0], children.largest()[0]


def peak_memory(pid):
    """The largest resident memory that a process ever had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no such process: {pid}")
