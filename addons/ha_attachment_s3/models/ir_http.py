from odoo import models
from odoo.http import request
from werkzeug.exceptions import ServiceUnavailable


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _handle_error(cls, exception):
        """A failed write tells HTTP clients when to try again; JSON-RPC has its dialog."""
        retry_after = getattr(exception, "retry_after", None)
        if (
            getattr(exception, "http_status", None) == ServiceUnavailable.code
            and retry_after
            and request.dispatcher.routing_type == "http"
        ):
            return ServiceUnavailable(exception.args[0], retry_after=retry_after)
        return super()._handle_error(exception)
