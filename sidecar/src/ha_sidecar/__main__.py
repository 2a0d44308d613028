"""``python -m ha_sidecar`` is the command ``ha-sidecar``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
