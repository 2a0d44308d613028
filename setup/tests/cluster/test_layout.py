"""Layout: addresses and ports never meet, and stay below the state directory."""

from collections import Counter
from pathlib import Path

import pytest

from ha_setup.cluster.layout import Layout

STATE = Path("/var/tmp/state")


@pytest.mark.parametrize("small", [False, True])
def test_no_two_nodes_share_an_address_and_port(small: bool) -> None:
    layout = Layout(STATE, small=small)
    used = Counter((node.host.address, port) for node in layout.nodes for port in node.ports)
    assert [place for place, count in used.items() if count > 1] == []


def test_every_port_is_unprivileged_and_valid() -> None:
    assert all(10_000 < port < 65_536 for node in Layout(STATE).nodes for port in node.ports)


def test_clusters_of_two_blocks_share_no_address() -> None:
    first, second = ({n.host.address for n in Layout(STATE, block=b).nodes} for b in (1, 2))
    assert not first & second


def test_addresses_are_those_that_the_documentation_names() -> None:
    layout = Layout(STATE, block=7)
    assert [h.address for h in layout.pg] == ["127.19.7.11", "127.19.7.12", "127.19.7.13"]
    assert [h.address for h in layout.odoo] == ["127.19.7.51", "127.19.7.52"]
    assert layout.base_url("suite") == "http://127.19.7.100:18080"
    assert layout.base_url("stock") == "http://127.19.7.100:18081"
    assert layout.database("suite") != layout.database("stock")


def test_hosts_in_namespaces_have_addresses_that_can_be_cut_off() -> None:
    layout = Layout(STATE, block=7, network="namespaces")
    assert [h.address for h in layout.pg] == ["10.19.7.11", "10.19.7.12", "10.19.7.13"]
    assert layout.subnet == "10.19.7.0/24"
    assert layout.hub_address not in {node.host.address for node in layout.nodes}


def test_small_has_one_etcd_and_all_of_the_rest() -> None:
    small, full = Layout(STATE, small=True), Layout(STATE)
    assert len(small.etcd) == 1
    assert {n.name for n in full.nodes} - {n.name for n in small.nodes} == {"etcd2", "etcd3"}


def test_servers_start_before_their_clients() -> None:
    kinds = [node.kind for node in Layout(STATE).nodes]
    assert kinds.index("etcd") < kinds.index("pg") < kinds.index("sidecar") < kinds.index("odoo")


@pytest.mark.parametrize("block", [0, 255, -1])
def test_a_block_outside_of_the_network_is_refused(block: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 254"):
        Layout(STATE, block=block)


def test_an_unknown_node_is_told_with_those_that_there_are() -> None:
    with pytest.raises(KeyError, match=r"pg4.*there are etcd1"):
        Layout(STATE).node("pg4")


def test_every_file_lies_in_the_cluster_s_directory() -> None:
    layout = Layout(STATE, name="other")
    for node in layout.nodes:
        for path in (
            layout.data_dir(node.name),
            layout.run_dir(node.name),
            layout.log_file(node.name),
        ):
            assert path.is_relative_to(STATE / "other")


def test_object_stores_of_two_clusters_share_no_inner_port() -> None:
    ports = [port for block in range(1, 255) for port in Layout(STATE, block=block).s3_ports.all]
    assert len(set(ports)) == len(ports)
