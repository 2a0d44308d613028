from . import ha_test_row
