"""A film in a running server, and what a player fetches of it."""

from urllib.parse import urljoin, urlsplit

import beside
from hls import attributes

CONFIGURATIONS = {
    "cmaf": '{"package":"CMAF","segment_duration_seconds":6}',
    "ts": '{"package":"HLS","segment_duration_seconds":6}',
}

# Under so many configurations alike are playlists asked for: requests for the same one at a time would share its making.
ALIKE = 8


class Film:
    """A running server with the film, what is fetched of it, and the cookies that open it."""

    def __init__(self, server, film):
        self.server = server
        self.title = beside.publish(server, film)["id"]
        self.cookies, self.paths = {}, {}
        addresses = [self.configure(f"cmaf{n}", CONFIGURATIONS["cmaf"]) for n in range(ALIKE)]
        best, _ = self.tracks("cmaf0", addresses[0])
        self.add("multivariant playlist", "cmaf0", addresses)
        self.add("media playlist", "cmaf0", [urljoin(address, best) for address in addresses])
        self.add("DASH manifest", "cmaf0", [urljoin(address, "index.mpd") for address in addresses])
        for name, settings in CONFIGURATIONS.items():
            address = self.configure(name, settings)
            picture, sound = self.tracks(name, address)
            self.add(f"{name} picture", name, self.segments(name, urljoin(address, picture)))
            if sound:
                self.add(f"{name} sound", name, self.segments(name, urljoin(address, sound)))

    def configure(self, name, settings):
        """Adds a packaging configuration; answers where the film's playlists of it begin."""
        self.server.cli("packaging", "add", name, settings)
        return self.renew(name)

    def renew(self, name):
        """Gets new cookies, which live for five minutes: to be done before each measurement. Answers the address."""
        found = self.server.json("url", self.title, "--configuration", name, "--cookies")
        self.cookies[name] = "Cookie: " + "; ".join(f"{key}={value}" for key, value in found["cookies"].items())
        return found["url"]

    def tracks(self, name, address):
        """What a multivariant playlist calls its best rendition and, if it stands apart, the sound."""
        lines = self.get(name, address).decode().splitlines()
        variants = [(attributes(tag), uri) for tag, uri in zip(lines, lines[1:]) if "#EXT-X-STREAM-INF" in tag]
        sound = [attributes(tag).get("URI") for tag in lines if tag.startswith("#EXT-X-MEDIA:TYPE=AUDIO")]
        return max(variants, key=lambda variant: int(variant[0]["BANDWIDTH"]))[1], next(filter(None, sound), None)

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
            self.renew(name)
            for path in paths:
                file = folder / path[1:]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self.get(name, self.server.http + path))
            sizes[what] = sum((folder / path[1:]).stat().st_size for path in paths) / len(paths)
        return sizes
