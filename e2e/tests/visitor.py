"""Asking over HTTP, and a visitor of the site: a browser without scripts, as far as cookies, forms and the API go."""

import html
import http.cookiejar
import json
import re
import urllib.error
import urllib.request
from email.message import Message
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Answer(NamedTuple):
    """What a server answers; headers are found by their names in any case."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self):
        return self.body.decode()


class Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere: that it is sent elsewhere is the answer."""

    def redirect_request(self, *_):
        return None


def ask(url, headers=None, method="GET", data=None, opener=None):
    """What an address answers: refusals are answers too, and so are redirections."""
    request = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with (opener or urllib.request.build_opener(Stay)).open(request, timeout=60) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class Visitor:
    """Somebody with a cookie jar of their own; a guest until they sign in. Follows redirections unless told otherwise.

    `headers` go with every request, and `tls` says that a proxy would have spoken it: cookies for TLS only are sent.
    """

    def __init__(self, kinora, follow=True, headers=None, tls=False):
        self.kinora, self.follow, self.headers, self.tls = kinora, follow, headers or {}, tls
        policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=["http", "https"] if tls else ["https"])
        self.jar = http.cookiejar.CookieJar(policy)
        cookies = urllib.request.HTTPCookieProcessor(self.jar)
        self.opener = urllib.request.build_opener(cookies, *([] if follow else [Stay]))

    def twin(self):
        """The same browser once more: what it is given from now on is its own."""
        twin = Visitor(self.kinora, self.follow, self.headers, self.tls)
        for cookie in self.jar:
            twin.jar.set_cookie(cookie)
        return twin

    def ask(self, path, body=None, method=None):
        """Asks for a path, or for the path of an address; `body` is sent as JSON, a `str` as a form."""
        place = urlsplit(path)
        url = self.kinora.http + place._replace(scheme="", netloc="").geturl()
        sent = {"User-Agent": BROWSER, "Sec-Fetch-Site": "same-origin"} | self.headers
        if isinstance(body, str):
            body, sent["Content-Type"] = body.encode(), "application/x-www-form-urlencoded"
        elif body is not None:
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        return ask(url, sent, method or ("GET" if body is None else "POST"), body, self.opener)

    def form(self, path, **fields):
        return self.ask(path, urlencode(fields))

    def json(self, path, body=None, method=None):
        answer = self.ask(path, body, method)
        assert answer.status < 300, f"{path} answered {answer.status}: {answer.body[:300]}"
        return json.loads(answer.body) if answer.body else None

    def by_link(self, link):
        """Signs in by a single-use link: the page shows a button, the button signs in."""
        assert self.ask(link).status == 200
        entered = self.form(link)
        assert entered.status == (200 if self.follow else 303), entered.text[:300]
        return self

    def begin(self, address, **fields):
        """Asks for a code; answers the code page."""
        return self.form("/signin", address=address, next="/", **fields)

    def enter(self, page, code):
        """Types the code into the code page."""
        return self.form("/signin/code", code=code, **code_fields(page))

    def play(self, title):
        """Starts a playback; the manifest's address. The cookies are in the jar."""
        return self.kinora.http + self.json("/api/playback", {"title": title})["manifest"]

    def cookies(self, url):
        """The `Cookie` header that this visitor sends to an address."""
        request = urllib.request.Request(url)
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie", "")


def field(page, name):
    """The value of a hidden field of a page."""
    found = re.search(f'name="{name}" value="([^"]*)"', page.text)
    assert found, f"no field {name} in {page.text}"
    return html.unescape(found[1])


def code_fields(page):
    """What the code page sends beside the code."""
    invited = ["invitation"] if 'name="invitation"' in page.text else []
    return {name: field(page, name) for name in ["challenge", "address", "next", "sends", *invited]}
