"""A film in a running server, and what a player fetches of it."""

from urllib.parse import urljoin, urlsplit

import beside
from hls import attributes

CONFIGURATIONS = {
    "cmaf": '{"package":"CMAF","segment_duration_seconds":6}',
    "ts": '{"package":"HLS","segment_duration_seconds":6}',
}


class Film:
    """A running server with the film, what is fetched of it, and the cookies that open it."""

    def __init__(self, server, film):
        self.server = server
        title = beside.publish(server, film)["id"]
        for name, settings in CONFIGURATIONS.items():
            server.cli("packaging", "add", name, settings)
        self.cookies, self.paths = {}, {}
        for name in CONFIGURATIONS:
            found = server.json("url", title, "--configuration", name, "--cookies")
            self.cookies[name] = "Cookie: " + "; ".join(f"{key}={value}" for key, value in found["cookies"].items())
            self.read(name, found["url"])

    def read(self, name, address):
        """Finds what the playlists of a configuration name."""
        lines = self.get(name, address).decode().splitlines()
        variants = [(attributes(tag), urljoin(address, uri)) for tag, uri in zip(lines, lines[1:]) if "#EXT-X-STREAM-INF" in tag]
        best = max(variants, key=lambda variant: int(variant[0]["BANDWIDTH"]))[1]
        if not self.paths:  # those of the other one are no different
            self.add("multivariant playlist", name, [address])
            self.add("media playlist", name, [best])
        self.add(f"{name} picture", name, self.segments(name, best))
        sound = [attributes(tag).get("URI") for tag in lines if tag.startswith("#EXT-X-MEDIA:TYPE=AUDIO")]
        if any(sound):
            self.add(f"{name} sound", name, self.segments(name, urljoin(address, next(filter(None, sound)))))

    def segments(self, name, playlist):
        lines = self.get(name, playlist).decode().splitlines()
        found = [urljoin(playlist, line) for line in lines if line and not line.startswith("#")]
        return found[:-1] or found  # the last one is shorter

    def get(self, name, address):
        return beside.get(address, dict([self.cookies[name].split(": ", 1)]))

    def add(self, what, name, addresses):
        self.paths[what] = (name, [urlsplit(address).path for address in addresses])

    def save(self, folder):
        """Leaves the bytes as files; answers how many bytes a request of each kind brings."""
        sizes = {}
        for what, (name, paths) in self.paths.items():
            for path in paths:
                file = folder / path[1:]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self.get(name, self.server.http + path))
            sizes[what] = sum((folder / path[1:]).stat().st_size for path in paths) / len(paths)
        return sizes
