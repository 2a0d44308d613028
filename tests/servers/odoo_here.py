"""Odoo's code and the suite's, importable in this very process; nothing is served."""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType

from .odoo_source import SUITE_ADDONS, OdooSource


def suite_module(name: str) -> ModuleType:
    """Import a module of the suite, such as ``ha_session_redis.store``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Odoo's, and its dependencies'
        return _import(name)


def _import(name: str) -> ModuleType:
    source = OdooSource.find()
    if str(source.python_path) not in sys.path:
        sys.path.append(str(source.python_path))
    addons = importlib.import_module("odoo.addons")
    if str(SUITE_ADDONS) not in addons.__path__:
        addons.__path__.append(str(SUITE_ADDONS))
    config = importlib.import_module("odoo.tools").config
    if not config.options:
        config.parse_config([])
    return importlib.import_module(f"odoo.addons.{name}")
