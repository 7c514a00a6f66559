"""Sign-in codes through real mail servers."""

from collections import Counter

import pytest

from authority import Authority
from kinora_server import Kinora, free_port, wait_for
from mail_servers import Inbox, OpenSmtpd, SlowSmtp, code_of, start_aiosmtpd
from visitor import Visitor

ADDRESS = "ann.o'neill+kinora@example.org"


def kinora_with(tmp_path, port, **settings):
    """A server whose mails go to localhost:port."""
    environment = {"KINORA__MAIL__FROM": "Kinora <no-reply@kinora.example>"}
    settings = {"host": "localhost", "port": port, "timeout_seconds": 10, **settings}
    environment.update({f"KINORA__MAIL__SMTP__{name.upper()}": str(value) for name, value in settings.items()})
    return Kinora(tmp_path / "data", arguments=["--workers", "0"], environment=environment)


@pytest.fixture
def servers():
    """Starts servers and stops them at the end."""
    started = []

    def start(server):
        started.append(server)
        return server

    yield start
    for server in reversed(started):
        server.stop()


def sign_in(kinora, receive):
    """Signs somebody in with the code that arrives; answers the mail."""
    visitor = Visitor(kinora)
    page = visitor.begin(ADDRESS)
    assert page.status == 200, page.text
    mail = receive()
    entered = visitor.enter(page, code_of(mail))
    assert entered.status == 200 and ADDRESS.replace("'", "&#39;") in entered.text
    return mail


def check(kinora):
    """What the doctor says of mails."""
    found = [c for c in kinora.json_of_doctor()["checks"] if c["name"] == "mail"]
    assert len(found) == 1
    return found[0]


def test_a_code_arrives_by_starttls_with_a_password(tmp_path, servers):
    authority = Authority(tmp_path / "tls")
    (tmp_path / "password").write_text("open sesame\n")
    inbox = Inbox()
    server = servers(start_aiosmtpd(inbox, authority, user=("kinora", "open sesame")))
    settings = {"ca_file": authority.file, "user": "kinora", "password_file": tmp_path / "password"}
    kinora = servers(kinora_with(tmp_path, server.port, **settings).start())
    mail = sign_in(kinora, inbox.wait)
    assert mail["From"] == "Kinora <no-reply@kinora.example>" and mail["To"] == ADDRESS
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Date"]
    assert mail["Message-ID"].endswith("@kinora.example>")
    assert "http" not in mail.get_payload() and "www" not in mail.get_payload()
    assert inbox.mails[0][0] == [ADDRESS]
    assert check(kinora)["ok"]
    assert "takes mails" in kinora.cli("mail", "test", "bob@example.org").stdout
    assert inbox.wait(2)["To"] == "bob@example.org" and len(inbox.mails) == 2
    assert "sesame" not in kinora.log.read_text() and ADDRESS not in kinora.log.read_text()


def test_a_code_arrives_by_tls_from_the_first_byte(tmp_path, servers):
    authority, inbox = Authority(tmp_path / "tls"), Inbox()
    server = servers(start_aiosmtpd(inbox, authority, implicit=True))
    kinora = servers(kinora_with(tmp_path, server.port, tls="implicit", ca_file=authority.file).start())
    sign_in(kinora, inbox.wait)


def test_nothing_is_sent_without_the_right_certificate(tmp_path, servers):
    authority, other, inbox = Authority(tmp_path / "tls"), Authority(tmp_path / "other"), Inbox()
    server = servers(start_aiosmtpd(inbox, authority))
    kinora = servers(kinora_with(tmp_path, server.port, ca_file=other.file).start())
    Visitor(kinora).begin(ADDRESS)
    found = check(kinora)
    assert not found["ok"] and "certificate" in found["finding"], found
    refused = kinora.cli("mail", "test", "bob@example.org", check=False)
    assert refused.returncode != 0 and "certificate" in refused.stderr
    assert inbox.tries == 0


def test_nothing_is_sent_without_starttls(tmp_path, servers):
    inbox = Inbox()
    server = servers(start_aiosmtpd(inbox))
    kinora = servers(kinora_with(tmp_path, server.port).start())
    Visitor(kinora).begin(ADDRESS)
    assert not check(kinora)["ok"] and kinora.cli("mail", "test", "bob@example.org", check=False).returncode != 0
    assert inbox.tries == 0


def test_refusals_for_now_are_tried_again_and_others_are_not(tmp_path, servers):
    inbox = Inbox([f"451 4.7.1 <{ADDRESS}> come back", f"452 4.2.2 <{ADDRESS}> full"])
    server = servers(start_aiosmtpd(inbox))
    kinora = servers(kinora_with(tmp_path, server.port, tls="none").start())
    sign_in(kinora, inbox.wait)
    assert inbox.tries == 3 and len(inbox.mails) == 1
    inbox.answers.append("550 5.1.1 <bob@example.org> nobody here")
    Visitor(kinora).begin("bob@example.org")
    # Mails are sent at the same time: the refusal is bob's only if nobody else's mail is on its way.
    inbox.wait_for_tries(4)
    Visitor(kinora).begin("eve@example.org")
    assert inbox.wait(2)["To"] == "eve@example.org"
    log = kinora.log.read_text()
    assert "message dropped" in log and "refused with 550" in log and "refused with 451" in log
    assert inbox.tries == 5
    assert ADDRESS not in log and "bob@" not in log, "a server's words quote addresses"


def test_what_a_slow_server_answers_late_is_not_taken_for_the_answer_to_another_mail(tmp_path, servers):
    """The next command on a connection with an answer outstanding would take `354` for `250`, and never see the `451`."""
    ann, bob = "ann@example.org", "bob@example.org"
    later = (0, "451 come back")
    server = servers(SlowSmtp({ann: [(20, "250 taken, says who is not listened to"), later], bob: [later]}))
    kinora = servers(kinora_with(tmp_path, server.port, tls="none", timeout_seconds=5).start())
    visitors = {address: Visitor(kinora) for address in (ann, bob)}
    pages = {ann: visitors[ann].begin(ann)}
    # Ann's mail is given up for now after 10 s; bob's is the next one.
    wait_for(lambda: "did not answer in time" in kinora.log.read_text(), 60, 0.01)
    pages[bob] = visitors[bob].begin(bob)
    for address in (bob, ann):
        entered = visitors[address].enter(pages[address], code_of(server.wait(address)))
        assert entered.status == 200 and address in entered.text, server.answers
    # What is taken is taken, even if the server does not say goodbye.
    wait_for(lambda: server.open == 0)
    Visitor(kinora).begin("eve@example.org")
    server.wait("eve@example.org")
    # At least: where the machine pauses for as long as that, a mail is given up and offered once more.
    assert Counter(server.begun) >= Counter([ann, ann, ann, bob, bob, "eve@example.org"]), server.begun
    log = kinora.log.read_text()
    assert log.count("message not sent") >= 3 and log.count("refused with 451") == 2
    assert ann not in log and bob not in log


def test_a_server_that_was_away_gets_what_waits(tmp_path, servers):
    inbox, port = Inbox(), free_port()
    kinora = servers(kinora_with(tmp_path, port, tls="none").start())
    visitor = Visitor(kinora)
    page = visitor.begin(ADDRESS)
    assert not check(kinora)["ok"]
    servers(start_aiosmtpd(inbox, port=port))
    assert visitor.enter(page, code_of(inbox.wait())).status == 200


def test_settings_that_would_leak_are_refused(tmp_path):
    for settings in [{"host": "smtp.example.org", "tls": "none"}, {"user": "u"}, {"tls": "sometimes"}]:
        with pytest.raises(AssertionError, match="smtp|tls"):
            kinora_with(tmp_path, 25, **settings).start()


def test_opensmtpd_takes_a_code(tmp_path, servers):
    """Debian 12's OpenSMTPD fails every TLS handshake (its key process and OpenSSL 3 do not agree): on loopback, plain."""
    if why := OpenSmtpd.missing():
        pytest.skip(why)
    server = servers(OpenSmtpd(tmp_path / "smtpd"))
    kinora = servers(kinora_with(tmp_path, server.port, tls="none").start())
    mail = sign_in(kinora, server.wait)
    assert mail["Delivered-To"] == ADDRESS and "unencrypted" in kinora.log.read_text()
