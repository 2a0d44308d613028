"""Hosts made of what ``odoo-ha render`` wrote: its files lie over this machine's own, as if they had
been copied to ``/``, in namespaces of their own (files, processes, network).

Services are started as their units say. Ending a host is a power cut: every process on it is gone.
Needs root.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from .addresses import wait_until
from .processes import ServerProcess, discard, scratch_directory

REPOSITORY = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("HA_STATE_DIR", "/var/tmp/odoo-ha"))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def problem() -> str | None:
    """What keeps this process from making such hosts; None when nothing does."""
    if os.geteuid() != 0:
        return "hosts with files of their own need root"
    base = scratch_directory()
    for name in ("upper", "work", "root"):
        (base / name).mkdir()
    laid = f"lowerdir=/,upperdir={base}/upper,workdir={base}/work"
    command = (
        f"mount -t overlay overlay -o {laid} {base}/root && mount -t proc proc {base}/root/proc"
    )
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork"]
    done = subprocess.run(
        [*namespaces, "sh", "-c", command], capture_output=True, text=True, timeout=30, check=False
    )
    discard(base)
    return None if done.returncode == 0 else f"this machine lays no files over /: {done.stderr}"


def odoo_ha(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command of that name."""
    return subprocess.run(
        [tool("odoo-ha"), *map(str, words)],
        capture_output=True, text=True, timeout=120, check=check,
    )  # fmt: skip


def tool(name: str) -> str:
    """A program of the tools' environment, which `./setup/test` puts on PATH."""
    return shutil.which(name) or str(STATE / "tools" / "bin" / name)


class RenderedHost:
    """One host. ``files`` is its directory of the rendering; entering boots it, without services.

    ``extra`` are further files: what packages and people bring to the host, by path.
    """

    def __init__(self, name: str, files: Path, extra: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.base = scratch_directory(f"odoo-ha-rendered-{name}-")
        self.root = self.base / "root"
        upper = self.base / "upper"
        shutil.copytree(files, upper)
        for place, text in (extra or {}).items():
            file = upper / place.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755 if text.startswith("#!") else 0o400)
        for path in [upper, *upper.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
        for directory in ("work", "root"):
            (self.base / directory).mkdir()
        self.services: dict[str, ServerProcess] = {}
        (self.base / "boot").write_text(self._boot())
        self._machine = ServerProcess(
            f"host {name}",
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
             "sh", "-e", str(self.base / "boot")],
            log=self.base / "boot.log",
        )  # fmt: skip

    def _boot(self) -> str:
        root, base = self.root, self.base
        shared = [
            f"mkdir -p {root}{path}; mount --rbind {path} {root}{path}"
            for path in (STATE, REPOSITORY)
        ]
        return "\n".join(
            [
                f"mount -t overlay overlay -o lowerdir=/,upperdir={base}/upper,workdir={base}/work {root}",
                *shared,
                f"mkdir -p {root}/opt/odoo-ha/addons",
                f"mount --rbind {REPOSITORY}/addons {root}/opt/odoo-ha/addons",
                f"mount -t proc proc {root}/proc",
                f"mount --rbind /dev {root}/dev",
                f"mount -t tmpfs tmpfs {root}/run",
                "ip link set lo up",
                f"touch {base}/booted",
                "exec sleep infinity",
            ]
        )

    def __enter__(self) -> Self:
        self._machine.start()
        wait_until(
            lambda: (self.base / "booted").exists() or not self._machine.is_running(),
            timeout=240, what=f"host {self.name} boots",
        )  # fmt: skip
        if not self._machine.is_running():
            raise RuntimeError(f"host {self.name}: {self._machine.log_text()}")
        said = self.run("systemd-sysusers").stdout
        if "nvalid" in said:
            raise RuntimeError(f"host {self.name}: systemd-sysusers: {said}")
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        discard(self.base)

    def cut_power(self) -> None:
        """Every process of this host is gone, and its network."""
        self._machine.kill()
        for service in self.services.values():
            service.kill()

    @property
    def alive(self) -> bool:
        return self._machine.is_running()

    @property
    def pid(self) -> int:
        """The host's first process."""
        return psutil.Process(self._machine.pid).children()[0].pid

    def inside(self, *words: str) -> list[str]:
        """The command that runs `words` on this host."""
        return [
            "nsenter", f"--target={self.pid}", "--mount", "--net", "--pid",
            "chroot", str(self.root), "env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", *words,
        ]  # fmt: skip

    def run(
        self, *words: str, check: bool = True, stdin: str | None = None, timeout: float = 240
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on this host; its output is both of its streams."""
        done = subprocess.run(
            self.inside(*words), input=stdin, text=True, timeout=timeout, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise RuntimeError(
                f"{self.name}: {shlex.join(words)}: {done.returncode}: {done.stdout}"
            )
        return done

    # -- services

    def start(self, unit: str, instead: Sequence[str] = ()) -> ServerProcess:
        """Start a service as its unit says; with another program `instead`, which finds what it would."""
        said = self._unit(unit)
        user = said.get("User", ["root"])[-1]
        group = self.run("id", "-gn", user).stdout.strip()
        credentials = f"/run/credentials/{unit}"
        self._directory(credentials, user, group, "0500")
        for word in said["LoadCredential"]:
            name, _, file = word.partition(":")
            owner = ("-o", user, "-g", group)
            self.run("install", "-m", "0400", *owner, file, f"{credentials}/{name}")
        for setting, place in (("Runtime", "/run"), ("State", "/var/lib"), ("Logs", "/var/log")):
            mode = said.get(f"{setting}DirectoryMode", ["0755"])[-1]
            for name in " ".join(said[f"{setting}Directory"]).split():
                self._directory(f"{place}/{name}", user, group, mode)
        environment = [word.replace("%d", credentials) for word in said["Environment"]]
        become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups"]
        for before in said["ExecStartPre"]:
            self.run(*shlex.split(before))
        command = shlex.split(said["ExecStart"][-1])
        if instead:
            command = [*command[: command.index("--") + 1], *instead]
        self.services[unit] = ServerProcess(
            f"{unit} on {self.name}",
            self.inside(
                *(become if user != "root" else []),
                "sh", "-c", 'umask "$1"; shift; exec "$@"', "sh", said.get("UMask", ["0022"])[-1],
                "env", f"CREDENTIALS_DIRECTORY={credentials}", *environment,
                *command,
            ),
            log=self.base / f"{unit}.log",
        )  # fmt: skip
        self.services[unit].start()
        return self.services[unit]

    def _directory(self, path: str, user: str, group: str, mode: str) -> None:
        self.run("install", "-d", "-m", mode, "-o", user, "-g", group, path)

    def _unit(self, name: str) -> dict[str, list[str]]:
        """The settings of a unit's [Service], its drop-ins included."""
        units = self.base / "upper/etc/systemd/system"
        found: dict[str, list[str]] = defaultdict(list)
        for file in [units / f"{name}.service", *sorted(units.glob(f"{name}.service.d/*.conf"))]:
            section = ""
            for line in file.read_text().splitlines():
                if line.startswith("["):
                    section = line
                elif section == "[Service]" and "=" in line and not line.startswith("#"):
                    key, _, value = line.partition("=")
                    found[key].append(value)
        return found

    def log(self, unit: str) -> str:
        return self.services[unit].log_text()


class Network:
    """A switch, with an address of its own, to which hosts are plugged. Clients work there."""

    def __init__(self, address: str, prefix: int = 24) -> None:
        self.address = address
        self._prefix = prefix
        self.base = scratch_directory("odoo-ha-switch-")
        self._machine = ServerProcess(
            "switch",
            ["unshare", "--net", "--fork", "--kill-child", "sleep", "infinity"],
            log=self.base / "log",
        )

    def __enter__(self) -> Self:
        self._machine.start()
        wait_until(
            lambda: psutil.Process(self._machine.pid).children(), timeout=30, what="the switch"
        )
        # unshare has its namespace before it forks.
        for words in (
            "link set lo up",
            "link add bridge type bridge",
            f"addr add {self.address}/{self._prefix} dev bridge",
            "link set bridge up",
        ):
            self.run("ip", *words.split())
        return self

    def __exit__(self, *_: object) -> None:
        self._machine.kill()
        discard(self.base)

    def inside(self, *words: str) -> list[str]:
        pid = psutil.Process(self._machine.pid).children()[0].pid
        return ["nsenter", f"--target={pid}", "--net", *words]

    def run(self, *words: str) -> str:
        done = subprocess.run(
            self.inside(*words), capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"switch: {shlex.join(words)}: {done.stderr}")
        return done.stdout

    def plug(self, host: RenderedHost, address: str) -> None:
        """Give a host its interface eth0 with that address."""
        peer = ("type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        self.run("ip", "link", "add", host.name, *peer)
        self.run("ip", "link", "set", host.name, "master", "bridge", "up")
        host.run("ip", "addr", "add", f"{address}/{self._prefix}", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")

    def unplug(self, host: RenderedHost) -> None:
        """From now on nothing comes from that host, and nothing reaches it; nobody is told."""
        self.run("ip", "link", "delete", host.name)


def new_secrets(names: Iterable[str]) -> dict[str, str]:
    return {name: secrets.token_hex(16) for name in names}


def usual_places(odoo_path: str, odoo_script: str) -> dict[str, str]:
    """What an installation puts where PLAN.md says: the commands of Patroni, the sidecar and Odoo."""
    servers = STATE / "parts/servers-venv/bin"

    def script(program: Sequence[str | Path], **environment: str) -> str:
        variables = [f"export {key}={shlex.quote(value)}" for key, value in environment.items()]
        return "\n".join(
            ["#!/bin/sh", *variables, f'exec {shlex.join(map(str, program))} "$@"', ""]
        )

    return {
        "/opt/patroni/bin/patroni": script([servers / "patroni"]),
        "/opt/patroni/bin/patronictl": script([servers / "patronictl"]),
        "/usr/local/bin/ha-sidecar": script([tool("ha-sidecar")]),
        "/usr/bin/odoo": script([sys.executable, odoo_script], PYTHONPATH=odoo_path),
    }
