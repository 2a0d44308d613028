"""The arithmetic, line by line. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ha_setup.render.database import CONNECTIONS_PER_PROCESS

#: Processes of a node beside its workers and cron: master, gevent, and the suite's threads' share.
OTHER_PROCESSES = 4
MINIMUM_CONNECTIONS = 200
SPARE_CONNECTIONS = 50
#: For the system, the sidecar and the page cache.
SYSTEM_MB = 1024


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is asked of the cluster, and of what its nodes are. Times in seconds, memory in MB."""

    users: int
    #: Requests a second at the busiest time; None: as many as `users` make, one each `think` seconds.
    rate: float | None = None
    think: float = 10.0
    #: How long a request keeps a worker, on average, and how much of that is the node's processor.
    busy: float = 0.15
    cpu: float = 0.1
    #: Scheduled actions that run at the same time.
    cron: int = 1
    cpus: int = 4
    worker_mb: int = 300
    #: How much of workers and processors the busiest time may use.
    utilisation: float = 0.6
    #: How long a failover holds requests.
    pause: float = 22.0


@dataclass(frozen=True)
class Line:
    """One step: what, its arithmetic in figures, the outcome."""

    what: str
    how: str
    value: float
    unit: str = ""


@dataclass(frozen=True)
class Capacity:
    nodes: int
    workers_per_node: int
    memory_mb_per_node: int
    db_maxconn: int
    max_connections: int
    pool_session: int
    pool_transaction: int
    #: How long after a failover until what had queued up is answered; infinite if never.
    catch_up: float
    lines: tuple[Line, ...]


def capacity(demand: Demand) -> Capacity:
    """What `demand` takes, such that one Odoo node may be lost at the busiest time.

    Raises ValueError with the name of a figure that can't be.
    """
    _check(demand)
    d, lines = demand, list[Line]()

    def line(what: str, how: str, value: float, unit: str = "") -> float:
        lines.append(Line(what, how, value, unit))
        return value

    rate = d.rate if d.rate is not None else d.users / d.think
    how = (
        "as given"
        if d.rate is not None
        else f"{d.users} users / {d.think:g} s between two requests"
    )
    line("requests a second", how, rate)
    at_work = line("workers at work", f"{rate:g} a second × {d.busy:g} s each", rate * d.busy)
    needed = line(
        "workers needed", f"{at_work:.2f} / {d.utilisation:g} in use at most, at least 2",
        max(2, _ceil(at_work / d.utilisation)),
    )  # fmt: skip
    cores = line(
        "processors needed",
        f"({rate:g} × {d.cpu:g} s + {d.cron} scheduled) / {d.utilisation:g}",
        (rate * d.cpu + d.cron) / d.utilisation,
    )
    per_node = line("workers a node", f"2 × {d.cpus} processors + 1", 2 * d.cpus + 1)
    alive = line(
        "nodes that must be up",
        f"the larger of {needed:g} / {per_node:g} workers and {cores:.1f} / {d.cpus} processors",
        max(_ceil(needed / per_node), _ceil(cores / d.cpus)),
    )
    nodes = int(line("Odoo nodes", f"{alive:g} and one that may be lost", alive + 1))
    memory = line(
        "memory a node",
        f"({per_node:g} workers + {d.cron} cron + 1 gevent) × {d.worker_mb} MB + {SYSTEM_MB} MB",
        (per_node + d.cron + 1) * d.worker_mb + SYSTEM_MB,
        "MB",
    )
    processes = per_node + d.cron + OTHER_PROCESSES
    node_links = line(
        "connections a node",
        f"({per_node:g} workers + {d.cron} cron + {OTHER_PROCESSES} others) × {CONNECTIONS_PER_PROCESS}",
        processes * CONNECTIONS_PER_PROCESS,
    )
    links = line(
        "max_connections",
        f"{nodes} × {node_links:g} + {SPARE_CONNECTIONS}, at least {MINIMUM_CONNECTIONS}",
        max(MINIMUM_CONNECTIONS, nodes * node_links + SPARE_CONNECTIONS),
    )
    maxconn = line("db_maxconn", f"4 × {CONNECTIONS_PER_PROCESS} a process, room for bursts", 16)
    pooled = line("PgBouncer by session: pool_size", "connections a node", node_links)
    brief = line(
        "PgBouncer by transaction: pool_size",
        f"{per_node:g} workers + {d.cron} cron, and 4",
        per_node + d.cron + 4,
    )
    waiting = line("requests held in a failover", f"{rate:g} × {d.pause:g} s", rate * d.pause)
    workers, cpus = nodes * per_node, nodes * d.cpus
    most = line(
        "requests a second, all nodes at work",
        f"the smaller of {workers:g} workers / {d.busy:g} s and {cpus:g} processors / {d.cpu:g} s",
        throughput(workers, d.busy, cpus, d.cpu),
    )
    caught_up = line(
        "caught up after a failover",
        f"{waiting:g} held / ({most:.1f} - {rate:g}) a second to spare",
        waiting / (most - rate) if most > rate else math.inf,
        "s",
    )
    return Capacity(
        nodes=nodes,
        workers_per_node=int(per_node),
        memory_mb_per_node=int(memory),
        db_maxconn=int(maxconn),
        max_connections=int(links),
        pool_session=int(pooled),
        pool_transaction=int(brief),
        catch_up=caught_up,
        lines=tuple(lines),
    )


def throughput(workers: float, busy: float, cpus: float, cpu: float) -> float:
    """The most requests a second: as many as the workers, or the processors, get done."""
    return min(workers / busy, cpus / cpu)


def _ceil(value: float) -> int:
    # 6.000000000001 is 6.
    return math.ceil(round(value, 9))


def _check(d: Demand) -> None:
    for name in ("users", "think", "busy", "cpu", "cpus", "worker_mb", "pause"):
        if getattr(d, name) <= 0:
            raise ValueError(f"{name} must be above 0")
    if d.rate is not None and d.rate <= 0:
        raise ValueError("rate must be above 0")
    if d.cron < 0:
        raise ValueError("cron must be 0 or more")
    if not 0 < d.utilisation < 1:
        raise ValueError("utilisation must be between 0 and 1, such as 0.6")
    if d.cpu > d.busy:
        raise ValueError("cpu is a part of busy: it can't be more")
