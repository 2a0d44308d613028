"""What a request is answered with while the sessions can't be read or written."""

from werkzeug.exceptions import ServiceUnavailable

RETRY_AFTER = 5  # seconds


class SessionStoreUnavailable(ServiceUnavailable):
    """Redis does not answer: 503 with Retry-After, whatever the route's type.

    Never an empty session instead: that would log the user out. Raised before a cookie is set
    and before the transaction is committed, so the client's cookie stays what it was.
    """

    def __init__(self) -> None:
        super().__init__(
            description="The session store can't be reached. You are still logged in: please "
            "try again in a few seconds.",
            retry_after=RETRY_AFTER,
        )

    @property
    def error_response(self) -> "SessionStoreUnavailable":
        """Odoo sends this as it is, also for JSON-RPC, where errors are a 200 otherwise."""
        return self
