"""What a cluster remembers between runs, and files that are replaced whole."""

import json
import stat
from pathlib import Path

import pytest

from ha_setup.cluster import Cluster
from ha_setup.cluster.secrets import load_or_create
from ha_setup.errors import ClusterError, SetupError
from ha_setup.files import write_file
from ha_setup.locks import locked

STATE = {"block": 3, "small": True, "variant": "stock", "synchronous": False, "formed": True}


def remember(directory: Path, **change: object) -> None:
    (directory / "demo").mkdir()
    (directory / "demo" / "cluster.json").write_text(json.dumps({**STATE, **change}))


def test_a_cluster_keeps_its_shape(tmp_path: Path) -> None:
    remember(tmp_path)
    cluster = Cluster.open(tmp_path)
    assert (cluster.layout.block, cluster.layout.small) == (3, True)
    assert (cluster.variant, cluster.synchronous) == ("stock", False)


def test_another_shape_than_the_existing_one_is_refused(tmp_path: Path) -> None:
    remember(tmp_path)
    with pytest.raises(ClusterError, match=r"created with block 3, not 4.*--purge"):
        Cluster.open(tmp_path, block=4)


def test_a_cluster_of_before_there_were_namespaces_is_on_loopback(tmp_path: Path) -> None:
    remember(tmp_path)
    cluster = Cluster.open(tmp_path)
    assert cluster.layout.network == "loopback"
    with pytest.raises(ClusterError, match=r"--network namespaces"):
        cluster.cut_off("pg1")


def test_the_network_is_remembered(tmp_path: Path) -> None:
    remember(tmp_path, network="namespaces")
    assert Cluster.open(tmp_path).layout.network == "namespaces"
    with pytest.raises(ClusterError, match=r"created with network namespaces, not loopback"):
        Cluster.open(tmp_path, network="loopback")


def test_opening_a_new_cluster_touches_nothing(tmp_path: Path) -> None:
    cluster = Cluster.open(tmp_path, block=9)
    assert cluster.layout.block == 9
    assert not cluster.is_up()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"variant": "other"}, {"block": "x"}])
def test_a_damaged_memory_is_told(tmp_path: Path, change: dict[str, object]) -> None:
    remember(tmp_path, **change)
    with pytest.raises(ClusterError, match=r"cluster\.json"):
        Cluster.open(tmp_path)


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    first = load_or_create(tmp_path)
    assert load_or_create(tmp_path) == first
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_incomplete_secrets_are_told_without_showing_any(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (file,) = tmp_path.iterdir()
    raw = json.loads(file.read_text())
    shown = raw.pop("redis")
    file.write_text(json.dumps(raw))
    with pytest.raises(ClusterError, match="--purge") as told:
        load_or_create(tmp_path)
    assert shown not in str(told.value)


def test_writing_the_same_text_changes_nothing_but_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_file(path, "text", mode=0o600)
    assert not write_file(path, "text", mode=0o644)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert write_file(path, "other")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_lock_names_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    told = pytest.raises(SetupError, match=r"another run \(process \d+\)")
    with locked(lock), told, locked(lock):
        pass
    with locked(lock):
        pass
