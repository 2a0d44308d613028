"""Drives a drill: load, fault, recovery, healing, reckoning; the effects are all started here."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection  # noqa: N812

from ha_setup.cluster import Cluster, Variant
from ha_setup.drill import metrics, promotion, recovery, rows, schedule
from ha_setup.drill.faults import Injected, Scene, inject
from ha_setup.drill.figures import Findings, result_of
from ha_setup.drill.goodbyes import Goodbyes
from ha_setup.drill.hung import HungWorkers
from ha_setup.drill.ledger import Reckoning, reckon, told
from ha_setup.drill.load import Load
from ha_setup.drill.objects import wrong_objects
from ha_setup.drill.options import FAULTS, DrillOptions, Fault, lacks
from ha_setup.drill.prober import Prober
from ha_setup.drill.result import RunResult
from ha_setup.drill.trace import Trace
from ha_setup.errors import ClusterError
from ha_setup.progress import Progress, Step

_POLL = 0.2
_AMID = 1.0  # seconds after the fault's beginning
Cookies = dict[Variant, dict[str, dict[str, str]]]  # of each login


def run(
    cluster: Cluster,
    options: DrillOptions,
    progress: Progress,
    keep: Callable[[RunResult], None] | None = None,
    cookies: Cookies | None = None,
) -> list[RunResult]:
    """Run the drill on a cluster that is up; one result a run, all of the first variant before the next's.

    `keep` gets each result as soon as it is there, so that a later failure does not lose it. `cookies` of
    the call before leave its users logged in.

    The cluster is healed before and after each run, and left with the first variant. Raises SetupError when
    it cannot be made ready or healed.
    """
    if lacks(cluster.layout, options.fault):
        raise ClusterError(
            f"this cluster cannot have {options.fault}: {FAULTS[options.fault].needs_words}"
        )
    results = []
    cookies = {} if cookies is None else cookies
    cluster.enter()
    with progress.step(f"synchronous replication {'on' if options.sync else 'off'}"):
        cluster.set_synchronous(options.sync)
    try:
        for variant in options.variants:
            with progress.step(f"Odoo nodes as {variant}, everything healthy"):
                cluster.use_variant(variant)
                cluster.heal()
            for number in range(options.first, options.first + options.runs):
                title = f"{options.fault} #{number + 1}, {variant}"
                with progress.step(title) as step:
                    result = asyncio.run(
                        _Run(
                            cluster, options, variant, number, cookies.setdefault(variant, {}), step
                        ).carry_out()
                    )
                progress.note(f"{title}: {result.verdict}")
                results.append(result)
                if keep is not None:
                    keep(result)
    finally:
        if options.variants[-1] != options.variants[0]:
            cluster.use_variant(options.variants[0])
    return results


@dataclass
class _Run:
    """One run with one variant."""

    cluster: Cluster
    options: DrillOptions
    variant: Variant
    number: int
    cookies: dict[str, dict[str, str]]
    step: Step

    async def carry_out(self) -> RunResult:
        options, layout = self.options, self.cluster.layout
        users = self.cluster.users(self.variant)
        name = f"drill-{uuid.uuid4().hex[:10]}"
        began = time.monotonic()
        plan = schedule.plan(
            seed=options.seed + self.number,
            run=name,
            rate=options.rate,
            seconds=options.longest,
            users=len(users),
            files=options.fault.ails_s3 and options.fault is not Fault.STOP_S3,
        )
        load = Load(
            layout.base_url(self.variant),
            users,
            run=name,
            timeout=options.request_timeout,
            fresh_reads=options.fault is not Fault.STOP_S3,
            cookies=self.cookies,
        )
        goodbyes = Goodbyes(
            layout.base_url(self.variant),
            users,
            timeout=options.request_timeout,
            cookies=self.cookies,
            lossy=not options.sync,
        )
        async with load, goodbyes:
            self.step.update("logging the users in")
            await load.prepare()
            await goodbyes.prepare()
            primary = self.cluster.primary()
            hung = HungWorkers(layout.log_file(host.name) for host in layout.odoo)
            load.start()
            started = datetime.now(UTC)
            prober = Prober(
                [host.name for host in layout.pg],
                self._connect_system,
                lambda: load.at(time.monotonic()),
            )
            prober.start()
            try:
                trace, waited_for = await self._load_and_break(
                    load, goodbyes, plan, prober, primary
                )
            finally:
                await asyncio.to_thread(prober.stop)
            self.step.update("healing the cluster")
            await asyncio.to_thread(self.cluster.heal)
            self.step.update("checking sessions and attachments")
            await load.check_sessions()
            wrong = await load.check_attachments()
            revived = await goodbyes.revived()
            logouts = len(load.logged_out)
        self.step.update("comparing the ledger with all databases, and the files with S3")
        primary = self.cluster.primary()
        if self.variant == "suite":
            tokens = load.attachments.keys() - {*wrong}
            wrong += wrong_objects(self.cluster, lambda: self._connect_odoo(primary), tokens)
        return result_of(
            options,
            Findings(
                number=self.number,
                variant=self.variant,
                started=started,
                trace=trace,
                reckoning=self._reckon(name, trace, primary),
                logouts=logouts,
                revived=revived,
                hung=hung.count(),
                goodbyes=goodbyes.failures,
                wrong=wrong,
                waited_for=waited_for,
                positions=prober.positions,
                history=rows.history(primary, self._connect_system),
                seconds=time.monotonic() - began,
            ),
        )

    async def _load_and_break(
        self,
        load: Load,
        goodbyes: Goodbyes,
        plan: Sequence[schedule.Planned],
        prober: Prober,
        primary: str,
    ) -> tuple[Trace, str | None]:
        """The part on the clock: steady load, fault, recovery, some more load, the last answers."""
        options = self.options
        notes: list[tuple[float, str]] = []
        scene = Scene(
            self.cluster,
            primary,
            self.number,
            promoted=lambda moment: promotion.promotion(prober.spells, load.at(moment)),
            seen=prober.seen,
            note=lambda text: notes.append((load.now, text)),
        )
        enough = asyncio.Event()
        sending = asyncio.create_task(load.send(plan, enough))
        self.step.update("steady load")
        await asyncio.sleep(max(0.0, options.steady - load.now))
        leaving = asyncio.create_task(_in_its_midst(goodbyes))
        injected: Injected | None = None
        try:
            injected = await asyncio.to_thread(inject, options.fault, scene)
            waited_for = await self._await_recovery(load, prober, injected)
            recovered_at = None if waited_for else load.now
            self.step.update(
                "recovered; some more load" if recovered_at else f"gave up waiting for {waited_for}"
            )
            await asyncio.sleep(options.after if recovered_at else 0)
            enough.set()
            await sending
            ended_at = load.now
            self.step.update(f"waiting for the last {load.waiting} answers")
            await load.finish()
            await leaving
        finally:
            sending.cancel()
            leaving.cancel()
            if injected is not None:
                await asyncio.to_thread(injected.undo)
        last_blow = load.at(injected.latest)
        promoted = promotion.promotion(prober.spells, last_blow)
        outcomes = tuple(sorted(load.outcomes, key=lambda outcome: outcome.planned.number))
        trace = Trace(
            outcomes=outcomes,
            ended_at=ended_at,
            fault_at=load.at(injected.at),
            last_writable_at=promotion.last_writable(prober.spells, last_blow)
            if promoted
            else None,
            promoted_at=promoted.first if promoted else None,
            promoted_node=promoted.node if promoted else None,
            first_ack_at=metrics.first_ack_after(outcomes, promoted.first) if promoted else None,
            recovered_at=recovered_at,
            notes=tuple(notes),
        )
        return trace, waited_for

    async def _await_recovery(self, load: Load, prober: Prober, injected: Injected) -> str | None:
        """None once recovered, else what was still missing when the limit came."""
        fault_at = load.at(injected.at)
        while True:
            promoted = promotion.promotion(prober.spells, load.at(injected.latest))
            lacking = recovery.missing(
                self.options.fault,
                load.outcomes,
                now=load.now,
                fault_at=fault_at,
                promoted_at=promoted.first if promoted else None,
                pending=injected.pending(),
            )
            if lacking is None or load.now > fault_at + self.options.patience:
                return lacking
            self.step.update(f"waiting for {lacking}, {load.now - fault_at:.0f} s after the fault")
            await asyncio.sleep(_POLL)

    def _reckon(self, name: str, trace: Trace, primary: str) -> Reckoning:
        ledger = {
            o.planned.token: told(o.verdict) for o in trace.outcomes if o.planned.action.writes
        }
        nodes = [host.name for host in self.cluster.layout.pg]
        on_primary, on_replicas = rows.collect(name, primary, nodes, self._connect_odoo)
        return reckon(ledger, on_primary, on_replicas)

    def _connect_system(self, node: str) -> Connection:
        return self.cluster.connect(node)

    def _connect_odoo(self, node: str) -> Connection:
        return self.cluster.connect(node, self.cluster.layout.database(self.variant))


async def _in_its_midst(goodbyes: Goodbyes) -> None:
    await asyncio.sleep(_AMID)
    await goodbyes.say()
