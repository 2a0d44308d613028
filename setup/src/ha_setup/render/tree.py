"""Rendered files in a directory: written, and compared with what is there.

OUT holds one directory for each host, with each file below it at its path, PLAN.md, and RENDERED.json,
which tells what was written. Nothing else may be in it but git's own directory.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ha_setup.errors import SetupError
from ha_setup.files import write_file
from ha_setup.render import RenderedFile, Rendering

MANIFEST = "RENDERED.json"
PLAN = "PLAN.md"
GIT = (".git", ".gitignore", ".gitattributes")


@dataclass(frozen=True)
class Written:
    """What writing did, in relative paths."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    same: int


def tree(rendering: Rendering) -> dict[str, RenderedFile]:
    """Every file of the rendering by its path below OUT."""
    files = {
        f"{host}{file.path}": file for host, files in rendering.hosts.items() for file in files
    }
    return {**files, PLAN: RenderedFile(PLAN, rendering.plan)}


def write(out: Path, files: Mapping[str, RenderedFile], *, force: bool = False) -> Written:
    """Make `out` hold exactly `files`. Raises SetupError, before anything is written, when it holds
    files of others, or, without `force`, files of ours that were edited."""
    try:
        known = _manifest(out)
        present = set(_present(out))
        _refuse_foreign(out, present - set(known) - {MANIFEST})
        if not force:
            _refuse_edited(out, known, files)
        new = {path: {_digest(file.text)} for path, file in files.items()}
        # Interrupted from here on, the next run knows both what was and what is to be.
        both = {path: known.get(path, set()) | new.get(path, set()) for path in {*known, *new}}
        _write_manifest(out, both)
        changed = [path for path in sorted(files) if _differs(out / path, files[path])]
        for path in sorted(files):
            write_file(out / path, files[path].text, mode=files[path].mode)
        removed = sorted((present & set(known)) - set(files))
        for path in removed:
            _remove(out, path)
        _write_manifest(out, new)
    except OSError as error:
        raise SetupError(f"{error.filename or out}: {error.strerror}") from None
    return Written(
        new=tuple(path for path in changed if path not in present),
        changed=tuple(path for path in changed if path in present),
        removed=tuple(removed),
        same=len(files) - len(changed),
    )


def differences(root: Path, files: Mapping[str, RenderedFile]) -> Iterator[str]:
    """A unified diff from what is below `root` to what would be there, file by file."""
    for path, file in sorted(files.items()):
        found = root / path
        try:
            there = found.read_text(encoding="utf-8")
        except FileNotFoundError:
            yield f"--- {found} is missing\n"
            continue
        except (OSError, UnicodeDecodeError) as error:
            yield f"--- {found} can't be read: {error}\n"
            continue
        if there != file.text:
            lines = difflib.unified_diff(
                there.splitlines(keepends=True),
                file.text.splitlines(keepends=True),
                str(found),
                f"{path} (rendered)",
            )
            yield "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
        if found.stat().st_mode & 0o111 != file.mode & 0o111:
            yield f"--- {found} has mode {found.stat().st_mode & 0o777:04o}, not {file.mode:04o}\n"


def leftovers(out: Path, files: Mapping[str, RenderedFile]) -> Iterator[str]:
    """What `out` holds beyond `files`."""
    for path in sorted(set(_present(out)) - set(files) - {MANIFEST}):
        yield f"--- {out / path} isn't rendered any more\n"


def _present(out: Path) -> Iterator[str]:
    for file in out.rglob("*"):
        relative = file.relative_to(out)
        if relative.parts[0] not in GIT and (file.is_symlink() or not file.is_dir()):
            yield relative.as_posix()


def _manifest(out: Path) -> dict[str, set[str]]:
    """Path → the digests that we gave it."""
    try:
        raw = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        return {str(path): set(map(str, digests)) for path, digests in raw["files"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SetupError(
            f"{out / MANIFEST} isn't one of ours: name another directory, or remove this one"
        ) from None


def _write_manifest(out: Path, digests: Mapping[str, set[str]]) -> None:
    listed = {path: sorted(digests[path]) for path in sorted(digests)}
    write_file(out / MANIFEST, json.dumps({"files": listed}, indent=1) + "\n")


def _refuse_foreign(out: Path, foreign: set[str]) -> None:
    if foreign:
        raise SetupError(
            f"{out} holds what `odoo-ha render` didn't write ({_few(foreign)}):"
            " name an empty directory, or move that elsewhere"
        )


def _refuse_edited(
    out: Path, known: Mapping[str, set[str]], files: Mapping[str, RenderedFile]
) -> None:
    edited = {
        path
        for path, digests in known.items()
        if (out / path).exists()
        and _digest((out / path).read_text(encoding="utf-8", errors="replace")) not in digests
        and (path not in files or _differs(out / path, files[path]))
    }
    if edited:
        raise SetupError(
            f"in {out} these were edited since they were written: {_few(edited)}. See what by --check,"
            " put it into the inventory if it can be; --force writes over it"
        )


def _few(paths: set[str]) -> str:
    shown = sorted(paths)[:5]
    return ", ".join(shown) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def _differs(path: Path, file: RenderedFile) -> bool:
    try:
        return path.read_text(encoding="utf-8") != file.text
    except (OSError, UnicodeDecodeError):
        return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _remove(out: Path, path: str) -> None:
    file = out / path
    file.unlink(missing_ok=True)
    for directory in file.parents:
        if directory == out or any(directory.iterdir()):
            return
        directory.rmdir()
