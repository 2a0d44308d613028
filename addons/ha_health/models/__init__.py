from . import ha_check
from . import ha_check_revision
