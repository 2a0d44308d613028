"""How a browser is to treat a file that comes straight from the bucket. Pure."""

from urllib.parse import quote

# Shown in the page. Anything else, HTML and SVG above all, is only ever saved: it could hold scripts.
_SHOWN = ("image/", "audio/", "video/")
_SHOWN_TOO = {"application/pdf", "text/plain"}


def content_disposition(name: str, mimetype: str, *, download: bool) -> str:
    """The header for this file; names of any script pass (RFC 6266)."""
    shown = mimetype in _SHOWN_TOO or (
        mimetype.startswith(_SHOWN) and not mimetype.startswith("image/svg")
    )
    kind = "inline" if shown and not download else "attachment"
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}"
