from . import ha_cron_lease
