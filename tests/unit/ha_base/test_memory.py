"""What threads cost of the address space, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys, threading
from importlib.util import module_from_spec, spec_from_file_location

def size():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmSize:")) // 1024

if sys.argv[2] == "shared":
    spec = spec_from_file_location("memory", sys.argv[1])
    memory = module_from_spec(spec)
    spec.loader.exec_module(memory)
    memory.share_arenas()
threading.stack_size(1 << 20)
before, done, here = size(), threading.Event(), threading.Barrier(13)

def work():
    kept = bytearray(100_000)
    here.wait()
    done.wait()

for _ in range(12):
    threading.Thread(target=work, daemon=True).start()
here.wait()
print(size() - before)
done.set()
"""


def megabytes(how: str) -> int:
    path = os.path.join(os.path.dirname(__file__), "../../../addons/ha_base/memory.py")
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-c", SCRIPT, path, how]
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_threads_share_what_they_allocate_from() -> None:
    assert megabytes("as it comes") > 400
    assert megabytes("shared") < 200
