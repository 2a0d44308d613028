"""nginx in front of HTTP servers. Where the system has none, Debian's program is unpacked."""

from __future__ import annotations

from collections.abc import Mapping

from .addresses import accepts_connections, free_port, next_address, wait_until
from .debian import program
from .processes import ServerProcess, scratch_directory
from .server import Server


class Nginx(Server):
    """Entering starts it, leaving stops it. ``locations`` are nginx's lines by path; it asks its
    upstreams from its own address."""

    def __init__(self, locations: Mapping[str, str], *, upstreams: str = "") -> None:
        self.address = next_address()
        self.port = free_port(self.address)
        self.base = scratch_directory("odoo-ha-nginx-")
        places = "\n".join(f"location {path} {{ {lines} }}" for path, lines in locations.items())
        configuration = self.base / "nginx.conf"
        configuration.write_text(f"""\
daemon off;
master_process off;
pid {self.base}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {self.base}/body;
    proxy_temp_path {self.base}/proxy;
    fastcgi_temp_path {self.base}/fastcgi;
    uwsgi_temp_path {self.base}/uwsgi;
    scgi_temp_path {self.base}/scgi;
    proxy_bind {self.address};
    proxy_connect_timeout 2s;
    proxy_read_timeout 10s;
    {upstreams}
    server {{
        listen {self.address}:{self.port};
        {places}
    }}
}}
""")
        nginx = str(program("nginx", "nginx", "/usr/sbin/nginx"))
        self.process = ServerProcess(
            f"nginx {self.address}:{self.port}",
            [nginx, "-p", str(self.base), "-c", str(configuration)],
            log=self.base / "nginx.log",
        )

    def start(self) -> None:
        self.process.start()

        def ready() -> bool:
            if not self.process.is_running():
                raise RuntimeError(f"{self.process.name} ended:\n{self.process.log_text()}")
            return accepts_connections(self.address, self.port)

        wait_until(ready, timeout=30, what=f"{self.process.name} answers")

    def end(self) -> None:
        self.process.stop()
