"""Which packages are missing, and how installing them leaves the machine."""

from pathlib import Path

from ha_setup.parts.stamps import Stamp
from ha_setup.parts.system_packages import (
    PACKAGES,
    POLICY_MARK,
    missing_packages,
    newest_pg_bin,
    services_kept_down,
)


def test_packages_are_named_once_for_what_is_missing() -> None:
    here = dict.fromkeys(PACKAGES, Path("/usr/bin/x"))
    assert missing_packages(here) == []
    assert missing_packages({**here, "redis-server": None, "postgres": None}) == [
        "postgresql",
        "redis-server",
    ]


def test_the_newest_postgresql_is_taken_and_an_old_one_is_not(tmp_path: Path) -> None:
    for version in ("9.6", "13", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "postgres").touch()
    assert newest_pg_bin(tmp_path) == tmp_path / "17" / "bin"
    old = tmp_path / "only-old"
    (old / "13" / "bin").mkdir(parents=True)
    (old / "13" / "bin" / "postgres").touch()
    assert newest_pg_bin(old) is None


def test_our_service_policy_is_gone_afterwards(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with services_kept_down(policy):
        assert POLICY_MARK in policy.read_text()
    assert not policy.exists()


def test_a_policy_that_was_left_by_an_interrupted_run_is_ours(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(f"#!/bin/sh\n{POLICY_MARK}\nexit 101\n")
    with services_kept_down(policy):
        pass
    assert not policy.exists()


def test_the_machine_s_own_policy_stays(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    with services_kept_down(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.exists()


def test_a_part_without_its_stamp_or_made_from_something_else_is_made_afresh(
    tmp_path: Path,
) -> None:
    stamp = Stamp.of(tmp_path / "part", "one", "two")
    assert not stamp.is_valid()
    stamp.directory.mkdir()
    stamp.write()
    assert stamp.is_valid()
    assert not Stamp.of(tmp_path / "part", "one", "three").is_valid()
    stamp.clear()
    assert not stamp.directory.exists()
