"""Looks at every part at once, each within seconds. Nothing is changed, but for a probe in the bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from ha_setup.doctor.look import buckets, databases, hosts, stores, web
from ha_setup.doctor.look.unlooked import Unlooked
from ha_setup.doctor.seen import Observation, Unseen
from ha_setup.doctor.target import Target

PARALLEL = 16
#: Name → what will have been seen there, or Unseen.
Asked = Mapping[str, Future[Any]]


def look_at(target: Target) -> Observation:
    """Observe the whole cluster. What fails in any way is Unseen; nothing is raised."""
    with ThreadPoolExecutor(PARALLEL) as pool:

        def ask(questions: Mapping[str, Callable[[], Any]]) -> Asked:
            return {name: pool.submit(_safely, question) for name, question in questions.items()}

        on_hosts = ask({h.name: partial(hosts.look, h) for h in target.hosts})
        patroni = ask({name: partial(web.patroni, url) for name, url in target.patroni})
        etcd = ask({name: partial(web.etcd, url) for name, url in target.etcd})
        sentinels = ask({s.name: partial(stores.sentinel, s, target) for s in target.sentinels})
        poolers = ask(
            {s.name: partial(databases.pooler, s, target.pooler_login) for s in target.poolers}
        )
        bucket = ask({"S3": partial(buckets.look, target.s3)} if target.s3 else {})
        certificates = ask({p.name: partial(web.certificate, p) for p in target.certificates})
        told_by_patroni = _answers(patroni)
        if not target.postgresql:
            target = replace(target, postgresql=web.servers(told_by_patroni.values()))
        postgresql = ask({s.name: partial(databases.server, s, target) for s in target.postgresql})
        database = ask({"": partial(databases.odoo, target)})
        watched = _answers(sentinels)
        servers = target.redis or stores.watched_by(watched.values())
        redis = ask({s.name: partial(stores.redis, s, target.redis_password) for s in servers})

        clocks: dict[str, float | Unseen] = {}
        told = hosts.gather(target.hosts, _timed(on_hosts, clocks))
        return Observation(
            rpo=target.rpo,
            request_timeout=target.request_timeout,
            postgresql=_timed(postgresql, clocks),
            patroni=told_by_patroni,
            etcd=_answers(etcd),
            redis=_timed(redis, clocks),
            sentinels=watched,
            bucket=_timed(bucket, clocks).get("S3"),
            poolers=_answers(poolers),
            odoo=told.odoo,
            balancers=told.balancers,
            database=_answers(database)[""],
            secrets=told.secrets,
            disks=told.disks,
            certificates=_answers(certificates),
            clocks=clocks | told.unseen,
            absent=target.absent,
            one_node=target.one_node,
        )


def _answers(asked: Asked) -> dict[str, Any]:
    return {name: future.result() for name, future in asked.items()}


def _timed(asked: Asked, clocks: dict[str, float | Unseen]) -> dict[str, Any]:
    """The answers of parts that tell their time too; what they tell of it is put into `clocks`."""
    found: dict[str, Any] = {}
    for name, answer in _answers(asked).items():
        found[name], clock = (answer, None) if isinstance(answer, Unseen) else answer
        if clock is not None:
            clocks[name] = clock
    return found


def _safely(question: Callable[[], Any]) -> Any:
    """The answer, or why there is none, in one line. Whatever one part does, the others are looked at."""
    try:
        return question()
    except Unlooked as problem:
        return Unseen(str(problem))
    except Exception as problem:
        said = str(problem).strip().split("\n")[0]
        return Unseen(f"{type(problem).__name__}: {said}" if said else type(problem).__name__)
