"""What an operator may say about direct uploads. Pure: no connection, no Odoo."""

from dataclasses import dataclass

from odoo.addons.ha_base.settings import parse, setting


@dataclass(frozen=True)
class Settings:
    """The bucket and its credentials are those of ha_attachment_s3."""

    s3_direct_read_limit: int = setting(
        256 << 20,
        parse.size,
        "How large a directly uploaded file may be for server code (a mail, a report) to read it, "
        "as a whole, into memory; reading a larger one is an error. Downloads have no limit.",
        example="1GB",
    )
