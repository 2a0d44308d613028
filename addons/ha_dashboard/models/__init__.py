from . import ha_dashboard_node
from . import ha_dashboard_outage
