"""Writing and comparing: idempotent, complete, and never over what is somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ha_setup.errors import SetupError
from ha_setup.inventory import EXAMPLE
from ha_setup.render import RenderedFile, tree
from ha_setup.render.command import command

FILES = {
    "pg1/etc/a.conf": RenderedFile("/etc/a.conf", "a\n"),
    "pg1/usr/b": RenderedFile("/usr/b", "#!/bin/sh\n", 0o755),
    "PLAN.md": RenderedFile("PLAN.md", "plan\n"),
}


def snapshot(out: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        str(f.relative_to(out)): (f.read_bytes(), f.stat().st_mode, f.stat().st_mtime_ns)
        for f in out.rglob("*")
        if f.is_file()
    }


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    first = tree.write(tmp_path / "out", FILES)
    assert len(first.new) == 3
    before = snapshot(tmp_path / "out")
    second = tree.write(tmp_path / "out", FILES)
    assert (second.new, second.changed, second.removed, second.same) == ((), (), (), 3)
    assert snapshot(tmp_path / "out") == before
    assert (tmp_path / "out/pg1/usr/b").stat().st_mode & 0o777 == 0o755


def test_what_is_not_rendered_any_more_goes_with_its_directories(tmp_path: Path) -> None:
    tree.write(tmp_path, FILES)
    written = tree.write(tmp_path, {"PLAN.md": FILES["PLAN.md"]})
    assert written.removed == ("pg1/etc/a.conf", "pg1/usr/b")
    assert not (tmp_path / "pg1").exists()


def test_files_of_others_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "pg1/etc").mkdir(parents=True)
    (tmp_path / "pg1/etc/a.conf").write_text("mine\n")
    before = snapshot(tmp_path)
    with pytest.raises(SetupError, match=r"didn't write \(pg1/etc/a.conf\)"):
        tree.write(tmp_path, FILES, force=True)
    assert snapshot(tmp_path) == before


def test_an_edited_file_is_kept_unless_forced(tmp_path: Path) -> None:
    tree.write(tmp_path, FILES)
    (tmp_path / "pg1/etc/a.conf").write_text("edited\n")
    with pytest.raises(SetupError, match=r"were edited since they were written: pg1/etc/a\.conf"):
        tree.write(tmp_path, FILES)
    with pytest.raises(SetupError, match=r"pg1/etc/a\.conf"):
        tree.write(tmp_path, {"PLAN.md": FILES["PLAN.md"]})
    assert tree.write(tmp_path, FILES, force=True).changed == ("pg1/etc/a.conf",)


@pytest.mark.parametrize("survivor", [set(), {"PLAN.md"}, {"pg1/etc/a.conf", "PLAN.md"}])
def test_an_interrupted_change_is_gone_on_with(
    tmp_path: Path, survivor: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write(tmp_path, FILES)
    changed = {p: RenderedFile(f.path, f.text + "2\n", f.mode) for p, f in FILES.items()}
    changed["new"] = RenderedFile("new", "new\n")

    real = tree.write_file

    def stop(path: Path, text: str, **options: int) -> bool:
        name = str(path.relative_to(tmp_path))
        if name != tree.MANIFEST and name not in survivor:
            raise KeyboardInterrupt
        return real(path, text, mode=options.get("mode", 0o644))

    with monkeypatch.context() as patched:
        patched.setattr(tree, "write_file", stop)
        with pytest.raises(KeyboardInterrupt):
            tree.write(tmp_path, changed)
    tree.write(tmp_path, changed)
    assert not list(tree.differences(tmp_path, changed))


def test_a_manifest_of_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / tree.MANIFEST).write_text("[]")
    with pytest.raises(SetupError, match="isn't one of ours"):
        tree.write(tmp_path, FILES)


def test_gits_own_files_may_stand_beside(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref")
    tree.write(tmp_path, FILES)
    assert (tmp_path / ".git/HEAD").read_text() == "ref"


def test_the_command_renders_checks_and_shows_the_difference(tmp_path: Path) -> None:
    run = CliRunner().invoke
    out, file = tmp_path / "out", tmp_path / "cluster.yml"
    file.write_text(run(command, ["--example"]).output)
    assert file.read_text() == EXAMPLE.read_text()
    assert run(command, [str(file), str(out)]).exit_code == 0
    assert run(command, [str(file), str(out), "--check"]).exit_code == 0
    file.write_text(file.read_text().replace("hold_timeout: 60s", "hold_timeout: 45s"))
    seen = run(command, [str(file), str(out), "--check"])
    assert seen.exit_code == 1
    assert "-hold_timeout = 60\n+hold_timeout = 45\n" in seen.output
    (out / "odoo1/usr/local/lib/odoo-ha/start-with-secrets").chmod(0o644)
    (out / "lb1/etc/haproxy/haproxy.cfg").unlink()
    seen = run(command, [str(file), str(out), "--check"])
    assert "has mode 0644, not 0755" in seen.output
    assert "haproxy.cfg is missing" in seen.output


def test_a_host_compares_its_own_root(tmp_path: Path) -> None:
    run = CliRunner().invoke
    out, file = tmp_path / "out", tmp_path / "cluster.yml"
    file.write_text(EXAMPLE.read_text())
    run(command, [str(file), str(out)])
    (out / "pg1/etc/passwd").write_text("other files of the host don't count\n")
    check = [str(file), str(out / "pg1"), "--check", "--host"]
    assert run(command, [*check, "pg1"]).exit_code == 0
    assert run(command, [*check, "pg2"]).exit_code == 1
    assert "there are lb1" in str(run(command, [*check, "pg9"]).exception)


def test_what_the_inventory_lacks_is_said(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yml"
    text = EXAMPLE.read_text().replace("tls:\n  certificate: /etc/odoo-ha/tls/odoo.pem\n", "")
    file.write_text(text)
    seen = CliRunner().invoke(command, [str(file), str(tmp_path / "out")])
    assert "users' passwords cross the network unencrypted" in seen.output
