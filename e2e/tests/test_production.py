"""`kinora serve` for strangers: TLS, a proxy in front, logs without secrets, a graceful end."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError

import hls
from authority import Authority
from kinora_server import BINARY, free_port, listens, postgres_address, run, wait_for, wait_for_start
from mail_servers import Inbox, code_of, start_aiosmtpd
from production import DEPLOY, Nginx, Served
from visitor import Visitor

ADDRESS = "ann.o.neill@example.org"
WITHOUT_LANDLOCK = Path(__file__).with_name("without_landlock.py")


@pytest.fixture(scope="module", autouse=True)
def authority(tmp_path_factory):
    """An authority that Python, boto3 and curl know from now on."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "ca")
    with pytest.MonkeyPatch.context() as patch:
        for name in ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE"]:
            patch.setenv(name, str(authority.file))
        yield authority


@pytest.fixture
def serve(engine, authority, tmp_path):
    """Starts servers and stops them at the end."""
    started = []

    def start(groups="", name="one", environment=None, **settings):
        folder = tmp_path / name
        folder.mkdir()
        server = Served(folder, authority, groups, postgres_address(engine), environment, **settings)
        started.append(server)
        return server.start()

    yield start
    for server in reversed(started):
        server.stop()


@pytest.fixture(scope="module")
def inbox():
    inbox = Inbox()
    server = start_aiosmtpd(inbox)
    inbox.port = server.port
    yield inbox
    server.stop()


@pytest.fixture(scope="module")
def served(engine, authority, inbox, clip, tmp_path_factory):
    """A server that speaks TLS, sends mail, and has one film."""
    folder = tmp_path_factory.mktemp("served")
    open_house = "[identity]\nopen_sign_up = true\n"
    server = Served(folder, authority, mail(inbox) + open_house, postgres_address(engine), sign_in="codes").start()
    server.boto().upload_file(str(clip("short")), "source", "film.mp4")
    server.wait("film")
    yield server
    server.stop()


def mail(inbox):
    """Settings of the mail server that `inbox` is."""
    settings = f'[mail.smtp]\nhost = "localhost"\ntls = "none"\nport = {inbox.port}\n'
    return f'[mail]\nfrom = "Kinora <no-reply@kinora.example>"\n{settings}'


def curl(url, *arguments, check=True):
    """Status, headers (lower case, the last of each) and body; certificates are checked."""
    command = ["curl", "-sS", "-i", "--max-time", "20", *map(str, arguments), url]
    done = subprocess.run(command, capture_output=True, timeout=30)
    if check:
        assert done.returncode == 0, done.stderr.decode()
    elif done.returncode:
        return None, {}, done.stderr
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}, body


def decode_over_tls(url, authority):
    """Decodes a stream as `hls.decode`, checking certificates."""
    tls = ["-tls_verify", "1", "-ca_file", str(authority.file)]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", *tls, "-i", url, "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stderr.strip().splitlines() or ([] if done.returncode == 0 else [f"exit {done.returncode}"])


def test_pages_come_over_tls_only_and_say_so(served):
    status, headers, _ = curl(served.http + "/signin")
    assert status == 200
    assert headers["strict-transport-security"] == "max-age=31536000"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "http:" not in policy and "unsafe" not in policy
    for version in ["1.2", "1.3"]:
        assert curl(served.http + "/signin", f"--tlsv{version}", "--tls-max", version)[0] == 200
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", urlsplit(served.http).port)) as raw:
        old.wrap_socket(raw)

    status, headers, _ = curl(served.plain + "/titles?a=b%20c")
    assert status == 308 and headers["location"] == served.http + "/titles?a=b%20c"
    assert "strict-transport-security" not in headers
    assert curl(served.plain + "/signin", "-d", "address=a@b.example")[0] == 403
    assert curl(served.http.replace("https:", "http:") + "/signin", check=False)[0] is None


def test_a_film_plays_over_tls_and_its_cookies_stay_there(served, authority):
    assert decode_over_tls(served.url("film", "--for", "5m"), authority) == []

    visitor = Visitor(served).by_link(served.link())
    manifest = visitor.play(served.title("film")["id"])
    cookies = {cookie.name: cookie for cookie in visitor.jar}
    assert all(cookie.secure for cookie in cookies.values()), cookies
    assert {"__Host-sid", "CloudFront-Signature"} <= cookies.keys()
    status, _, master = visitor.ask(manifest)
    assert status == 200 and b"#EXT-X-STREAM-INF" in master
    assert curl(manifest)[0] == 403, "without cookies"


def test_a_new_certificate_counts_at_once_and_a_broken_one_never(serve, authority):
    served = serve()
    old = served.serial
    assert shown(served) == old
    new = authority.issue(served.certificate, served.key)
    served.process.send_signal(signal.SIGHUP)
    served.line(message="certificate reloaded")
    assert shown(served) == new != old

    served.certificate.write_text("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
    served.process.send_signal(signal.SIGHUP)
    broken = served.line(level="ERROR")
    assert broken["message"] == "the new certificate is invalid; the old one stays in use"
    assert broken["error"].startswith(f"cannot read the certificate from {served.certificate}: "), "and why"
    assert shown(served) == new

    newest = authority.issue(served.certificate, served.key)
    wait_for(lambda: shown(served) == newest, timeout=30, why="files that change are read without a signal")
    # The S3 face has the same certificate.
    assert shown(served, served.s3) == newest


def shown(served, url=None):
    """The serial number of the certificate that a server shows."""
    place = urlsplit(url or served.http)
    context = ssl.create_default_context()
    with socket.create_connection((place.hostname, place.port), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            return int(tls.getpeercert()["serialNumber"], 16)


def sign_in_by_code(served, inbox):
    """Signs ADDRESS in by the code that is mailed; answers visitor and code."""
    visitor, before = Visitor(served), len(inbox.mails)
    page = visitor.begin(ADDRESS)
    assert page.status == 200, page.text[:300]
    code = code_of(inbox.wait(before + 1))
    assert visitor.enter(page, "0000000").status >= 400
    entered = visitor.enter(page, code)
    assert entered.status == 200 and ADDRESS in entered.text
    return visitor, code


def test_every_log_line_is_json_names_request_or_job_and_tells_no_secret(served, inbox):
    operator_link = served.link()
    operator = Visitor(served).by_link(operator_link)
    viewer, code = sign_in_by_code(served, inbox)
    title = served.title("film")["id"]
    address = served.url("film", "--for", "5m")
    assert curl(address)[0] == 200
    assert curl(address[:-20])[0] >= 400
    manifest = operator.play(title)
    signed = served.boto().generate_presigned_url("get_object", Params={"Bucket": "source", "Key": "film.mp4"})
    s3_request = hls.get(signed).headers["x-amz-request-id"]
    assert curl(signed[:-4] + "0000")[0] == 403
    cookies = operator.cookies(manifest)
    query = manifest + "?" + "&".join("=".join(pair) for pair in re.findall(r"CloudFront-([\w-]+)=([^;]+)", cookies))
    assert "Signature=" in query and curl(query)[0] in (200, 403)
    report = {"title": title, "kind": "network", "detail": f"fragLoadError 503 {address} {query}"}
    status, headers, body = operator.ask("/api/playback/report", report)
    assert status == 200
    request = headers["x-request-id"]
    assert json.loads(body)["report"] == request

    served.line(id=request, target="edge::access")
    complaint = served.line(message="a player gave up")
    assert [span["id"] for span in complaint["spans"]] == [request]
    # Pictures are made when the film is published already.
    jobs = {job["id"] for job in served.json("job", "ls")}
    left = lambda: [line for line in served.lines() if line.get("message") == "job left"]
    unnamed = lambda: jobs - {span["job"] for line in left() for span in line["spans"]}
    wait_for(lambda: not unnamed(), why=lambda: f"jobs that no line names: {unnamed()}")
    assert jobs and {line["end"] for line in left()} <= {"done", "held"}
    lines = served.lines()
    assert any(span.get("id") == s3_request for line in lines for span in line.get("spans", [])), "S3's request id"
    assert {line["client"] for line in lines if line.get("client")} == {"127.0.0.0"}

    secrets = {
        "S3 secret key": served.s3_secret_key,
        "presigned signature": parse_qs(urlsplit(signed).query)["X-Amz-Signature"][0],
        "path token": urlsplit(address).path.split("/")[2],
        "sign-in link": operator_link.rsplit("/", 1)[1],
        "mail address": ADDRESS,
        "operator's address": "operator@example.org",
        "host of the address": "ann.o.neill",
        **{f"cookie {c.name}": c.value for v in [operator, viewer] for c in v.jar},
    }
    if served.database:
        secrets["database"] = urlsplit(served.database).query
    log = served.log.read_text()
    for name, secret in secrets.items():
        assert len(secret) > 5, name
        # Which key and which hash a signature is made with is no secret.
        if not name.endswith(("Key-Pair-Id", "Hash-Algorithm")):
            assert secret not in log, f"{name} is in the log"
    assert not re.search(rf"(?<![\d.]){code}(?!\d)", log), "the code is in the log"


def test_a_proxy_is_believed_and_nobody_else(serve, authority, clip, tmp_path):
    if not shutil.which("nginx"):
        pytest.skip("nginx (not installed)")
    # nginx comes from an address that nobody else has.
    port, s3_port = free_port(), free_port()
    trusted = '[edge]\ntrusted_proxies = ["127.0.0.2"]\n'
    keys = tmp_path / "certificate.pem", tmp_path / "certificate.key"
    authority.issue(*keys)
    nginx = Nginx(tmp_path / "nginx", *keys, port, s3_port, "127.0.0.2").start()
    try:
        served = serve(
            trusted,
            tls="proxy",
            https=None,
            http=f"127.0.0.1:{port}",
            s3=f"127.0.0.1:{s3_port}",
            public_url=f"https://localhost:{nginx.port}",
            s3_public_url=f"https://127.0.0.1:{nginx.port}",
        )
        # As `systemctl reload` does; there is no certificate to read.
        served.process.send_signal(signal.SIGHUP)
        served.line(message="there is no certificate to reload")
        spoofed = ["-H", "X-Forwarded-For: 203.0.113.77", "-H", "X-Forwarded-Host: evil.example"]
        spoofed += ["-H", "X-Request-Id: chosen-by-the-client", "-H", "Forwarded: for=203.0.113.77;proto=https"]
        status, headers, _ = curl(served.http + "/signin?proxied", *spoofed, "--interface", "127.9.8.7")
        assert status == 200 and "strict-transport-security" in headers
        seen = served.line(target="edge::access", id=headers["x-request-id"])
        assert seen["client"] == "127.9.8.0", "who asks is whom nginx saw"
        assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"]), "the id is nginx's"

        direct = [*spoofed, "-H", "X-Forwarded-Proto: https"]
        status, headers, _ = curl(served.plain + "/signin?direct", *direct)
        assert (status, headers["location"]) == (308, served.http + "/signin?direct")
        seen = served.line(target="edge::access", id=headers["x-request-id"])
        assert seen["client"] == "127.0.0.0" and seen["refused"] == "the request came without TLS"
        assert "chosen-by-the-client" not in served.log.read_text() and "203.0.113" not in served.log.read_text()

        served.boto().upload_file(str(clip("short")), "source", "film.mp4")
        served.wait("film")
        assert decode_over_tls(served.url("film", "--for", "5m"), authority) == []
        visitor = Visitor(served).by_link(served.link())
        assert visitor.ask(visitor.play(served.title("film")["id"]))[0] == 200
        assert all(cookie.secure for cookie in visitor.jar)
        assert (nginx.folder / "access").read_text() == "", "nginx keeps no addresses"
    finally:
        nginx.stop()


def held_encoder(served):
    """Stops an encoder in the middle of its work, so that a job is running until somebody ends it; answers whether."""
    for encoder in served.encoders():
        # It may have ended in the meantime: its entry is gone then, or that of a zombie.
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(encoder, signal.SIGSTOP)
            state = lambda: Path(f"/proc/{encoder}/stat").read_text().rsplit(")", 1)[1].split()[0]
            return wait_for(lambda: state() in "TZX" and state(), every=0.01) == "T"
    return False


def test_a_stop_lets_answers_end_and_hands_jobs_back(serve, clip, inbox):
    # It waits for answers for as long as this test may take on a slow machine, and ends as soon as there are none.
    served = serve("[worker]\nslots = 1\n" + mail(inbox), sign_in="codes", stop_seconds=600)
    size = 24 << 20
    served.boto().create_bucket(Bucket="kept")
    served.boto().put_object(Bucket="kept", Key="notes.bin", Body=os.urandom(1024) * (size >> 10))
    served.boto().upload_file(str(clip("long")), "source", "film.mp4")
    wait_for(lambda: held_encoder(served), every=0.01, why=served.log_tail)

    download = served.boto().get_object(Bucket="kept", Key="notes.bin")["Body"]
    got = len(download.read(1 << 20))
    place, form = urlsplit(served.http), urlencode({"address": ADDRESS, "next": "/"}).encode()
    context = ssl.create_default_context()
    with socket.create_connection((place.hostname, place.port), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            head = f"POST /signin HTTP/1.1\r\nHost: {place.netloc}\r\nOrigin: {served.http}\r\n"
            head += "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            head += "Expect: 100-continue\r\n"
            tls.sendall(f"{head}Content-Length: {len(form)}\r\n\r\n".encode())
            # It is under way once its body is asked for.
            assert tls.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            tls.sendall(form[:5])
            served.process.terminate()
            served.line(message="stopping")
            wait_for(lambda: not listens(place.port), every=0.05)
            tls.sendall(form[5:])
            answer = b""
            while piece := tls.recv(65536):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.rstrip().endswith(b"</html>")
    while piece := download.read(1 << 20):
        got += len(piece)
    assert got == size
    assert served.process.wait(120) == 0
    ends = [line["end"] for line in served.lines() if line.get("message") == "job left"]
    assert "put back" in ends and "failed" not in ends

    served.start()
    assert served.wait("film")["state"] == "published"
    ends = {line["end"] for line in served.lines() if line.get("message") == "job left"}
    assert ends <= {"done", "put back", "held"}


def test_an_encoder_runs_beside_the_rest(serve, clip, engine, tmp_path):
    served = serve("[worker]\nslots = 0\n")
    command = [BINARY, "serve", "--config", served.config, "--role", "worker"]
    environment = {**os.environ, "KINORA__WORKER__SLOTS": "2"}
    if engine == "sqlite":
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
        assert done.returncode != 0 and "SQLite is for one" in done.stderr
        return
    served.boto().upload_file(str(clip("short")), "source", "film.mp4")
    time.sleep(1)
    assert served.title("film")["state"] != "published"
    environment["KINORA__DATABASE"] = served.database
    log = tmp_path / "worker.log"
    with open(log, "wb") as out:
        worker = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        served.wait("film")
        assert "job left" in log.read_text() and "job left" not in served.log.read_text()
    finally:
        worker.terminate()
        assert worker.wait(20) == 0, log.read_text()


def test_the_sample_configuration_starts_as_it_is(authority, tmp_path):
    (tmp_path / "etc/tls").mkdir(parents=True)
    authority.issue(tmp_path / "etc/tls/fullchain.pem", tmp_path / "etc/tls/privkey.pem")
    http, https = free_port(), free_port()
    text = (DEPLOY / "kinora.toml").read_text()
    for theirs, ours in {
        "https://films.example.org": f"https://localhost:{https}",
        "/var/lib/kinora": str(tmp_path / "data"),
        "/etc/kinora": str(tmp_path / "etc"),
        "[::]:80": f"127.0.0.1:{http}",
        "[::]:443": f"127.0.0.1:{https}",
    }.items():
        assert theirs in text, theirs
        text = text.replace(f'"{theirs}', f'"{ours}')
    config, ready = tmp_path / "etc/kinora.toml", tmp_path / "ready.json"
    config.write_text(text)
    environment = {**os.environ, "KINORA__ALLOW_ROOT": "true", "KINORA__S3": f"127.0.0.1:{free_port()}"}
    command = [BINARY, "serve", "--config", config]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True, env=environment, timeout=30)
    assert (checked.returncode, checked.stdout) == (0, f"{config} is valid.\n"), checked.stderr
    assert not (tmp_path / "data").exists(), "a check starts nothing"
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([*command, "--ready-file", ready], stdout=log, stderr=log, env=environment)
    try:
        wait_for_start(process, ready.exists, tmp_path / "log")
        assert curl(f"https://localhost:{https}/signin")[0] == 200
        assert not any(word in ready.read_text() for word in ["secret", "link", "key"])
    finally:
        process.terminate()
        assert process.wait(20) == 0
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_commands_use_the_data_and_keys_that_the_settings_name(served):
    def ran(*arguments, **environment):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30, env={**os.environ, **environment})

    named = {"KINORA_CONFIG": str(served.config)}
    ring = ran("key", "ring", "--json", **named)
    assert ring.returncode == 0 and "media" in {key["purpose"] for key in json.loads(ring.stdout)}, ring.stderr
    assert ran("person", "ls", "--config", served.config).returncode == 0
    former = ran("person", "ls", KINORA_DATA=str(served.data))
    assert former.returncode == 0 and "KINORA_DATA is deprecated; use KINORA__DATA" in former.stderr
    # There is none in the data folder, and none is made there.
    assert "no key ring" in ran("key", "ring", "--data", served.data).stderr
    assert not (served.data / "keys/ring").exists()


def test_what_is_not_safe_is_refused_all_at_once(tmp_path):
    config, data = tmp_path / "kinora.toml", tmp_path / "data"
    config.write_text(f'public_url = "http://films.example.org"\ndata = "{data}"\ns3 = "0.0.0.0:9000"\n')
    done = subprocess.run([BINARY, "serve", "--config", config], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and not data.exists()
    for setting in ["public_url: ", "tls: ", "s3: ", "sign_in: "]:
        assert f"kinora: {setting}" in done.stderr, done.stderr
    if os.geteuid() == 0:
        assert "kinora: user: " in done.stderr


def test_a_folder_of_development_is_not_served(authority, tmp_path):
    """Its S3 key and a sign-in link were printed on a terminal, and its key ring is nowhere else."""
    from kinora_server import Kinora

    Kinora(tmp_path / "data", arguments=["--workers", "0"]).start().stop()
    server = Served(tmp_path, authority, keys=None)
    with pytest.raises(AssertionError, match="kinora key export"):
        server.start()
    (tmp_path / "passphrase").write_text("correct horse battery staple\n")
    server.cli("key", "export", tmp_path / "keys.txt", "--passphrase-file", tmp_path / "passphrase")
    with pytest.raises(AssertionError, match="s3-key rm development"):
        server.start()
    development = Kinora(tmp_path / "data", arguments=["--workers", "0"]).start()
    development.cli("s3-key", "rm", "development")
    with pytest.raises(ClientError, match="InvalidAccessKeyId|Forbidden|does not exist|403"):
        development.boto().list_buckets()
    development.stop()
    server.start()
    assert curl(server.http + urlsplit(development.operator_link).path)[0] == 410
    assert "this installation has no operator yet" in server.log.read_text()
    server.stop()


def test_an_incomplete_jail_is_refused_unless_it_is_permitted(authority, clip, tmp_path):
    def jail(report):
        [check] = [c for c in report["checks"] if c["name"] == "jail"]
        return check

    def served(name, groups=""):
        (tmp_path / name).mkdir()
        server = Served(tmp_path / name, authority, groups)
        command = server.command()
        server.command = lambda: [sys.executable, WITHOUT_LANDLOCK, *command]
        return server

    with pytest.raises(AssertionError, match=r"lacks layers of their jail: files \(Landlock\)"):
        served("refused").start()

    server = served("permitted", "[worker]\nallow_incomplete_jail = true\n").start()
    try:
        assert server.line(level="ERROR")["missing"] == "files (Landlock): this kernel has none"
        running = jail(server.json("doctor"))
        assert running["ok"] and running["remind"] and "missing: files (Landlock)" in running["finding"], running
        server.boto().upload_file(str(clip("short")), "source", "film.mp4")
        server.wait("film")
    finally:
        server.stop()
    doctor = [sys.executable, WITHOUT_LANDLOCK, BINARY, "doctor", "--json", "--config", server.config]
    assert jail(json.loads(run(*doctor))) == running, "the settings are the same without a server"
