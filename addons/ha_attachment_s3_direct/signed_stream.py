"""What Odoo's controllers serve for a directly uploaded file: a redirect to a signed link."""

from odoo.http import Stream, request


class SignedStream(Stream):
    """Signs when it is asked for its answer, since only then it is known whether to show or to save.

    Stock's own redirect may be kept by shared caches; this one is its browser's alone.
    """

    type = "url"

    def __init__(self, attachment, seconds):
        super().__init__(url=attachment.url, download_name=attachment.name, max_age=0)
        self._attachment = attachment
        self._seconds = seconds

    def read(self):  # pylint: disable=method-required-super
        """The content, where a controller works with it (a ZIP of several files)."""
        return self._attachment.raw

    def get_response(self, as_attachment=None, **_kwargs):
        """A redirect, forgotten before the link's signature is over.

        :raises UploadMissing: when the file never arrived
        :raises StorageUnavailable: when S3 does not answer
        """
        url = self._attachment._direct_link(download=bool(as_attachment))
        answer = request.redirect(url, code=302, local=False)
        answer.headers["Cache-Control"] = f"private, max-age={max(self._seconds - 10, 0)}"
        return answer
