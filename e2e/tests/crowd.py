"""Many viewers at once (`bench/load`), figures of a server, and what its process takes."""

import json
import os
import re
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kinora_server import BINARY, Kinora

MB = 1 << 20
LOAD = os.environ.get("KINORA_LOAD", str(Path(BINARY).parent / "load"))


class Crowd:
    """Viewers with signatures of their own, made with a key that the server knows."""

    def __init__(self, kinora, folder):
        self.kinora, self.private = kinora, folder / "viewers.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        self.private.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
        public = folder / "viewers.pub.pem"
        public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
        self.key_id = kinora.json("key", "add", public)["id"]

    def begin(self, titles, **options):
        """Starts watching; `True` stands for an option without a value."""
        urls = [self.kinora.json("url", title, "--cookies")["url"] for title in titles]
        named = {"key": self.private, "key-id": self.key_id, "pid": self.kinora.process.pid} | options
        given = []
        for name, value in named.items():
            given += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        return subprocess.Popen([LOAD, *given, *urls], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, running, timeout=300):
        """The report, of which every body was right."""
        try:
            out, err = running.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
        assert running.returncode == 0, f"{out[-3000:]}{err[-3000:]}\n{self.kinora.log_tail()}"
        return json.loads(out)


def resident(kinora):
    """Bytes of memory that the server's process has in use, those of encoders not counted."""
    stat = Path(f"/proc/{kinora.process.pid}/statm").read_text().split()
    return int(stat[1]) * os.sysconf("SC_PAGE_SIZE")


def metrics(kinora):
    """Every figure by its name with labels."""
    lines = kinora.cli("metrics").stdout.splitlines()
    pairs = (re.fullmatch(r"(\S+(?:\{.*\})?) (\S+)", line) for line in lines if not line.startswith("#"))
    return {pair[1]: float(pair[2]) for pair in pairs if pair}


class House:
    """A server with two films, and viewers. On SQLite: nothing of this depends on the database."""

    def __init__(self, folder, clip):
        self.kinora = Kinora(folder / "data").start()
        for name in ["noisy", "short"]:
            self.kinora.boto().upload_file(str(clip(name)), "source", f"{name}.mp4")
        self.noisy, self.short = (self.kinora.wait(name)["id"] for name in ["noisy", "short"])
        self.titles = [self.noisy, self.short]
        self.kinora.wait_for_jobs()
        self.crowd = Crowd(self.kinora, folder)

    def again(self, **edge):
        """Restarts the server, with nothing in memory; `edge` are settings of the front door."""
        self.kinora.stop()
        self.kinora.environment = {f"KINORA__EDGE__{name.upper()}": str(value) for name, value in edge.items()}
        self.kinora.start()
        return self

    def watch(self, titles=None, timeout=300, **options):
        """The report of viewers who watch these titles, or all."""
        return self.crowd.end(self.crowd.begin(titles or self.titles, **options), timeout)


def spent(report):
    """A report in a line."""
    times = {
        kind: f"p50 {t['p50_ms']:.0f}, p99 {t['p99_ms']:.0f}, max {t['max_ms']:.0f} ms" for kind, t in report["times"].items()
    }
    process = report["server"]
    return (
        f"{report['requests']} requests, {report['bytes_per_second'] / MB:.0f} MB/s, {times}, server "
        f"{process['cpu_seconds']:.1f} CPU s, {process['rss_before_bytes'] / MB:.0f} MB before, "
        f"{process['rss_peak_bytes'] / MB:.0f} at most, {process['rss_after_bytes'] / MB:.0f} after"
    )
