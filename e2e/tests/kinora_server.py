"""Starting, asking and killing a real Kinora; clips to feed it."""

import json
import os
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path
from urllib.parse import quote, urlsplit

import boto3
from botocore.config import Config

BINARY = os.environ.get("KINORA_BIN", "target/debug/kinora")


def wait_for(what, timeout=60, every=0.2, why=""):
    """Waits until `what` is true; answers it. `why`, a text or a function that has one, is told after waiting in vain."""
    deadline = time.monotonic() + timeout
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain, at last for {found!r}\n{why() if callable(why) else why}")
        time.sleep(every)


def wait_for_start(process, ready, log, timeout=60):
    """Waits until a process that was just started is `ready`; one that ends instead has told why in its log."""

    def look():
        assert process.poll() is None, f"it ended with {process.returncode}:\n{tail(log)}"
        return ready()

    wait_for(look, timeout, 0.02, lambda: tail(log))


def tail(log, lines=12):
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def free_port():
    """A port of the loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def files_below(folder):
    """The files of a folder in which others work: a file that vanishes in the meantime is no error."""
    paths = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    return [path for path in paths if path.is_file()]


def below(root):
    """A process and all that it started, with their names."""
    names, children = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        names[int(stat.parent.name)] = name
        children.setdefault(int(rest.split()[1]), []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return [(pid, names[pid]) for pid in found if pid in names]


def postgres_address(engine):
    """An address with a schema of its own, or None for SQLite."""
    if engine != "postgres":
        return None
    base = os.environ["KINORA_TEST_POSTGRES"]
    schema = "e2e_" + uuid.uuid4().hex
    subprocess.run(["psql", "-q", base, "-c", f"CREATE SCHEMA {schema}"], check=True)
    separator = "&" if "?" in base else "?"
    return f"{base}{separator}options={quote('-csearch_path=' + schema, safe='')}"


class Kinora:
    """One server process on its own data folder."""

    def __init__(self, data, database=None, arguments=(), environment=None):
        self.data = Path(data)
        self.database = database
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.process = None
        self.log = self.data.parent / f"{self.data.name}.log"

    def start(self, timeout=60, in_place=False):
        """Starts it, with `in_place` at the addresses that it had before."""
        self.ports = [urlsplit(url).port for url in (self.http, self.s3)] if in_place else [0, 0]
        self.data.parent.mkdir(parents=True, exist_ok=True)
        ready_file = self.data.parent / f"{self.data.name}.ready.json"
        ready_file.unlink(missing_ok=True)
        command = [*self.command(), "--ready-file", ready_file, *self.arguments]
        environment = {**os.environ, **self.environment}
        if self.database:
            environment["KINORA__DATABASE"] = self.database
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
            )
        try:
            wait_for_start(self.process, ready_file.exists, self.log, timeout)
        except AssertionError:
            self.kill()
            raise
        ready = json.loads(ready_file.read_text())
        self.ready_file = ready_file
        self.take(ready)
        return self

    def command(self):
        http, s3 = (f"127.0.0.1:{port}" for port in self.ports)
        return [BINARY, "up", "--data", self.data, "--http", http, "--s3", s3]

    def take(self, ready):
        """Keeps what the ready file says."""
        self.http, self.s3 = ready["http"].rstrip("/"), ready["s3"].rstrip("/")
        # Without these where the ready-made operator was demoted.
        self.s3_access_key, self.s3_secret_key = ready.get("s3_access_key"), ready.get("s3_secret_key")
        self.operator_link = ready.get("operator_link")
        self.mailbox = Path(ready["mailbox"]) if "mailbox" in ready else None

    def stop(self, timeout=30):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"kinora did not stop in {timeout} s:\n{self.log_tail()}") from None

    def kill(self):
        """kill -9: what the system has of its writes stays, unlike after a power cut."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log_tail(self, lines=12):
        return tail(self.log, lines)

    def cli(self, *arguments, check=True, timeout=120):
        done = subprocess.run(
            [BINARY, *map(str, arguments), "--data", str(self.data)], capture_output=True, text=True, timeout=timeout
        )
        if check and done.returncode != 0:
            raise AssertionError(f"kinora {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments):
        return json.loads(self.cli(*arguments, "--json").stdout)

    def json_of_doctor(self):
        """What the doctor finds, in order or not."""
        return json.loads(self.cli("doctor", "--json", check=False).stdout)

    def titles(self):
        return self.json("title", "ls")

    def title(self, name):
        """The newest title of that name."""
        found = [t for t in self.titles() if t["name"] == name]
        return found[0] if found else None

    def wait(self, name, states=("published",), timeout=240):
        """Waits until the title of that name is in one of `states`; fails early when it ends otherwise."""

        def there():
            title = self.title(name)
            if title and title["state"] in states:
                return title
            ended = title and title["state"] in ("published", "failed", "rejected")
            assert not ended, f"wanted {name!r} to be {states}, is {title}\n{self.log_tail()}"

        return wait_for(there, timeout, why=lambda: f"{self.title(name)} is not {states}\n{self.log_tail()}")

    def wait_for_jobs(self, timeout=240):
        """Waits until nothing is queued or running: pictures are made after a title is published. Answers all jobs."""
        jobs = []

        def ended():
            jobs[:] = self.json("job", "ls")
            return not any(job["state"] in ("queued", "running") for job in jobs)

        wait_for(ended, timeout, why=lambda: jobs)
        return jobs

    def encoders(self):
        """The processes of ffmpeg that work for its jobs."""
        return [pid for pid, name in below(self.process.pid) if name == "ffmpeg"]

    def cancel_a_part(self, title):
        """Cancels a part that still waits, and with it all work for the title; one that runs might end before that."""

        def cancelled():
            waiting = self.json("job", "ls", "--title", title["id"], "--state", "queued")
            parts = [j["id"] for j in waiting if j["kind"] == "chunk"]
            assert parts, "every part was begun"
            done = self.cli("job", "cancel", parts[0], "--json", check=False)
            return done.returncode == 0 and json.loads(done.stdout)

        return wait_for(cancelled)

    def kept(self):
        """Everything in the database, as who takes its files or a dump of it sees it."""
        if self.database:
            return run("pg_dump", self.database).encode()
        return b"".join(path.read_bytes() for path in sorted(self.data.glob("kinora.db*")))

    def url(self, title, *arguments):
        return self.cli("url", title, *arguments).stdout.strip()

    def boto(self, access_key=None, secret_key=None, **config):
        settings = {"s3": {"addressing_style": "path"}, "retries": {"max_attempts": 1}, "signature_version": "s3v4"}
        return boto3.client(
            "s3",
            endpoint_url=self.s3,
            region_name="us-east-1",
            aws_access_key_id=access_key or self.s3_access_key,
            aws_secret_access_key=secret_key or self.s3_secret_key,
            config=Config(**{**settings, **config}),
        )

    def client_environment(self):
        """For the aws CLI and rclone."""
        environment = {k: v for k, v in os.environ.items() if k != "AWS_CA_BUNDLE"}
        environment.update(
            AWS_ACCESS_KEY_ID=self.s3_access_key,
            AWS_SECRET_ACCESS_KEY=self.s3_secret_key,
            AWS_DEFAULT_REGION="us-east-1",
            AWS_ENDPOINT_URL_S3=self.s3,
            RCLONE_CONFIG_K_TYPE="s3",
            RCLONE_CONFIG_K_PROVIDER="Other",
            RCLONE_CONFIG_K_ENDPOINT=self.s3,
            RCLONE_CONFIG_K_ACCESS_KEY_ID=self.s3_access_key,
            RCLONE_CONFIG_K_SECRET_ACCESS_KEY=self.s3_secret_key,
            RCLONE_CONFIG="/dev/null",
        )
        return environment


def run(*command, **options):
    """Runs a tool; its whole output is in the failure."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clips(name, folder):
    """A generated clip: `short` (4 s, 360p24, beep), `silent`, `long` (40 s), `hd` (40 s, 720p24), `noisy` (27 MB)."""
    path = folder / f"{name}.mp4"
    if path.exists():
        return path
    seconds = {"short": 4, "noisy": 3, "silent": 4, "long": 40, "hd": 40}[name]
    size = "1280x720" if name == "hd" else "640x360"
    video = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=24:duration={seconds}"]
    audio = [] if name == "silent" else ["-f", "lavfi", "-i", f"sine=frequency=330:beep_factor=4:duration={seconds}"]
    if name == "noisy":
        video[-1] += ",noise=alls=60:allf=t"
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-g", "48", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    rate = ["-qp", "8"] if name == "noisy" else []
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *video, *audio, *codec, *rate, path)
    return path


def repeated(clip, minutes, folder):
    """A faststart file of so many minutes, made of a clip without encoding anything."""
    path = folder / f"film{minutes}.mp4"
    loop = ["-stream_loop", "-1", "-i", clip, "-t", minutes * 60]
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *loop, "-c", "copy", "-movflags", "+faststart", path)
    return path
