"""Somebody with a browser who signs in: keeps cookies, sends what browsers send, reads pages."""

import html
import http.client
import re
from urllib.parse import urlencode, urlsplit


class Person:
    """One browser on one site; connections are made anew, so that nothing hangs on one."""

    def __init__(self, site, agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", headers=None):
        self.site, self.agent, self.headers, self.cookies = urlsplit(site), agent, headers or {}, {}

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.site.hostname, self.site.port, timeout=60)
        headers = {"User-Agent": self.agent, "Sec-Fetch-Site": "same-origin", **self.headers, **headers}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, value = line.split(";")[0].split("=", 1)
            if "Path=/;" in line:
                self.cookies[name] = value
        connection.close()
        return answer

    def get(self, path):
        return self.ask("GET", urlsplit(path).path if "://" in path else path)

    def post(self, path, **fields):
        path = urlsplit(path).path if "://" in path else path
        return self.ask("POST", path, urlencode(fields), **{"Content-Type": "application/x-www-form-urlencoded"})

    def begin(self, address, **fields):
        """Asks for a code; answers the code page."""
        return self.post("/signin", address=address, next="/", **fields)

    def enter(self, page, code):
        """Types the code into the code page."""
        fields = {name: field(page, name) for name in ["challenge", "address", "next", "sends"]}
        return self.post("/signin/code", code=code, **fields)


def field(page, name):
    """The value of a hidden field of a page."""
    found = re.search(f'name="{name}" value="([^"]*)"', page.text)
    assert found, f"no field {name} in {page.text}"
    return html.unescape(found[1])
