"""The dashboard in a real Chromium, on a real cluster: an administrator sees the failover happen.

Needs Chromium (Debian's package chromium) and HA_TEST_BROWSER=1; skipped without. The screenshots of
the README are taken with HA_TEST_SCREENSHOTS=docs.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ha_setup.cluster import Cluster
from ha_setup.progress import Progress
from tests.e2e.conftest import DEFAULT_BLOCK, up

if not os.environ.get("HA_TEST_BROWSER"):
    pytest.skip("HA_TEST_BROWSER is not set: no browser is started", allow_module_level=True)

from tests.servers.chromium import Chromium  # needs websocket-client

PATIENCE = 120.0  # seconds
PRIMARY = "document.querySelector('.o_ha_primary')?.textContent"
STATE = "document.querySelector('.o_ha_situation')?.dataset.state"
DARK = """(async () => {
    const light = [...document.querySelectorAll('link[rel=stylesheet]')]
        .find((one) => one.href.includes('web.assets_web.min.css'));
    await new Promise((done, failed) => {
        const dark = document.createElement('link');
        Object.assign(dark, { rel: 'stylesheet', onload: done, onerror: failed });
        dark.href = '/web/assets/any/web.assets_web_dark.min.css';
        light.replaceWith(dark);
    });
    return true;
})()"""


@pytest.fixture
def small_cluster(state_dir: Path, progress: Progress) -> Iterator[Cluster]:
    """One of its own: its failover is the first."""
    block = int(os.environ.get("HA_TEST_CLUSTER_BLOCK", DEFAULT_BLOCK)) - 3
    cluster = Cluster.open(state_dir, "test-dashboard", block=block, small=True, network="loopback")
    with up(cluster, progress):
        yield cluster


def log_in(browser: Chromium, cluster: Cluster) -> None:
    login, password = cluster.admin()
    browser.go(f"{cluster.layout.base_url()}/web/login")
    browser.wait_for("document.querySelector('.oe_login_form input[name=password]')", PATIENCE)
    browser.run(
        f"""(() => {{
            const form = document.querySelector('.oe_login_form');
            form.querySelector('[name=login]').value = {login!r};
            form.querySelector('[name=password]').value = {password!r};
            form.submit();
        }})()"""
    )
    browser.wait_for("location.pathname.startsWith('/odoo')", PATIENCE)


def open_dashboard(browser: Chromium, cluster: Cluster) -> None:
    browser.go(f"{cluster.layout.base_url()}/odoo/high-availability")
    browser.wait_for(f"{PRIMARY} && {STATE} === 'stable'", PATIENCE)


def press(browser: Chromium, button: str) -> None:
    """Press the button, and the one of the dialog that then asks."""
    browser.wait_for(button, PATIENCE)
    browser.run(f"{button}.click()")
    browser.wait_for("document.querySelector('.modal .btn-primary')", PATIENCE)
    browser.run("document.querySelector('.modal .btn-primary').click()")
    browser.wait_for("!document.querySelector('.modal')", PATIENCE)


def take_pictures(browser: Chromium, directory: Path) -> None:
    """In light, on a phone and in Odoo's dark scheme, which Odoo's community edition has no switch for."""
    browser.resize(1400, 760)
    time.sleep(1)
    browser.screenshot(directory / "dashboard.png")
    browser.resize(390, 844, mobile=True)
    time.sleep(1)
    browser.screenshot(directory / "dashboard-phone.png")
    browser.resize(1400, 760)
    browser.run(DARK)
    time.sleep(1)
    browser.screenshot(directory / "dashboard-dark.png")


def kill(cluster: Cluster, node: str) -> None:
    """Patroni and PostgreSQL at once, as when a machine dies."""
    for process in cluster.processes_of(node):
        with suppress(psutil.NoSuchProcess):  # it went with its parent
            process.send_signal(signal.SIGKILL)


def test_the_failover_is_seen_as_it_happens(small_cluster: Cluster) -> None:
    cluster = small_cluster
    primary = cluster.primary()
    with Chromium() as browser:
        log_in(browser, cluster)
        for _ in range(
            2
        ):  # at the first visit Odoo makes its assets, for which it needs the database
            open_dashboard(browser, cluster)
        assert browser.run(PRIMARY) == primary
        # Both nodes are there, and nothing is missing on them.
        browser.wait_for("document.querySelectorAll('.o_ha_node').length === 2", PATIENCE)
        assert browser.run("document.querySelectorAll('.o_ha_missing').length") == 0
        browser.wait_for("document.body.innerText.includes('live')", PATIENCE)
        outages = browser.run("document.querySelectorAll('.o_ha_outage').length")
        browser.run("window.haNotReloaded = true")
        kill(cluster, primary)
        # The page tells of it while the database is away, which it can only without the database.
        browser.wait_for(f"{STATE} === 'lost'", PATIENCE)
        browser.wait_for(f"{STATE} === 'stable' && {PRIMARY} !== {primary!r}", PATIENCE)
        assert browser.run(PRIMARY) == cluster.primary()
        row = f".o_ha_outage[data-new={cluster.primary()!r}][data-kind=failover]"
        browser.wait_for(f"document.querySelector({row!r})", PATIENCE)
        count = "document.querySelectorAll('.o_ha_outage').length"
        assert browser.run(count) == outages + 1
        # Its cost and the first write are known a little later, and all without a reload.
        text = f"document.querySelector({row!r}).innerText"
        browser.wait_for(f"{text}.includes('first write') && {text}.includes('failed')", PATIENCE)
        assert browser.run("window.haNotReloaded") is True

        # What an administrator may have done: a switchover, and a node that is drained.
        cluster.heal()
        switch = "document.querySelector('.o_ha_replica button:enabled')"
        browser.wait_for(switch, PATIENCE)
        name = f"{switch}.closest('.o_ha_replica').querySelector('.fw-bold').textContent"
        candidate = browser.run(name)
        press(browser, switch)
        browser.wait_for(f"{STATE} === 'stable' && {PRIMARY} === {candidate!r}", PATIENCE)
        done = "document.querySelector('.o_ha_switchover')?.innerText.includes('switched')"
        browser.wait_for(done, PATIENCE)
        row = f".o_ha_outage[data-new={candidate!r}][data-kind=switchover]"
        browser.wait_for(f"document.querySelector({row!r})", PATIENCE)
        for node in ("odoo1", "odoo2"):  # one of them by way of the other
            badge = f"document.querySelector('.o_ha_node[data-node={node}] .badge').innerText"
            button = f"document.querySelector('.o_ha_node[data-node={node}] button')"
            press(browser, button)
            browser.wait_for(f"{badge} === 'draining'", PATIENCE)
            browser.run(f"{button}.click()")
            browser.wait_for(f"{badge} === 'serving'", PATIENCE)
        logs = "".join(cluster.log_file(node).read_text() for node in ("odoo1", "odoo2"))
        for order in (f"switchover {candidate!r}", "drain 'odoo1'", "undrain 'odoo2'"):
            assert re.search(rf"Ordered by admin \(user \d+\): {order}", logs), order
        if directory := os.environ.get("HA_TEST_SCREENSHOTS"):
            take_pictures(browser, Path(directory))
        assert browser.run("window.haNotReloaded") is True
