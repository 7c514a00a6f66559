"""Mail servers on random loopback ports: aiosmtpd, OpenSMTPD, and one of ours that answers when it likes."""

import email
import os
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from kinora_server import free_port, listens, wait_for, wait_for_start

class Inbox:
    """aiosmtpd's handler: keeps mails; refuses first with what it was told."""

    def __init__(self, answers=()):
        self.mails, self.tries, self.answers = [], 0, list(answers)

    async def handle_DATA(self, server, session, envelope):
        self.tries += 1
        if self.answers:
            return self.answers.pop(0)
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 taken"

    def wait(self, count=1, timeout=60):
        """Waits for so many mails; answers the last one."""
        wait_for(lambda: len(self.mails) >= count, timeout, 0.02, lambda: f"{len(self.mails)} of {count} mails")
        return email.message_from_string(self.mails[-1][1])

    def wait_for_tries(self, count, timeout=60):
        """Waits until so many mails were offered, taken or refused."""
        wait_for(lambda: self.tries >= count, timeout, 0.02, lambda: f"{self.tries} of {count} tries")


def start_aiosmtpd(inbox, authority=None, implicit=False, user=None, port=None):
    """Starts a server; with who vouches for it it wants STARTTLS (or TLS at once), with `user` (name, password) a sign-in."""
    options = {"hostname": "127.0.0.1", "port": port or free_port()}
    if authority:
        pair = authority.folder / "mail.pem", authority.folder / "mail.key"
        authority.issue(*pair)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        options.update({"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True})
    if user:
        def check(server, session, envelope, mechanism, data):
            return AuthResult(success=(data.login.decode(), data.password.decode()) == user)

        options.update(auth_required=True, authenticator=check)
    server = (TlsController if implicit else Controller)(inbox, **options)
    server.authority = authority
    server.start()
    return server


class TlsController(Controller):
    """TLS from the first byte; aiosmtpd's own first look does not get along with a server's context."""

    def _trigger_server(self):
        context = ssl.create_default_context(cafile=self.authority.file)
        with socket.create_connection((self.hostname, self.port), 5) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.recv(64)


class SlowSmtp(socketserver.ThreadingTCPServer):
    """A server that takes its time. `scripts` says by address what it answers to each mail's text: seconds, answer; when
    these are through it takes mails at once. To a QUIT it answers nothing, and leaves hanging up to the client."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, scripts):
        super().__init__(("127.0.0.1", 0), SlowTalk)
        self.port, self.scripts = self.server_address[1], scripts
        self.lock, self.open, self.begun, self.answers, self.mails = threading.Lock(), 0, [], [], {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait(self, address, timeout=60):
        """Waits until a mail to somebody is taken beyond their script; answers it."""
        wait_for(lambda: address in self.mails, timeout, 0.02, lambda: f"{self.answers}")
        return email.message_from_bytes(self.mails[address])

    def stop(self):
        self.shutdown()
        self.server_close()


class SlowTalk(socketserver.StreamRequestHandler):
    """One connection of `SlowSmtp`."""

    def handle(self):
        with self.server.lock:
            self.server.open += 1
        try:
            self.talk()
        except ConnectionError:
            pass  # The client has hung up.
        finally:
            with self.server.lock:
                self.server.open -= 1

    def talk(self):
        self.say("220 here")
        to = None
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"RCPT":
                to = re.search(rb"<(.*)>", line)[1].decode()
            if word == b"DATA":
                self.say("354 go on")
                self.take(to, b"".join(iter(self.rfile.readline, b".\r\n")))
            elif word != b"QUIT":
                self.say("250 well")

    def take(self, to, text):
        with self.server.lock:
            self.server.begun.append(to)
            script = self.server.scripts.get(to)
            seconds, answer = script.pop(0) if script else (0, None)
        time.sleep(seconds)
        with self.server.lock:
            self.server.answers.append((to, answer or "250 taken"))
            if not answer:
                self.server.mails[to] = text
        self.say(answer or "250 taken")

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")


class OpenSmtpd:
    """OpenSMTPD that keeps every mail in a folder. It insists on root and on fixed folders, which it gets as its own."""

    @staticmethod
    def missing():
        """Why it cannot be started here, if so."""
        if not shutil.which("smtpd", path="/usr/sbin:/usr/bin"):
            return "OpenSMTPD is not installed"
        if os.geteuid() != 0:
            return "OpenSMTPD starts as root only"
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
            return "OpenSMTPD needs a mount namespace for its spool"
        return None

    def __init__(self, folder):
        self.port, self.box, self.log = free_port(), folder / "mails" / "box", folder / "smtpd.log"
        self.box.parent.mkdir(parents=True)
        self.box.parent.chmod(0o777)
        for parent in [folder, *folder.parents]:
            if parent.owner() == "root" and parent != parent.parent and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        settings = folder / "smtpd.conf"
        settings.write_text(
            'table everyone { "@" = "nobody" }\n'
            f"listen on 127.0.0.1 port {self.port} hostname localhost\n"
            f'action "keep" maildir "{self.box}" virtual <everyone>\n'
            'match from any for any action "keep"\n'
        )
        script = "mount -t tmpfs none /var/spool && mount -t tmpfs none /run && exec /usr/sbin/smtpd -d -f " + str(settings)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=log, stderr=log)
        wait_for_start(self.process, lambda: listens(self.port), self.log)

    def wait(self, timeout=60):
        found = wait_for(lambda: list(self.box.glob("new/*")), timeout, 0.05, self.log.read_text)
        return email.message_from_bytes(found[0].read_bytes())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def code_of(mail):
    """The code in a mail's last line, which is for this host only."""
    last = mail.get_payload().rstrip().splitlines()[-1]
    found = re.fullmatch(r"@localhost #(\d{6,8})", last)
    assert found, last
    return found[1]
