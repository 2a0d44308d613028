"""Files on their way to a browser, without a file in memory.

Odoo sends them (``proxy``), S3 by a signed address (``redirect``) or nginx, which fetches them from
there (``x-accel``). By then Odoo has checked the rights. Whoever needs the content itself (a
thumbnail, a report, a zip file) finds it in ``data``, as in Odoo's own streams.
"""

from urllib.parse import urlsplit

import werkzeug.http
from odoo.addons.ha_base.settings import current
from odoo.http import STATIC_CACHE_LONG, Response, Stream, request
from odoo.tools._vendor.send_file import send_file

from .bucket import bucket
from .location import Location
from .settings import Settings

#: Where nginx finds S3; see the addon's page.
ACCEL_PREFIX = "/ha_s3"

#: What scripts send. Their requests are answered by Odoo: another origin would need CORS.
_SCRIPTED = ("cors", "same-origin", "websocket")


class ObjectStream(Stream):
    """An object in S3. For others it is a stream of type ``data``, which is read when needed."""

    type = "data"

    def __init__(self, location: Location, **values):
        self._location = location
        self._content = None
        super().__init__(**values)

    @property
    def data(self):
        """The whole content; verified."""
        if self._content is None:
            self._content = bucket().get(self._location)
        return self._content

    @data.setter
    def data(self, content):
        self._content = content

    def get_response(
        self,
        as_attachment=None,
        immutable=None,
        content_security_policy="default-src 'none'",
        **send_file_kwargs,
    ):
        """See Odoo's. Errors of S3 come from here, before anything was sent.

        :raises StorageUnavailable: when S3 does not answer
        :raises ObjectDamaged: when the object is missing, or seen not to be intact
        """
        if self._content is not None:
            return super().get_response(
                as_attachment, immutable, content_security_policy, **send_file_kwargs
            )
        immutable = self.immutable if immutable is None else immutable
        environ = request.httprequest.environ
        wanted = {
            "mimetype": self.mimetype,
            "as_attachment": self.as_attachment if as_attachment is None else as_attachment,
            "download_name": self.download_name,
            "etag": self.etag,
            "last_modified": self.last_modified,
            "max_age": STATIC_CACHE_LONG if immutable else self.max_age,
            "environ": environ,
            "response_class": Response,
            **send_file_kwargs,
            "conditional": False,
        }
        answer = send_file(_Nothing(), **wanted)
        answer.content_length = self.size
        if not self._is_sent_by_others(environ) or self._is_another(answer, environ):
            if send_file_kwargs.get("conditional", self.conditional):
                answer = answer.make_conditional(
                    environ, accept_ranges=True, complete_length=self.size
                )
            self._fill(answer, environ)
        elif not self._is_known(answer, environ):
            if current(Settings).s3_serve == "redirect":
                return self._redirect(answer)
            self._accelerate(answer)
        else:
            answer = answer.make_conditional(environ)
        self._secure(answer, content_security_policy, immutable)
        return answer

    def _fill(self, answer, environ):
        if environ["REQUEST_METHOD"] == "HEAD" or answer.status_code not in (200, 206):
            answer.response = ()
            return
        start, stop = 0, self.size
        if answer.status_code == 206:
            span = werkzeug.http.parse_content_range_header(answer.headers["Content-Range"])
            start, stop = span.start, span.stop
        answer.response = bucket().open(self._location, self.size, start, stop)
        answer.direct_passthrough = True

    def _secure(self, answer, content_security_policy, immutable):
        """The same headers as for any other file."""
        answer.headers["X-Content-Type-Options"] = "nosniff"
        if content_security_policy:
            answer.headers["Content-Security-Policy"] = content_security_policy
        if self.public:
            if (answer.cache_control.max_age or 0) > 0:
                answer.cache_control.public = True
        else:
            answer.cache_control.pop("public", "")
            answer.cache_control.private = True
        if immutable:
            answer.cache_control["immutable"] = None

    # -- sent by S3 or nginx

    def _is_sent_by_others(self, environ):
        settings = current(Settings)
        if settings.s3_serve == "proxy" or self.size < settings.s3_serve_from:
            return False
        if environ["REQUEST_METHOD"] != "GET" or bucket().away:
            return False
        return settings.s3_serve == "x-accel" or (
            environ.get("HTTP_SEC_FETCH_MODE", "navigate") not in _SCRIPTED
        )

    def _is_known(self, answer, environ):
        """Whether the browser has it already."""
        return not werkzeug.http.is_resource_modified(
            environ, answer.get_etag()[0], last_modified=answer.last_modified
        )

    def _is_another(self, answer, environ):
        """Whether the browser wants a part of what it has the beginning of, and that isn't this content.

        It is to get the whole, which not every S3 service would send: parts of two would be glued together.
        """
        return "HTTP_IF_RANGE" in environ and werkzeug.http.is_resource_modified(
            environ,
            answer.get_etag()[0],
            last_modified=answer.last_modified,
            ignore_if_range=False,
        )

    def _redirect(self, answer):
        """S3 answers with the name, the type and the disposition that Odoo would give."""
        said = {
            "ResponseContentType": answer.headers.get("Content-Type"),
            "ResponseContentDisposition": answer.headers.get("Content-Disposition"),
            "ResponseCacheControl": "private, no-cache",
        }
        address = bucket().presigned_url(
            self._location, **{name: value for name, value in said.items() if value}
        )
        redirect = request.redirect(address, code=302, local=False)
        lifetime = int(current(Settings).s3_url_lifetime)
        redirect.headers["Cache-Control"] = f"private, max-age={lifetime // 2}"
        redirect.headers["Vary"] = "Sec-Fetch-Mode"
        return redirect

    def _accelerate(self, answer):
        # nginx adds the name and the disposition of this answer to S3's, but not the type.
        content_type = answer.headers["Content-Type"]
        address = urlsplit(bucket().presigned_url(self._location, ResponseContentType=content_type))
        answer.headers["X-Accel-Redirect"] = f"{ACCEL_PREFIX}{address.path}?{address.query}"
        # nginx gives the length itself, of the whole or of a part.
        answer.headers["Content-Length"] = "0"
        answer.response = ()


class _Nothing:
    """A file that is not read: what is sent is decided later."""

    def read(self, _size=-1):  # pylint: disable=method-required-super
        return b""

    def close(self):
        return None
