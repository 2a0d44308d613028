"""Which Debian archive this machine uses, read from apt's own configuration. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Archive:
    """One archive's base address and the suites that the machine takes from it."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_one_line(text: str) -> Iterable[Archive]:
    """Entries of a sources.list file."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match:
            yield Archive(match[1], (match[2],), tuple(match[3].split()))


def parse_deb822(text: str) -> Iterable[Archive]:
    """Entries of a .sources file."""
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.lstrip().startswith("#"):
                continue
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        suites = tuple(fields.get("suites", "").split())
        for uri in fields.get("uris", "").split():
            yield Archive(uri, suites, tuple(fields.get("components", "").split()))


def debian_archive(archives: Iterable[Archive]) -> str | None:
    """Base address of the main Debian archive among them.

    That is the one that serves the release itself (not -security, -updates or -backports) with
    the component main, at an address that ends in /debian as every full mirror's does.
    """
    for archive in archives:
        if (
            "main" in archive.components
            and archive.uri.rstrip("/").endswith("/debian")
            and any("-" not in suite and "/" not in suite for suite in archive.suites)
        ):
            return archive.uri
    return None


def private_sources(uri: str, suites: Iterable[str], keyring: str = DEBIAN_KEYRING) -> str:
    """A sources.list for `suites` of that archive, verified with the archive's own keyring."""
    return "".join(f"deb [signed-by={keyring}] {uri} {suite} main\n" for suite in suites)
