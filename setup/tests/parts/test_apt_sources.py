"""Debian's archive is found in every form of apt's configuration, and nothing else is taken for it."""

from ha_setup.parts.apt_sources import debian_archive, parse_deb822, parse_one_line, private_sources

DEB822 = """\
Types: deb
# a comment with a Suites: of its own
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm
  bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def test_deb822_with_continuation_lines() -> None:
    archives = list(parse_deb822(DEB822))
    assert [a.suites for a in archives] == [
        ("bookworm-security",),
        ("bookworm", "bookworm-updates"),
    ]
    assert debian_archive(archives) == "http://mirror.example/debian"


def test_disabled_and_source_only_stanzas_do_not_count() -> None:
    off = DEB822.replace("Types: deb deb-src", "Enabled: no\nTypes: deb")
    source = DEB822.replace("Types: deb deb-src", "Types: deb-src")
    assert debian_archive(parse_deb822(off)) is None
    assert debian_archive(parse_deb822(source)) is None


def test_one_line_form_with_options() -> None:
    text = (
        "# deb http://old.example/debian bookworm main\n"
        "deb https://tools.example/node nodistro main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main non-free # all\n"
    )
    assert debian_archive(parse_one_line(text)) == "http://mirror.example/debian"


def test_security_updates_and_foreign_archives_are_not_the_archive() -> None:
    for line in (
        "deb http://mirror.example/debian-security bookworm-security main",
        "deb http://mirror.example/debian bookworm-backports main",
        "deb http://mirror.example/debian bookworm contrib",
        "deb http://mirror.example/ubuntu jammy main",
    ):
        assert debian_archive(parse_one_line(line)) is None, line


def test_private_sources_are_always_verified() -> None:
    text = private_sources("http://mirror.example/debian", ("sid", "bookworm"))
    assert text.count("[signed-by=") == 2
    assert "trusted" not in text
    parsed = list(parse_one_line(text))
    assert [a.suites for a in parsed] == [("sid",), ("bookworm",)]
