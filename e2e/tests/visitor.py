"""A visitor of the site: a browser without scripts, as far as cookies, forms and the API go."""

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request


class Visitor:
    """Somebody with a cookie jar of their own; a guest until they sign in."""

    def __init__(self, kinora):
        self.kinora = kinora
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def ask(self, path, body=None, method=None, headers=None):
        """Status, headers and body of a path or an address; `body` is sent as JSON, a `str` as a form."""
        url = path if path.startswith("http") else self.kinora.http + path
        sent = {"Origin": self.kinora.http, "Sec-Fetch-Site": "same-origin"} | (headers or {})
        if isinstance(body, str):
            body, sent["Content-Type"] = body.encode(), "application/x-www-form-urlencoded"
        elif body is not None:
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(url, data=body, headers=sent, method=method)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def form(self, path, **fields):
        return self.ask(path, urllib.parse.urlencode(fields))

    def json(self, path, body=None, method=None):
        status, _, answer = self.ask(path, body, method)
        assert status < 300, f"{path} answered {status}: {answer[:300]}"
        return json.loads(answer) if answer else None

    def by_link(self, link):
        """Signs in by a single-use link: the page shows a button, the button signs in."""
        path = urllib.parse.urlsplit(link).path
        assert self.ask(path)[0] == 200
        status, _, page = self.ask(path, "")
        assert status == 200, page[:300]
        return self

    def play(self, title):
        """Starts a playback; the manifest's address. The cookies are in the jar."""
        return self.kinora.http + self.json("/api/playback", {"title": title})["manifest"]

    def cookies(self, url):
        """The `Cookie` header that this visitor sends to an address."""
        request = urllib.request.Request(url)
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie", "")
