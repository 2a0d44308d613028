"""All processes of the machine at one moment: whose child each is, and which cluster's mark it bears."""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil

MARK = "HA_SETUP_NODE"


@dataclass
class Look:
    """Taking one costs tens of milliseconds, so whoever asks after many nodes takes one for all of them."""

    marks: dict[int, str] = field(default_factory=dict)
    processes: dict[int, psutil.Process] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Look:
        look = cls()
        for pid in psutil.pids():
            try:
                process = psutil.Process(pid)
                parent = process.ppid()
            except psutil.Error:
                continue
            look.processes[pid] = process
            look.children.setdefault(parent, []).append(pid)
            if mark := _mark(process):
                look.marks[pid] = mark
        return look

    def marked(self, mark: str) -> list[psutil.Process]:
        """The processes that bear this mark."""
        return [self.processes[pid] for pid, each in self.marks.items() if each == mark]

    def marked_below(self, prefix: str) -> list[psutil.Process]:
        """The processes whose mark begins with `prefix`."""
        return [self.processes[pid] for pid, each in self.marks.items() if each.startswith(prefix)]

    def family(self, root: psutil.Process) -> list[psutil.Process]:
        """The process and all that descend from it, parents first."""
        found, todo, seen = [root], [root.pid], {root.pid}
        while todo:
            for child in self.children.get(todo.pop(0), ()):
                if child not in seen:
                    seen.add(child)
                    todo.append(child)
                    found.append(self.processes[child])
        return found


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None
