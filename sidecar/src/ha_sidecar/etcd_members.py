"""All members of etcd as one, for calls that any of them can answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from .errors import Forbidden, SourceError
from .etcd import Access, Endpoint, Reading

T = TypeVar("T")


class EtcdMembers:
    """All members of etcd as one: a call goes to the one that answered last, then to the others.

    For one thread. Raises the last member's SourceError when none answers.
    """

    def __init__(self, urls: Sequence[str], access: Access) -> None:
        self._endpoints = [Endpoint(url, access) for url in urls]

    def call(self, action: Callable[[Endpoint], T]) -> T:
        failure: SourceError | None = None
        for endpoint in list(self._endpoints):
            try:
                return action(endpoint)
            except Forbidden:
                raise
            except SourceError as error:
                failure = error
                self._endpoints.append(self._endpoints.pop(0))
        raise SourceError(f"no etcd endpoint answers (setting etcd_endpoints): {failure}")

    def read(self, prefix: str) -> Reading:
        return self.call(lambda endpoint: endpoint.read(prefix))

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.close()
