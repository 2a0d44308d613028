from odoo import api, models
from odoo.addons.ha_attachment_s3.location import SCHEME
from odoo.addons.ha_attachment_s3.settings import Settings
from odoo.addons.ha_base.settings import current
from odoo.exceptions import AccessError, UserError
from odoo.tools import human_size

from ..direct_name import declared_size, invent, parse
from ..settings import Settings as DirectSettings

_CONTENT = {"raw", "datas", "db_datas"}
_SIZE = "ha_attachment_s3_direct_size"


class IrAttachment(models.Model):
    """Files that browsers upload to the bucket themselves, by Odoo's own ``cloud_storage``.

    Such an attachment has the type ``cloud_storage`` and an ``s3://`` URL. Copies refer to the same
    object; it is garbage when the last of them lets go. Whoever has a URL could read the file through
    an attachment of their own: only the server gives one out, and else only somebody who can read an
    attachment that has it may use it again.
    """

    _inherit = "ir.attachment"

    def _direct_name(self):
        """Where the file is; None for every other attachment."""
        return parse(self.url) if self.type == "cloud_storage" else None

    # -- the provider's methods

    def _post_add_create(self, **kwargs):
        size = declared_size(kwargs.get("cloud_storage_size"))
        return super(IrAttachment, self.with_context(**{_SIZE: size}))._post_add_create(**kwargs)

    def _generate_cloud_storage_url(self):
        provider = self.env["ir.config_parameter"].sudo().get_param("cloud_storage_provider")
        if provider != "s3":
            return super()._generate_cloud_storage_url()
        if not current(Settings).s3_bucket:
            raise UserError(
                self.env._(
                    "Direct uploads go to S3, but this Odoo server has no bucket: set s3_bucket in "
                    "the section [ha] of odoo.conf."
                )
            )
        size = self.env.context.get(_SIZE) or self.file_size
        name = invent(current(Settings).s3_bucket, self._s3_prefix(), self.id, size)
        # Before anybody can upload: a rollback leaves a trace.
        self.env["ha.attachment.garbage"].sudo()._mark([name.url])
        return name.url

    def _generate_cloud_storage_upload_info(self):
        name = self._direct_name() or parse(self.url)
        if not name:
            return super()._generate_cloud_storage_upload_info()
        # boto3 is only there where S3 is configured.
        from ..objects import sign_upload

        mimetype = self.mimetype or "application/octet-stream"
        seconds = self._cloud_storage_upload_url_time_to_expiry
        return {
            "url": sign_upload(name, mimetype, seconds),
            "method": "PUT",
            "response_status": 200,
            "headers": {"Content-Type": mimetype},
        }

    def _generate_cloud_storage_download_info(self):
        if not self._direct_name():
            return super()._generate_cloud_storage_download_info()
        return {
            "url": self._direct_link(download=False),
            "time_to_expiry": self._cloud_storage_download_url_time_to_expiry,
        }

    # -- reading

    def _direct_link(self, *, download):
        """A signed link to the file. Whether the user may have it was decided before.

        :raises UploadMissing: when the file never arrived
        :raises StorageUnavailable: when S3 does not answer
        """
        # boto3 is only there where S3 is configured.
        from ..objects import sign_download, size_of

        name = self._direct_name()
        size_of(name)  # a browser would show its user S3's own words for "missing"
        return sign_download(
            name,
            self._cloud_storage_download_url_time_to_expiry,
            filename=self.name,
            mimetype=self.mimetype or "application/octet-stream",
            download=download,
        )

    def _to_http_stream(self):
        self.ensure_one()
        if not self._direct_name():
            return super()._to_http_stream()
        from ..signed_stream import SignedStream

        return SignedStream(self, self._cloud_storage_download_url_time_to_expiry)

    @api.depends("type", "url")
    def _compute_raw(self):
        """Stock has nothing in ``raw`` for such a file; mails and reports would lack it."""
        direct = self.filtered(lambda attachment: attachment._direct_name())
        for attachment in direct:
            attachment.raw = attachment._direct_read()
        return super(IrAttachment, self - direct)._compute_raw()

    @api.depends("type", "url")
    def _compute_datas(self):
        return super()._compute_datas()

    def _direct_read(self):
        """:raises UserError: when it is larger than ``s3_direct_read_limit``"""
        # boto3 is only there where S3 is configured.
        from ..objects import read, size_of

        name, limit = self._direct_name(), current(DirectSettings).s3_direct_read_limit
        size = size_of(name)
        if size > limit:
            raise UserError(
                self.env._(
                    "%(name)s has %(size)s, the server reads files of up to %(limit)s "
                    "(s3_direct_read_limit in the section [ha] of odoo.conf). It can be downloaded.",
                    name=self.name,
                    size=human_size(size),
                    limit=human_size(limit),
                )
            )
        return read(name)

    def _migrate_remote_to_local(self):
        if not self._direct_name():
            return super()._migrate_remote_to_local()
        return self.write({"type": "binary", "url": False, "raw": self.raw})

    # -- writing

    @api.model_create_multi
    def create(self, vals_list):
        self._check_direct_urls(vals.get("url") for vals in vals_list)
        attachments = super().create(vals_list)
        attachments._set_direct_size()
        return attachments

    def write(self, vals):
        self._check_direct_urls([vals.get("url")])
        direct = self.filtered(lambda attachment: attachment._direct_name())
        if "type" not in vals and any(vals.get(name) for name in _CONTENT) and direct:
            # Stock would go on serving the old file.
            super(IrAttachment, self - direct).write(dict(vals))
            return direct.write({**vals, "type": "binary", "url": False})
        if vals.get("type") == "cloud_storage" and "mimetype" not in vals and len(self) == 1:
            # Else it is guessed from the URL, which has no file name in it.
            vals = {**vals, "mimetype": self.mimetype}
        before = {attachment.url for attachment in direct}
        result = super().write(vals)
        if "url" in vals or "type" in vals:
            for url in before - {vals.get("url")}:
                self._file_delete(url)
            self._set_direct_size()
        return result

    def copy_data(self, default=None):
        """A copy refers to the same object; nothing is read."""
        default = dict(default or {})
        vals_list = []
        for attachment in self:
            if not attachment._direct_name():
                changed = default
            elif default.keys() & _CONTENT:
                changed = {"type": "binary", "url": False, **default}
            else:
                changed = {**default, "raw": False}
            vals_list += super(IrAttachment, attachment).copy_data(changed)
        return vals_list

    def unlink(self):
        urls = {attachment.url for attachment in self if attachment._direct_name()}
        result = super().unlink()
        for url in urls:
            self._file_delete(url)
        return result

    def _set_direct_size(self):
        """The size is in the URL, and Odoo lets nobody write the field."""
        for attachment in self:
            name = attachment._direct_name()
            if name and name.size and attachment.file_size != name.size:
                attachment.flush_recordset(["file_size"])
                self.env.cr.execute(
                    "UPDATE ir_attachment SET file_size = %s WHERE id = %s",
                    [name.size, attachment.id],
                )
                attachment.invalidate_recordset(["file_size"])

    def _check_direct_urls(self, urls):
        """:raises AccessError: for one that the user could not know by right"""
        if self.env.su:
            return
        for url in urls:
            is_object = isinstance(url, str) and url.startswith(SCHEME)
            if is_object and not self.search_count([("url", "=", url)], limit=1):
                raise AccessError(
                    self.env._("Only an attachment that you can read can have this address.")
                )
