"""The planned switchover: ``ha-sidecar switchover``, run by a person, on any machine that reaches
etcd, Patroni and PostgreSQL.

It is no part of the sidecar that serves: only this command needs the right to write one key in
etcd and Patroni's REST credentials.
"""

from .command import switchover

__all__ = ["switchover"]
