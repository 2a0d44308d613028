"""What leaves a host, what the doctor prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ha_setup.cli import cli
from ha_setup.doctor import host_facts
from ha_setup.doctor.places import inventory as inventories
from ha_setup.doctor.places import node as nodes
from ha_setup.doctor.report import BLIND, FINDINGS, GREEN, answers, exit_code, to_json
from ha_setup.doctor.seen import Unseen
from ha_setup.errors import SetupError
from ha_setup.inventory import EXAMPLE, load

from .build import node, well

SECRET = "hunter2-never-shown"
CONF = f"""\
[options]
db_host = 10.0.0.11,10.0.0.12
db_name = production
db_user = odoo
db_password = {SECRET}
workers = 4
[ha]
redis_sentinels = 10.0.0.31:26379,10.0.0.32:26379
redis_url = redis://:{SECRET}@10.0.0.31/0
s3_bucket = files
s3_endpoint_url = https://s3.example.com
"""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    file = tmp_path / "odoo.conf"
    file.write_text(CONF)
    file.chmod(0o640)
    return file


def test_secrets_leave_a_host_as_digests_only(conf: Path) -> None:
    request = {
        "salt": "a",
        "configs": [str(conf)],
        "files": [str(conf), "/nowhere"],
        "disks": ["/"],
    }
    # As on another host: from its text, by a Python that has nothing installed.
    program = Path(host_facts.__file__).read_text() + f"\nmain({json.dumps(json.dumps(request))})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=program, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert SECRET not in done.stdout
    assert told["odoo"]["options"]["db_password"].startswith("digest:")
    assert told["odoo"]["ha"]["redis_url"].startswith("digest:")
    assert told["odoo"]["options"]["workers"] == "4"
    assert told["files"][str(conf)]["mode"] == 0o640
    assert told["files"]["/nowhere"] == {"error": "No such file or directory"}
    again = host_facts.facts({**request, "salt": "b"})
    assert again["odoo"]["options"]["db_password"] != told["odoo"]["options"]["db_password"]


def test_the_environment_wins_as_in_odoo(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-the-file\n")
    found = host_facts.with_environment(
        {"redis_password": "a", "node_id": "x"},
        {
            "ODOO_HA_REDIS_PASSWORD_FILE": str(file),
            "ODOO_HA_REDIS_PASSWORD": "b",
            "ODOO_HA_HOLD_TIMEOUT": "30",
        },
    )
    assert found == {"redis_password": "from-the-file", "node_id": "x", "hold_timeout": "30"}


def test_the_exit_code_tells_green_from_findings_from_blindness() -> None:
    for seen, code in (
        (well(), GREEN),
        (well(odoo={"odoo1": node(), "odoo2": node(options={"proxy_mode": None})}), FINDINGS),
        (well(etcd={"etcd1": Unseen("timed out")}), FINDINGS),
    ):
        assert exit_code(answers(seen), seen) == code
    blind = Unseen("timed out")
    nothing = well(
        odoo={"o": blind}, postgresql={"p": blind}, patroni={"p": blind}, redis={"r": blind},
        sentinels={"s": blind},
    )  # fmt: skip
    assert exit_code(answers(nothing), nothing) == BLIND


def test_json_has_every_check_with_its_why() -> None:
    found = answers(well())
    told = json.loads(to_json(found, "a cluster", GREEN))
    assert [check["name"] for check in told["checks"]] == [answer.check.name for answer in found]
    assert all(check["why"] and check["level"] == "ok" for check in told["checks"])


def test_one_node_tells_where_the_others_are(conf: Path) -> None:
    sidecar = conf.with_name("sidecar.toml")
    sidecar.write_text(
        'patroni_urls = ["http://10.0.0.11:8008"]\netcd_endpoints = ["http://10.0.0.11:2379"]\n'
    )
    target = nodes.target(conf, sidecar, rpo=0, url="https://odoo.example.com")
    assert [server.address for server in target.postgresql] == ["10.0.0.11", "10.0.0.12"]
    assert target.patroni == (("10.0.0.11", "http://10.0.0.11:8008"),)
    assert [server.port for server in target.sentinels] == [26379, 26379]
    assert [place.name for place in target.certificates] == ["users", "S3"]
    assert (target.absent, target.one_node) == ({}, True)
    assert SECRET not in repr(target)
    assert nodes.target(conf, None).absent["patroni"].endswith("by --sidecar")


def test_an_inventory_needs_its_secrets_and_a_way_to_its_hosts(tmp_path: Path) -> None:
    inventory = load(EXAMPLE.read_text(), "example.yml")
    for name in ("redis", "probe", "odoo_database", "s3_secret_key"):
        (tmp_path / name).write_text(f"{SECRET}\n")
    target = inventories.target(inventory, secrets=tmp_path, through="ssh root@{address}")
    assert [place.through for place in target.hosts if place.name == "odoo2"] == [
        ("ssh", "root@10.0.0.22")
    ]
    assert SECRET not in repr(target)
    blind = inventories.target(inventory, secrets=tmp_path)
    assert all("--through" in place.unseen for place in blind.hosts)
    with pytest.raises(SetupError, match="--secrets"):
        inventories.target(inventory, secrets=tmp_path / "nowhere")
    with pytest.raises(SetupError, match="--through"):
        inventories.target(inventory, secrets=tmp_path, through="ssh {user}@x")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["doctor", "cluster.yml", "--config", "odoo.conf"], 2, "not both"),
        (["doctor", "--rpo", "0"], 2, "are for --config"),
        (["doctor", "--config", "/nowhere/odoo.conf"], BLIND, "can't be read"),
        (["doctor", "/nowhere/cluster.yml"], BLIND, "can't be read"),
    ],
)
def test_what_can_not_be_looked_at_is_one_line(words: list[str], code: int, said: str) -> None:
    result = CliRunner().invoke(cli, words)
    assert (result.exit_code, said in result.output) == (code, True), result.output
