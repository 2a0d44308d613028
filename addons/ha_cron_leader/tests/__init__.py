from . import test_access
from . import test_fence
from . import test_report
from . import test_statements
