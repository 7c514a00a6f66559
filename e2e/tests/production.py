"""`kinora serve` as an operator would set it up: TLS, nginx."""

import json
import subprocess
from pathlib import Path

from kinora_server import BINARY, Kinora, free_port, listens, wait_for, wait_for_start

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


class Served(Kinora):
    """A server in production. `groups` is TOML that follows the settings; without an authority it has no certificate."""

    def __init__(self, folder, authority, groups="", database=None, environment=None, **settings):
        # Most tests are not about who sees new titles; production shows them to nobody until somebody decides.
        environment = {"KINORA__PIPELINE__VISIBILITY": "members", **(environment or {})}
        super().__init__(folder / "data", database, environment=environment)
        if authority:
            self.certificate, self.key = folder / "fullchain.pem", folder / "privkey.pem"
            self.serial = authority.issue(self.certificate, self.key)
        ports = {name: free_port() for name in ["http", "https", "s3"]}
        settings = {
            "public_url": f"https://localhost:{ports['https']}",
            "data": str(self.data),
            "keys": str(folder / "keys/ring"),
            "sign_in": "invitations only",
            "allow_root": True,
            **{name: f"127.0.0.1:{port}" for name, port in ports.items()},
            **settings,
        }
        if "tls" not in settings:
            groups += f'\n[tls]\ncertificate = "{self.certificate}"\nkey = "{self.key}"\n'
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items() if value is not None]
        self.config = folder / "kinora.toml"
        self.config.write_text("\n".join(lines) + "\n" + groups)
        self.http, self.plain = settings["public_url"], "http://" + settings["http"]

    def command(self):
        return [BINARY, "serve", "--config", self.config]

    def take(self, ready):
        self.ready = ready
        self.link()
        made = self.json("s3-key", "new", "e2e", "--for", "operator@example.org")
        self.s3, self.s3_access_key, self.s3_secret_key = made["url"], made["id"], made["secret"]

    def link(self, address="operator@example.org", role="operator"):
        return self.cli("signin-link", address, "--role", role).stdout.strip()

    def lines(self):
        """What was logged: every line is one JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def line(self, timeout=30, **wanted):
        """Waits for the first line with these values."""
        fits = lambda line: all(line.get(name) == value for name, value in wanted.items())
        why = lambda: f"no line with {wanted}:\n{self.log_tail()}"
        return wait_for(lambda: next(filter(fits, self.lines()), None), timeout, 0.05, why)

    def end(self, timeout=30):
        """SIGTERM; answers the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


class Nginx:
    """nginx with the server blocks that are in deploy/: pages on `localhost`, the S3 face on `127.0.0.1`."""

    def __init__(self, folder, certificate, key, kinora_port, s3_port, source):
        folder.mkdir()
        self.port = free_port()
        server = (DEPLOY / "nginx.conf").read_text()
        for theirs, ours in {
            "listen [::]:443 ssl;": "",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "s3.films.example.org": "127.0.0.1",
            "films.example.org": "localhost",
            "/etc/kinora/tls/fullchain.pem": str(certificate),
            "/etc/kinora/tls/privkey.pem": str(key),
            "127.0.0.1:8080": f"127.0.0.1:{kinora_port}",
            "127.0.0.1:9000": f"127.0.0.1:{s3_port}",
            "location / {": f"location / {{ proxy_bind {source};",
        }.items():
            assert theirs in server, theirs
            server = server.replace(theirs, ours)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        )
        self.config = folder / "nginx.conf"
        self.config.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log {folder}/access; {temporary}\n{server} }}\n"
        )
        self.folder, self.process = folder, None

    def start(self):
        with open(self.folder / "log", "wb") as log:
            command = ["nginx", "-c", self.config, "-p", self.folder, "-e", "stderr"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for_start(self.process, lambda: listens(self.port), self.folder / "log")
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
