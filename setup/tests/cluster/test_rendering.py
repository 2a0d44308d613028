"""How nodes are started and configured: secrets stay in closed files, both variants are what they claim."""

import configparser
import json
import tomllib
from dataclasses import astuple, replace

import pytest

from ha_setup.cluster.launch import Launch
from ha_setup.cluster.layout import VARIANTS, Layout, Variant
from ha_setup.cluster.plan import Plan
from ha_setup.cluster.render_haproxy import haproxy_config
from ha_setup.cluster.secrets import Secrets


def launches(plan: Plan, variant: Variant) -> dict[str, Launch]:
    return {n.name: plan.launch(n, variant=variant, synchronous=True) for n in plan.layout.nodes}


def odoo_conf(plan: Plan, node: str, variant: Variant) -> configparser.ConfigParser:
    launch = launches(plan, variant)[node]
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(launch.files[0].text)
    return parser


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_secret_is_on_a_command_line_or_in_the_environment(plan: Plan, variant: Variant) -> None:
    for name, launch in launches(plan, variant).items():
        seen = " ".join((*launch.argv, *launch.env.values()))
        assert not [s for s in astuple(plan.secrets) if s in seen], name


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_file_with_a_secret_is_closed_to_others(plan: Plan, variant: Variant) -> None:
    closed = 0
    for launch in launches(plan, variant).values():
        for file in launch.files:
            if any(secret in file.text for secret in astuple(plan.secrets)):
                assert file.mode == 0o600, file.path
                closed += 1
    assert closed >= 10


def test_neither_secrets_nor_files_show_a_secret_in_their_repr(plan: Plan) -> None:
    shown = repr(plan) + repr(launches(plan, "suite"))
    assert not [secret for secret in astuple(plan.secrets) if secret in shown]


def test_the_suite_follows_the_sidecar_beside_it(plan: Plan) -> None:
    conf = odoo_conf(plan, "odoo2", "suite")
    sidecar = tomllib.loads(launches(plan, "suite")["sidecar2"].files[0].text)
    assert conf["options"]["server_wide_modules"] == "base,rpc,web,ha_base"
    assert conf["ha"]["topology_path"] == sidecar["topology_path"]
    assert conf["options"]["db_host"] == "127.19.1.11,127.19.1.12,127.19.1.13"
    assert conf["options"]["data_dir"] != odoo_conf(plan, "odoo1", "suite")["options"]["data_dir"]


def test_the_sidecars_move_the_balancers_postgresql_backend(plan: Plan) -> None:
    sidecar = tomllib.loads(launches(plan, "suite")["sidecar1"].files[0].text)
    config = haproxy_config(plan.layout)
    (socket,) = sidecar["haproxy_sockets"]
    assert f"stats socket {socket} mode 600 level admin" in config
    assert f"\nbackend {sidecar['haproxy_backend']}\n" in config


def test_stock_is_the_guides_architecture(plan: Plan) -> None:
    first, second = (odoo_conf(plan, name, "stock") for name in ("odoo1", "odoo2"))
    assert not first.has_section("ha")
    assert "server_wide_modules" not in first["options"]
    assert "addons_path" not in first["options"]
    assert first["options"]["db_host"] == plan.layout.balancer.address
    assert first["options"]["data_dir"] == second["options"]["data_dir"]
    assert (first["options"]["max_cron_threads"], second["options"]["max_cron_threads"]) == (
        "2",
        "0",
    )
    assert not [
        name for name in launches(plan, "stock")["odoo1"].env if name.startswith("ODOO_HA_")
    ]


def test_patroni_may_fail_over_as_fast_as_it_can(plan: Plan) -> None:
    config = json.loads(launches(plan, "suite")["pg1"].files[0].text)
    dcs = config["bootstrap"]["dcs"]
    # Patroni refuses to keep its promises when this does not hold.
    assert dcs["loop_wait"] + 2 * dcs["retry_timeout"] <= dcs["ttl"]
    assert dcs["primary_start_timeout"] == 0
    assert dcs["synchronous_mode"] is True
    assert launches(plan, "suite")["pg1"].as_postgres


def test_only_the_first_redis_begins_as_primary(plan: Plan) -> None:
    texts = [launches(plan, "suite")[f"redis{i}"].files[0].text for i in (1, 2, 3)]
    assert ["replicaof" in text for text in texts] == [False, True, True]
    # Sentinel rewrites these files: they must not be put back to the first day.
    assert all(launches(plan, "suite")[n].files[0].keep for n in ("redis1", "redis2", "sentinel1"))


def test_the_balancer_checks_suite_and_stock_as_told(layout: Layout) -> None:
    text = haproxy_config(layout)
    suite = text.split("\nbackend suite_odoo")[1].split("\nbackend")[0]
    stock = text.split("\nbackend stock_odoo")[1].split("\nbackend")[0]
    assert "option httpchk GET /web/health\n" in suite
    assert "check port 18072" in suite
    assert suite.count("maxconn 2") == 2
    assert "hdr Host" in stock
    assert "check port" not in stock


def test_nothing_reports_to_the_outside(plan: Plan) -> None:
    assert "-master.telemetry=false" in launches(plan, "suite")["s3"].argv


def test_each_password_is_its_own(secrets: Secrets) -> None:
    values = astuple(secrets)
    assert len(set(values)) == len(values)
    assert all(len(value) >= 24 for value in values)
    assert Secrets() != secrets


def test_another_block_changes_every_address(plan: Plan) -> None:
    moved = replace(plan, layout=Layout(plan.layout.state_dir, block=9))
    for launch in launches(moved, "suite").values():
        assert "127.19.1." not in " ".join(launch.argv) + "".join(
            file.text for file in launch.files
        )
