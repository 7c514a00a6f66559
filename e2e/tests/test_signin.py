"""Signing in: codes under attack, invitations and links, roles, sessions, and what is not in a log."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from kinora_server import Kinora, postgres_address, wait_for
from mail_servers import Inbox, start_aiosmtpd
from production import Served
from visitor import BROWSER, Visitor, code_fields, field

CROWD = 200


def code_in(kinora, address, timeout=60):
    """The code of the newest mail to an address in the mailbox folder."""

    def code():
        for path in sorted(kinora.mailbox.glob("*.eml"), reverse=True):
            mail = path.read_text()
            if f"To: {address}" in mail and (found := re.search(r"^@\S+ #(\d{6,8})\s*$", mail, re.M)):
                return found[1]

    return wait_for(code, timeout, 0.05)


def wrong(code):
    return ("1" if code[0] == "0" else "0") + code[1:]


def at_once(person, page, codes):
    """Types all the codes at the same moment, each on a connection of its own."""
    gate = threading.Barrier(len(codes))

    def type_in(code):
        one = person.twin()
        gate.wait()
        return one.enter(page, code), one

    with ThreadPoolExecutor(len(codes)) as pool:
        return list(pool.map(type_in, codes))


def entered(kinora, link):
    """Somebody who came in by a link or an invitation."""
    return Visitor(kinora, follow=False).by_link(link)


def test_of_200_right_codes_at_once_one_signs_in(kinora, unique):
    person, address = Visitor(kinora, follow=False), f"right-{unique}@example.org"
    page = person.begin(address)
    answers = at_once(person, page, [code_in(kinora, address)] * CROWD)
    assert sorted({answer.status for answer, _ in answers}) in ([303, 422], [303, 422, 429])
    won = [one for answer, one in answers if answer.status == 303]
    assert len(won) == 1
    seen = won[0].ask("/account")
    assert seen.status == 200 and seen.text.count('<th scope="row"') == 1, "one session"


def test_of_200_wrong_codes_at_once_five_are_looked_at(kinora, unique):
    person, address = Visitor(kinora, follow=False), f"wrong-{unique}@example.org"
    page = person.begin(address)
    code = code_in(kinora, address)
    answers = [answer for answer, _ in at_once(person, page, [wrong(code)] * CROWD)]
    assert {answer.status for answer in answers} <= {422, 429}
    assert sum("That code is incorrect" in answer.text for answer in answers) <= 4, "the fifth ends the challenge"
    late = person.enter(page, code)
    assert late.status in (422, 429), "the right code comes too late"
    assert person.ask("/account").status == 303


class Closed(Served):
    """Behind a proxy on this machine: nobody signs up by themselves."""

    def __init__(self, folder, database, smtp_port=None):
        groups = '[mail]\nfrom = "Kinora <no-reply@films.example.org>"\n'
        if smtp_port:
            groups += f'[mail.smtp]\nhost = "localhost"\nport = {smtp_port}\ntls = "none"\n'
        groups += '[edge]\ntrusted_proxies = ["127.0.0.1"]\n[identity.limits]\nper_ip_hour = 1000\nper_minute = 1000\n'
        # A new code has to wait, however long a test takes.
        groups += "cooldown_seconds = [600, 600, 600, 600]\n"
        sign_in = None if smtp_port else "invitations only"
        public = {"public_url": "https://films.example.org", "s3_public_url": "https://s3.films.example.org"}
        super().__init__(folder, None, groups, database, {"KINORA_LOG": "debug"}, tls="proxy", https=None, sign_in=sign_in, **public)
        self.http = self.plain

    def take(self, ready):
        """Nobody has a key for the S3 face, and there are no accounts but those that a test makes."""

    def person(self, ip="192.0.2.7"):
        headers = {"Host": "films.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": ip}
        return Visitor(self, follow=False, headers=headers, tls=True)


@pytest.fixture
def closed(engine, tmp_path):
    """A closed installation and its mail server's inbox."""
    inbox = Inbox()
    server = start_aiosmtpd(inbox)
    one = Closed(tmp_path, postgres_address(engine), server.port)
    one.inbox = inbox
    yield one.start()
    one.stop()
    server.stop()


def plain(answer, address):
    """An answer without what must differ: challenge id, nonce, the browser's cookie, times, request id."""
    text = answer.text.replace(address, "ADDRESS").replace(address.upper(), "ADDRESS")
    if found := re.search(r'name="challenge" value="([0-9a-f]{32})"', text):
        text = text.replace(found[1], "CHALLENGE")
    headers = []
    for name, value in answer.headers.items():
        if name.lower() in ("date", "retry-after", "x-request-id", "x-amz-cf-id"):
            value = "…"
        if name.lower() == "content-security-policy":
            nonce = re.search(r"'nonce-([^']+)'", value)[1]
            text, value = text.replace(nonce, "NONCE"), value.replace(nonce, "NONCE")
        if name.lower() == "set-cookie":
            value = re.sub(r"=[0-9a-f]{64};", "=…;", value)
        headers.append((name, value))
    # How long to wait: time passes between the one who is known and the other.
    text = re.sub(r'in \d+ (?:s|min)|data-resend-in="[1-9]\d*"', "SOON", text)
    return answer.status, headers, text


def test_known_and_unknown_addresses_get_the_same_bytes(closed):
    known, unknown = "known@example.org", "other@example.org"
    closed.cli("signin-link", known, "--role", "creator")
    seen = []
    for address in [known, unknown]:
        person, answers = closed.person(), []
        page = person.begin(address)
        assert page.status == 200
        answers += [page, person.begin(address), person.begin(address.upper())]
        fields = code_fields(page)
        again = person.form("/signin/resend", **fields)
        seconds = int(again.headers["Retry-After"])
        assert again.status == 429 and 1 <= seconds <= 600
        said = re.findall(r'can resend the code in (\d+) min|data-resend-in="(\d+)"', again.text)
        assert sorted(int(a or b) for a, b in said) == [-(-seconds // 60), seconds]
        answers.append(again)
        answers += [person.enter(page, "000000") for _ in range(7)]
        stranger = closed.person()
        answers += [stranger.begin(address), stranger.form("/signin/code", code="000000", **fields)]
        seen.append([plain(answer, address) for answer in answers])
    for known_answer, unknown_answer in zip(*seen, strict=True):
        assert known_answer == unknown_answer
    mail = closed.inbox.wait()
    assert mail["To"] == known and len(code_of_host(mail)) == 8, "creators get longer codes"
    time.sleep(1)
    assert [to for to, _ in closed.inbox.mails] == [[known]], "nobody else gets mail"


def code_of_host(mail):
    """The code in a mail's last line, which is for the public host only."""
    return re.fullmatch(r"@films\.example\.org #(\d{6,8})", mail.get_payload().rstrip().splitlines()[-1])[1]


def test_an_open_invitation_lets_so_many_in(closed):
    link = closed.cli("invitation", "new", "--people", "1").stdout.strip()
    assert link.startswith("https://films.example.org/invite/")
    people = []
    for name in ["ann", "bob"]:
        person = closed.person()
        page = person.ask(link)
        assert page.status == 200 and person.form(link).status == 410, "it is no proof of an address"
        page = person.begin(f"{name}@example.org", invitation=field(page, "invitation"))
        people.append((person, page, code_of_host(closed.inbox.wait(len(people) + 1))))
    answers = [person.enter(page, code).status for person, page, code in people]
    assert answers == [303, 410]
    assert closed.json("invitation", "ls") == []
    assert [a["address"] for a in closed.json("person", "ls")] == ["ann@example.org"]


def test_no_copy_of_the_database_shows_who_somebody_is(closed, clip, tmp_path):
    place = "203.0.113.77"
    hidden = ["ann@example.org", "Bob@example.org", "bob@example.org", "eve@example.org", "dan@example.org", place, BROWSER]

    def shown(kept):
        return [text for text in hidden if text.encode() in kept or text.encode().hex().encode() in kept]

    ann = closed.person(place)
    ann.form(closed.cli("invitation", "new", "ann@example.org", "--role", "operator").stdout.strip())
    closed.cli("import", clip("hd"), "--until", "uploaded")
    [film] = wait_for(lambda: [title for title in closed.json("title", "ls") if title["state"] == "encoding"], every=0.05)
    assert ann.form(f"/title/{film['id']}/cancel").status == 303
    [film] = closed.json("title", "ls")
    assert (film["state"], film["reason"]) == ("failed", "cancelled by an operator")
    link = closed.cli("invitation", "new", "--people", "9").stdout.strip()
    bob = closed.person(place)
    page = bob.begin("Bob@example.org", invitation=field(bob.ask(link), "invitation"))
    waits = shown(closed.kept())
    assert bob.enter(page, code_of_host(closed.inbox.wait())).status == 303
    closed.cli("invitation", "new", "eve@example.org")
    asked = closed.person(place).begin("bob@example.org")
    # Nobody takes mails any more: the next one waits in the outbox.
    closed.inbox.answers = ["451 later"] * 99
    dan = closed.person(place)
    dan.begin("dan@example.org", invitation=field(dan.ask(link), "invitation"))
    assert asked.status == 200 and waits == shown(closed.kept()) == []

    account = bob.ask("/account").text
    assert "Bob@example.org" in account and place in account, "its owner sees it"
    rotated = closed.json("key", "rotate", "personal")
    assert rotated["version"] == 2 and rotated["unopened"] == 0
    # The index, two accounts, two sessions, the invitation, three challenges, one message that waits.
    assert rotated["renewed"] >= 10, rotated
    assert bob.ask("/account").text.count("Bob@example.org") == account.count("Bob@example.org")
    assert shown(closed.kept()) == []

    # What the keys and the database have opens it at the next start, and in a backup it is sealed, too.
    closed.cli("backup", tmp_path / "backup", *(["--database", closed.database] if closed.database else []))
    copies = [path.read_bytes() for path in (tmp_path / "backup").glob("kinora-*")]
    assert copies and not any(map(shown, copies))
    closed.stop()
    closed.start()
    assert {one["address"] for one in closed.json("person", "ls")} == {"ann@example.org", "Bob@example.org"}
    assert place in bob.ask("/account").text
    assert "has an account" in closed.cli("invitation", "new", "BOB@example.org", check=False).stderr


def test_an_installation_without_mail_works_by_links(engine, tmp_path):
    closed = Closed(tmp_path, postgres_address(engine)).start()
    try:
        person = closed.person()
        assert "Ask an administrator" in person.ask("/signin").text
        assert person.begin("ann@example.org").status == 409
        link = closed.cli("invitation", "new", "ann@example.org", "--role", "operator").stdout.strip()
        for _ in range(2):
            assert closed.person().ask(link).status == 200, "looking changes nothing"
        assert person.form(link).status == 303 and person.ask("/people").status == 200
        assert closed.person().form(link).status == 410
        assert "has an account" in closed.cli("invitation", "new", "ann@example.org", check=False).stderr
        for_nobody = closed.cli("invitation", "new", "--people", "3", check=False)
        assert for_nobody.returncode == 1 and "this server sends none" in for_nobody.stderr and not for_nobody.stdout
        page = person.form("/people/invite", address="", role="viewer", count="3", days="1")
        assert page.status == 422 and "A shared link needs e-mail" in page.text
        assert closed.json("invitation", "ls") == []

        made = person.form("/people/invite", address="bob@example.org", role="viewer", count="1", days="1")
        assert made.status == 200
        bob = closed.person()
        assert bob.form(re.search(r"https://films\.example\.org(/invite/[0-9a-f]{64})", made.text)[1]).status == 303
        assert bob.ask("/account").status == 200 and bob.ask("/people").status == 403

        taken_back = closed.cli("invitation", "new", "eve@example.org").stdout.strip()
        closed.cli("invitation", "rm", closed.json("invitation", "ls")[0]["id"])
        assert closed.person().form(taken_back).status == 410

        refused = closed.cli("person", "role", "ann@example.org", "viewer", check=False)
        assert refused.returncode != 0 and "last operator" in refused.stderr
        closed.cli("person", "role", "bob@example.org", "creator")
        assert bob.ask("/account").status == 303, "a new role is for new sessions"
        closed.cli("person", "suspend", "bob@example.org")
        link = closed.cli("signin-link", "bob@example.org").stdout.strip()
        assert bob.form(link).status == 410
        closed.cli("person", "resume", "bob@example.org")
        assert bob.form(link).status == 303
    finally:
        closed.stop()


def test_who_wants_invitations_only_sends_no_codes_by_the_mail_server_that_there_is(engine, tmp_path):
    inbox = Inbox()
    server = start_aiosmtpd(inbox)
    closed = Closed(tmp_path, postgres_address(engine), server.port)
    known, before = "known@example.org", closed.person()
    try:
        closed.start()
        closed.cli("signin-link", known)
        page = before.begin(known)
        assert page.status == 200 and inbox.wait()["To"] == known
        closed.stop()
        closed.config.write_text('sign_in = "invitations only"\n' + closed.config.read_text())
        closed.start()
        person = closed.person()
        assert "Ask an administrator" in person.ask("/signin").text
        assert person.begin(known).status == 409
        assert before.form("/signin/resend", **code_fields(page)).status == 409
        assert closed.cli("invitation", "new", "--people", "3", check=False).returncode == 1
        # A mail that is asked for goes out: no code was on its way before it.
        closed.cli("mail", "test", "bob@example.org")
        assert [to for to, _ in inbox.mails] == [[known], ["bob@example.org"]]
        assert person.form(closed.cli("signin-link", known).stdout.strip()).status == 303
    finally:
        closed.stop()
        server.stop()


def test_what_plays_ends_with_its_session_within_ten_seconds(kinora, clip, unique):
    address = f"viewer-{unique}@example.org"
    kinora.boto().upload_file(str(clip("short")), "source", f"{unique}.mp4")
    title = kinora.wait(unique)
    operator = Visitor(kinora).by_link(kinora.cli("signin-link", f"op-{unique}@example.org", "--role", "operator").stdout.strip())
    assert operator.form(f"/title/{title['id']}", name=unique, visibility="members")[0] in (200, 303)

    def viewer():
        one = Visitor(kinora).by_link(kinora.cli("signin-link", address).stdout.strip())
        manifest = one.play(title["id"])
        assert one.ask(manifest)[0] == 200
        return one, manifest

    def ended(one, manifest):
        wait_for(lambda: one.ask(manifest).status == 403, timeout=10, every=0.1)

    signed_out, other = viewer(), viewer()
    assert signed_out[0].ask("/signout", "")[0] == 200
    ended(*signed_out)
    assert other[0].ask(other[1])[0] == 200, "other sessions play on"
    third = viewer()
    assert third[0].ask("/account/sessions/end-others", "")[0] == 200
    ended(*other)
    assert third[0].ask(third[1])[0] == 200
    people = operator.ask("/people")[2].decode()
    assert address in people
    kinora.cli("person", "sign-out", address)
    ended(*third)
    fourth = viewer()
    kinora.cli("person", "suspend", address)
    ended(*fourth)
    assert fourth[0].ask(f"/watch/{title['id']}")[2].decode().count("Email me a code") == 1, "led to the sign-in page"


def test_codes_tokens_and_addresses_are_in_no_log(engine, tmp_path, unique):
    kinora = Kinora(
        tmp_path / "data", postgres_address(engine), ["--workers", "0"], environment={"KINORA_LOG": "debug,sqlx=debug"}
    ).start()
    try:
        # The link that `kinora up` greets its own terminal with is not among them.
        secrets = []
        for n in range(5):
            address = f"{unique}-{n}@example.org"
            person = Visitor(kinora, follow=False)
            page = person.begin(address)
            code = code_in(kinora, address)
            person.enter(page, wrong(code))
            person.form("/signin/resend", **code_fields(page))
            assert person.enter(page, code).status == 303
            secrets += [address, field(page, "challenge"), *(cookie.value for cookie in person.jar), f"#{code}", f"code={code}", f" {code} "]
        link = kinora.cli("signin-link", f"{unique}-op@example.org", "--role", "operator").stdout.strip()
        invite = kinora.cli("invitation", "new", f"{unique}-new@example.org").stdout.strip()
        operator, invited = entered(kinora, link), entered(kinora, invite)
        made = operator.form("/people/invite", address=f"{unique}-x@example.org", role="viewer", count="1", days="1")
        operator.ask("/people")
        secrets += [f"{unique}-", *(cookie.value for one in [operator, invited] for cookie in one.jar)]
        secrets += [urlsplit(url).path.rsplit("/", 1)[1] for url in [link, invite]]
        secrets += re.findall(r"/invite/([0-9a-f]{64})", made.text)
        assert person.ask(f"/signin/link/{'0' * 63}z").status == 410, "what only looks like a token is logged no better"
    finally:
        kinora.stop()
    log = kinora.log.read_text()
    assert "signed in" in log and "/signin/link/…" in log and "/invite/…" in log
    assert [secret for secret in secrets if secret in log] == []


def test_every_route_says_who_may_come_in(kinora, unique):
    """The table of routes as strangers see it from outside: only what is meant for guests answers them."""
    guest = Visitor(kinora, follow=False)
    for path in ["/account", "/people", "/people/" + "0" * 32, "/jobs", "/deleted"]:
        assert guest.ask(path).status == 303, path
    for path in ["/account/sessions/end-all", "/people/invite", f"/people/{'0' * 32}/suspend"]:
        assert guest.form(path).status == 401, path
    for role, people in [("viewer", 403), ("creator", 403), ("operator", 200)]:
        link = kinora.cli("signin-link", f"{role}-{unique}@example.org", "--role", role).stdout.strip()
        person = entered(kinora, link)
        assert (person.ask("/account").status, person.ask("/people").status) == (200, people), role
        listed = json.loads(person.ask("/api/jobs").text)
        assert ("code" in listed) == (role != "operator")
