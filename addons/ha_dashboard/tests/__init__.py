from . import test_access
from . import test_live
from . import test_state
