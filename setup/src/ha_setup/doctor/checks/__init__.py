"""The table of checks: one question each, with its why. All are pure functions of an Observation."""

from __future__ import annotations

from ha_setup.doctor.checks import cron, database, hosts, odoo, patroni, redis, s3
from ha_setup.doctor.findings import Check

CHECKS: tuple[Check, ...] = (
    *hosts.CHECKS,
    *odoo.CHECKS,
    *database.CHECKS,
    *patroni.CHECKS,
    *redis.CHECKS,
    *s3.CHECKS,
    *cron.CHECKS,
)
