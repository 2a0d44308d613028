from . import ha_cron_lease
from . import ha_cron_run
from . import ir_cron
