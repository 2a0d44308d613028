"""Settings: declared once as typed dataclasses, read from odoo.conf and the environment.

Precedence, lowest first: the default, the ``[ha]`` section of odoo.conf, the environment variable
``ODOO_HA_<NAME>``, the content of the file named by ``ODOO_HA_<NAME>_FILE`` (meant for secrets).
"""

from . import parse
from .declare import documentation, setting
from .load import SettingsError, current, load, resolve

__all__ = [
    "SettingsError",
    "current",
    "documentation",
    "load",
    "parse",
    "resolve",
    "setting",
]
