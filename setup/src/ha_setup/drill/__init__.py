"""The drill: an honest load on a real cluster, a fault in the middle of it, and what users noticed.

results = run(cluster, DrillOptions(fault=Fault.KILL_PRIMARY), progress)
print_report(results)
"""

from ha_setup.drill.options import DrillOptions, Fault
from ha_setup.drill.report import print_report
from ha_setup.drill.result import RunResult, to_json
from ha_setup.drill.driver import run

__all__ = ["DrillOptions", "Fault", "RunResult", "print_report", "run", "to_json"]
