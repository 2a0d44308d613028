"""Resolution of declared settings from odoo.conf, environment and secret files.

``resolve`` is pure but for the ``read`` function it is given; ``load`` keeps the outcome for
``current``.
"""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

PREFIX = "ODOO_HA_"

T = TypeVar("T")
_current: dict[type, Any] = {}


class SettingsError(Exception):
    """A setting that can't be used; the message names it and says what it should be."""


def load(
    declared: Mapping[str, type],
    section: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Resolve ``declared`` (addon name → dataclass) and make the outcome ``current``.

    :raises SettingsError: naming the setting and what it should be
    """
    loaded = resolve(declared, section, os.environ if environ is None else environ, _read)
    _current.clear()
    _current.update({declared[name]: value for name, value in loaded.items()})
    return loaded


def current(settings: type[T]) -> T:
    """The loaded settings; the defaults where the suite isn't active in this process."""
    found: T = _current.get(settings) or settings()
    return found


def resolve(
    declared: Mapping[str, type],
    section: Mapping[str, str],
    environ: Mapping[str, str],
    read: Callable[[str], str],
) -> dict[str, Any]:
    """Addon name → settings instance; see :func:`load`."""
    items = {item.name: (addon, item) for addon, cls in declared.items() for item in fields(cls)}
    texts: dict[str, tuple[str, str]] = {}  # name → (source for people, text)
    for key, value in section.items():
        if key not in items:
            raise SettingsError(f"[ha] {key} is no setting{_nearest(key, items)}")
        texts[key] = (f"[ha] {key}", value)
    # Files come last: they win over the plain variable.
    for variable in sorted(filter(_ours, environ), key=lambda name: name.endswith("_FILE")):
        key = variable.removeprefix(PREFIX).lower()
        if key in items:
            texts[key] = (variable, environ[variable])
        elif key.removesuffix("_file") in items:
            texts[key.removesuffix("_file")] = (variable, _secret(variable, environ, read))
        else:
            raise SettingsError(
                f"environment variable {variable} is no setting{_nearest(key, items)}"
            )
    values: dict[str, dict[str, Any]] = {addon: {} for addon in declared}
    for key, (source, value) in texts.items():
        addon, item = items[key]
        values[addon][key] = _parsed(item, source, value)
    return {addon: cls(**values[addon]) for addon, cls in declared.items()}


def _parsed(item: Any, source: str, value: str) -> Any:
    try:
        return item.metadata["parse"](value)
    except ValueError as error:
        # A URL may carry a password, so only values that can't hold one are shown.
        shown = "" if item.metadata["secret"] or "@" in value else f", not {value!r}"
        example = item.metadata["example"]
        hint = f" (example: {example})" if example and example not in str(error) else ""
        raise SettingsError(f"{source} must be {error}{shown}{hint}") from None


def _secret(variable: str, environ: Mapping[str, str], read: Callable[[str], str]) -> str:
    path = environ[variable]
    try:
        return read(path).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SettingsError(
            f"{variable} must name a file that Odoo's user can read: {path}: {reason}"
        ) from None


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _ours(variable: str) -> bool:
    return variable.startswith(PREFIX)


def _nearest(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(known))}"
