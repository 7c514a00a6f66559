"""What the benchmarks share: options, servers beside each other, load, processor time, and the lines they print."""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("KINORA_SHARED", ROOT.parent / "shared"))
sys.path.insert(0, str(ROOT / "e2e/tests"))
import kinora_server  # noqa: E402

# Asks for the lines of a file in turn.
LOAD = """
local paths, at = {}, 0
for path in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = path end
function request()
  at = at + 1
  return wrk.format("GET", paths[at % #paths + 1])
end
function done(summary, latency)
  local e = summary.errors
  local bad = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format('\\nRESULT {"requests":%d,"bytes":%d,"seconds":%f,"bad":%d,"p50":%f,"p99":%f}\\n',
    summary.requests, summary.bytes, summary.duration / 1e6, bad, latency:percentile(50), latency:percentile(99)))
end
"""


def options(doc, runs=3, film=None):
    """The options that all of them have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=runs, help=f"of each side, in turn (default {runs})")
    parser.add_argument("--debug", action="store_true", help="measure a debug build: only to try the script")
    if film:
        parser.add_argument("--film", default=str(SHARED / "media/main" / film))
    return parser


def parse(parser, *tools):
    """Reads the options; ends where the film or a tool is missing."""
    chosen = parser.parse_args()
    if "film" in chosen and not os.path.isfile(chosen.film):
        sys.exit(f"{chosen.film} is not there; name a film with --film")
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        sys.exit(f"{', '.join(missing)}: not installed (tools/setup bench)")
    kinora_server.BINARY = str(target(chosen.debug) / "kinora")
    return chosen


def target(debug):
    """Where cargo leaves what it builds."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / ("debug" if debug else "release")


@contextlib.contextmanager
def kinora(data, lines="warn", **settings):
    """A server of its own for the block, with settings as `edge__cache_bytes=…`; `info` lines tell about each request."""
    environment = {f"KINORA__{name.upper()}": str(value) for name, value in settings.items()}
    server = kinora_server.Kinora(data, environment={"KINORA_LOG": lines, **environment})
    try:
        yield server.start()
    finally:
        server.stop()


@contextlib.contextmanager
def nginx(folder, servers, shared="", binary="nginx"):
    """nginx with one worker for the block. `servers` are `server` blocks, `shared` stands before them."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
{"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 4096; }}
http {{
include /etc/nginx/mime.types;
types {{ video/iso.segment m4s; }}
{temporary}
access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 75s;
open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;
{shared}
{servers}
}}
""")
    command = [binary, "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf"]
    subprocess.run([*command, "-t", "-q"], check=True)
    process = subprocess.Popen(command)
    try:
        time.sleep(0.5)
        yield process
    finally:
        process.terminate()
        process.wait()


def free_ports(count):
    """Ports of this machine that nobody uses."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def publish(server, film, template="reference"):
    """Uploads a film and waits until all of it, pictures too, is there. Answers the title."""
    server.cli("import", film, "--template", template, timeout=1800)
    server.wait_for_jobs()
    return server.titles()[0]


def get(address, headers=None):
    """The body."""
    return answer(address, headers)[1]


def answer(address, headers=None):
    """The answer's headers, and its body."""
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=60) as got:
        return got.headers, got.read()


def figures(server):
    """What Kinora's metrics count, by name; what has labels is added up."""
    found = {}
    for row in server.cli("metrics").stdout.splitlines():
        if not row.startswith("#"):
            name, value = row.rsplit(" ", 1)
            name = name.partition("{")[0]
            found[name] = found.get(name, 0) + float(value)
    return found


def processor_seconds(pid, ended=False):
    """User and system time of a process and the children that it has now; with `ended` also of those that it had."""
    ticks = 0
    children = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    for each in [pid, *children]:
        fields = pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += sum(map(int, fields[11 : 15 if ended else 13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def load(pid, base, paths, seconds, headers=(), connections=16, folder="/tmp"):
    """Asks `base` for `paths` in turn over connections that stay. Answers processor µs of `pid` a request, and more."""
    folder = pathlib.Path(folder)
    (folder / "load.lua").write_text(LOAD)
    (folder / "paths").write_text("".join(f"{path}\n" for path in paths))
    fields = [part for field in headers for part in ("-H", field)]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *fields, "-s", folder / "load.lua", base]
    environment = {**os.environ, "PATHS": str(folder / "paths")}
    before = processor_seconds(pid)
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    used = processor_seconds(pid) - before
    found = json.loads(next(row for row in out.splitlines() if row.startswith("RESULT "))[7:])
    if found["bad"] or not found["requests"]:
        sys.exit(f"{found['bad']} of {found['requests']} requests to {base}{paths[0]} went wrong:\n{out}")
    return {**found, "us": used / found["requests"] * 1e6}


def processor_of(command, **options):
    """Runs a command; its processor and wall seconds, and what it said."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, **options).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used, time.monotonic() - started, out.decode()


def line(name, values, unit, digits=2):
    """A row: minimum, median, maximum."""
    low, middle, high = (f"{value:9.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{name:<40} {low} / {middle} / {high} {unit}"


def ratio(name, ours, theirs):
    """A row: how many times the peer's figure ours is, run by run."""
    return line(name, [mine / other for mine, other in zip(ours, theirs)], "×")


def machine(chosen):
    """What is measured on what: the first line that a benchmark prints."""
    model = next((row.split(":")[1].strip() for row in open("/proc/cpuinfo") if row.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    facts = [time.strftime("%Y-%m-%d"), f"commit {commit or 'unknown'}", f"{os.cpu_count()} × {model}"]
    facts += [f"load {os.getloadavg()[0]:.1f}", f"{chosen.runs} runs"]
    if "film" in chosen:
        facts.append(pathlib.Path(chosen.film).name)
    return ", ".join([*facts, *(["debug build"] if chosen.debug else [])])
