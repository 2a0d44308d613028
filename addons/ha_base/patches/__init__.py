"""Guarded patches of Odoo: what is replaced, why, and what Odoo's code must look like for it.

Each patch stands in a file of its own in the ``patches`` package of the addon that needs it.
"""

import functools
import importlib
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_logger = logging.getLogger(__name__)

_ORIGINAL = "__ha_original__"
_APPLIED = "__ha_applied__"


class PatchRefused(Exception):
    """Odoo's code isn't what a patch expects: applying it would be a guess."""


@dataclass(frozen=True)
class Patch:
    """A replacement of one function, method or property of Odoo.

    :param name: short name, for logs and errors
    :param target: ``module:attribute`` or ``module:Class.attribute``
    :param reason: why Odoo's own behaviour isn't enough
    :param checked_on: the Odoo version whose source the patch was written against
    :param contains: fragments of Odoo's source that the patch relies on
    :param wrap: gets the present function, returns the one to put in its place
    """

    name: str
    target: str
    reason: str
    checked_on: str
    contains: tuple[str, ...]
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]]


def apply(*patches: Patch) -> None:
    """Apply patches, each once; several patches may stack on one target, in any order.

    :raises PatchRefused: when the target is missing or its source lacks a fragment
    """
    for patch in patches:
        _apply(patch)


def _apply(patch: Patch) -> None:
    owner, attribute, raw = _resolve(patch)
    function = _function(raw)
    if patch.name in getattr(function, _APPLIED, ()):
        return
    source = _source(patch, function)
    for fragment in patch.contains:
        if _squeezed(fragment) not in source:
            raise PatchRefused(
                f"patch {patch.name} (checked on Odoo {patch.checked_on}) does not know this "
                f"version of {patch.target}: it lacks {fragment!r}. Use a suite that supports "
                "this Odoo, or take ha_base out of server_wide_modules"
            )
    replacement = patch.wrap(function)
    functools.update_wrapper(replacement, function)
    setattr(replacement, _ORIGINAL, function)
    setattr(replacement, _APPLIED, (*getattr(function, _APPLIED, ()), patch.name))
    _put(owner, attribute, raw, replacement)
    _logger.debug("patched %s: %s", patch.target, patch.reason)


def _resolve(patch: Patch) -> tuple[Any, str, Any]:
    module_name, _, path = patch.target.partition(":")
    try:
        owner: Any = importlib.import_module(module_name)
        *parents, attribute = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        return owner, attribute, inspect.getattr_static(owner, attribute)
    except (ImportError, AttributeError) as error:
        raise PatchRefused(
            f"patch {patch.name} (checked on Odoo {patch.checked_on}) misses its target "
            f"{patch.target}: {error}"
        ) from error


def _function(raw: Any) -> Callable[..., Any]:
    """The plain function below a descriptor."""
    if isinstance(raw, staticmethod | classmethod):
        return raw.__func__
    if isinstance(raw, property):
        assert raw.fget is not None
        return raw.fget
    if isinstance(raw, functools.cached_property):
        return raw.func
    return raw


def _put(owner: Any, attribute: str, raw: Any, function: Callable[..., Any]) -> None:
    new: Any = function
    if isinstance(raw, staticmethod | classmethod):
        new = type(raw)(function)
    elif isinstance(raw, property):
        new = property(function, raw.fset, raw.fdel, raw.__doc__)
    elif isinstance(raw, functools.cached_property):
        new = functools.cached_property(function)
        new.__set_name__(owner, attribute)
    setattr(owner, attribute, new)


def _source(patch: Patch, function: Callable[..., Any]) -> str:
    """Odoo's own source of the target, below any patch of ours."""
    while hasattr(function, _ORIGINAL):
        function = getattr(function, _ORIGINAL)
    try:
        return _squeezed(inspect.getsource(inspect.unwrap(function)))
    except (OSError, TypeError) as error:
        raise PatchRefused(
            f"patch {patch.name}: the source of {patch.target} can't be read: {error}"
        ) from error


def _squeezed(source: str) -> str:
    return " ".join(source.split())
