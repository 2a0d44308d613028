from . import test_side_connection
