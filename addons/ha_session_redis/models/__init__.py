from . import ha_session
