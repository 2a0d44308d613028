from odoo import http
from odoo.http import request


class HaTest(http.Controller):
    @http.route("/ha_test/write", type="http", auth="user", methods=["POST"], csrf=False)
    def write(self, token, seconds="0"):
        """A plain HTTP route that writes, lingers and answers the row's id."""
        return str(request.env["ha.test.row"].create_slowly(token, float(seconds)))

    @http.route("/ha_test/upload", type="http", auth="user", methods=["POST"], csrf=False)
    def upload(self, token, content, seconds="0"):
        """Read an uploaded file, write and linger; answers how many bytes were read."""
        read = len(content.read())
        request.env["ha.test.row"].create_slowly(token, float(seconds))
        return str(read)
