import logging
import os
from dataclasses import dataclass

from odoo import api, models
from odoo.addons.ha_base.settings import current
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..errors import StorageUnavailable, write_failed
from ..location import is_remote, locate, parse, prefix_of
from ..ownership import owner_of
from ..pending import Pending
from ..placement import Facts, size_of, storage_for
from ..settings import Settings

_logger = logging.getLogger(__name__)

_PLACE = "ha_attachment_place"
_OWNER = "ha_attachment_s3.owner"
_OF_CONTENT = ("store_fname", "db_datas", "checksum", "file_size")
_UNLINKED = "ha_attachment_s3.unlinked"
_FACTS = ("url", "res_model", "res_field", "mimetype")


@dataclass(frozen=True)
class _Place:
    """A context value that no client can send: it decides where contents are stored."""

    storage: str


class IrAttachment(models.Model):
    """Attachments in S3, next to what is still in the filestore and stays in the database.

    The object is stored before its row is committed; see pending.py.
    """

    _inherit = "ir.attachment"

    # -- where contents are stored

    @api.model
    def _storage(self):
        """``s3`` where a bucket is configured and ``ir_attachment.location`` says nothing else."""
        place = self.env.context.get(_PLACE)
        if isinstance(place, _Place):
            return place.storage
        location = self.env["ir.config_parameter"].sudo().get_param("ir_attachment.location")
        settings = current(Settings)
        if location == "s3" and not settings.s3_bucket:
            raise UserError(
                self.env._(
                    "The system parameter ir_attachment.location is s3, but this Odoo server has "
                    "no bucket: set s3_bucket in the section [ha] of odoo.conf."
                )
            )
        return location or ("s3" if settings.s3_bucket else "file")

    def _stored_in(self, storage):
        return self.with_context(**{_PLACE: _Place(storage)})

    @api.model
    def _storage_for(self, values, size):
        """``s3``, ``db`` or ``file`` for a content with these values; see placement.py."""

        def value(name):
            return values.get(name, self.env.context.get(f"default_{name}")) or None

        rules = self.env["ha.attachment.rule"]._rules()
        mimetype = value("mimetype")
        if not mimetype and any(rule.mimetype for rule in rules):
            mimetype = self._compute_mimetype(values)
        return storage_for(
            rules,
            Facts(
                url=value("url"),
                model=value("res_model"),
                field=value("res_field"),
                mimetype=mimetype,
                size=size,
            ),
        )

    @api.model
    def _s3_bucket(self):
        """The bucket for new contents; see ir_attachment_company.py."""
        return current(Settings).s3_bucket

    @api.model
    def _s3_prefix(self):
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        prefix = prefix_of(current(Settings).s3_prefix, self.env.cr.dbname, uuid)
        return f"{prefix}/{self._s3_owner()}"

    @api.model
    def _s3_owner(self):
        """This database's name in the keys of what it may delete; see ownership.py."""
        cr = self.env.cr
        if _OWNER not in cr.cache:
            cr.execute(
                "SELECT system_identifier, oid FROM pg_control_system(), pg_database"
                " WHERE datname = current_database()"
            )
            cr.cache[_OWNER] = owner_of(*cr.fetchone())
        return cr.cache[_OWNER]

    @api.model
    def _get_storage_domain(self):
        storage = self._storage()
        if storage == "s3":
            return Domain("db_datas", "!=", False) | (
                Domain("store_fname", "!=", False) & Domain("store_fname", "not =like", "s3://%")
            )
        domain = Domain(super()._get_storage_domain())
        return domain | Domain("store_fname", "=like", "s3://%") if storage == "file" else domain

    def _migrate(self):
        """Leave alone what can't be read: stock would store nothing in its place."""
        absent = self.filtered(
            lambda attachment: (
                attachment.store_fname
                and not is_remote(attachment.store_fname)
                and not os.path.isfile(self._full_path(attachment.store_fname))
            )
        )
        for attachment in absent:
            _logger.error(
                "%s is not moved: %s is not in this node's filestore",
                attachment,
                attachment.store_fname,
            )
        return super(IrAttachment, self - absent)._migrate()

    # -- writing

    @api.model
    def default_get(self, fields):
        """Nobody chooses which content it reads: Odoo ignores these as values, not as defaults."""
        found = super().default_get(fields)
        return {name: value for name, value in found.items() if name not in _OF_CONTENT}

    @api.model_create_multi
    def create(self, vals_list):
        if self._storage() != "s3":
            return super().create(vals_list)
        places = [self._storage_for(vals, size_of(vals)) for vals in vals_list]
        created = {}
        for storage in sorted(set(places)):
            rows = [index for index, place in enumerate(places) if place == storage]
            records = super(IrAttachment, self._stored_in(storage)).create(
                [vals_list[index] for index in rows]
            )
            created.update(zip(rows, records._ids, strict=True))
        return self.browse([created[index] for index in range(len(vals_list))])

    def _set_attachment_data(self, asbytes):
        if self._storage() != "s3":
            return super()._set_attachment_data(asbytes)
        places = {
            attachment: self._storage_for(
                {name: attachment[name] for name in _FACTS}, len(asbytes(attachment))
            )
            for attachment in self
        }
        for storage in ("db", "file"):
            here = self.filtered(lambda attachment, storage=storage: places[attachment] == storage)
            left = [attachment.store_fname for attachment in here if attachment.store_fname]
            super(IrAttachment, here._stored_in(storage))._set_attachment_data(asbytes)
            for name in left:
                self._file_delete(name)
        here = self.filtered(lambda attachment: places[attachment] == "s3")
        return super(IrAttachment, here)._set_attachment_data(asbytes)

    def _get_datas_related_values(self, data, mimetype):
        values = super()._get_datas_related_values(data, mimetype)
        if is_remote(values["store_fname"]):
            self._s3_put(data, parse(values["store_fname"]))
        return values

    @api.model
    def _get_path(self, bin_data, sha):
        if self._storage() != "s3":
            return super()._get_path(bin_data, sha)
        location = self._s3_locate(bin_data)
        return location.store_fname, location.store_fname

    @api.model
    def _file_write(self, bin_value, checksum):
        if self._storage() != "s3":
            return super()._file_write(bin_value, checksum)
        location = Pending(self.env.cr).location_of(bin_value) or self._s3_locate(bin_value)
        return self._s3_put(bin_value, location)

    @api.model
    def _s3_locate(self, content):
        """Where a new content belongs."""
        return locate(content, self._s3_bucket(), self._s3_prefix())

    @api.model
    def _s3_put(self, content, location):
        """Have it stored before this transaction's commit; see pending.py. Return its name.

        :raises UserError: when it is not certain that it is stored
        """
        # boto3 is only there where S3 is configured.
        from ..bucket import bucket

        name = location.store_fname
        pending = Pending(self.env.cr)
        if pending.is_stored(name) or pending.find(name) is not None:
            return name
        try:
            if self._s3_is_referred_to(name) and bucket().has(location, len(content)):
                pending.was_stored([name])
            else:
                pending.add(location, content, self._s3_store)
                pending.set_out(location, self.env["ha.attachment.garbage"]._mark, bucket().begin)
        except StorageUnavailable as error:
            raise self._s3_write_failed() from error
        return name

    @api.model
    def _s3_store(self, pending):
        # boto3 is only there where S3 is configured.
        from ..bucket import bucket

        try:
            pending.store(self.env["ha.attachment.garbage"]._mark, bucket().put_all)
        except StorageUnavailable as error:
            raise self._s3_write_failed() from error

    def _s3_write_failed(self):
        return write_failed(
            self.env._("The file storage can't be reached, nothing was saved. Please try again.")
        )

    @api.model
    def _s3_is_referred_to(self, name):
        """Whether an attachment has this object: then nobody deletes it within the grace."""
        self.env.cr.execute("SELECT 1 FROM ir_attachment WHERE store_fname = %s LIMIT 1", [name])
        return bool(self.env.cr.fetchone())

    # -- reading

    @api.model
    def _file_read(self, fname, size=None):
        """The verified content; for objects in S3 an error where there is none."""
        if not is_remote(fname):
            return super()._file_read(fname, size)
        if not current(Settings).s3_bucket:
            _logger.error("%s can't be read: set s3_bucket in [ha] on this node", fname)
            raise StorageUnavailable
        waiting = Pending(self.env.cr).find(fname)
        if waiting is not None:
            return waiting[:size]
        # boto3 is only there where S3 is configured.
        from ..bucket import bucket

        content = bucket().get(parse(fname))
        return content if size is None else content[:size]

    @api.model
    def _full_path(self, path):
        if is_remote(path):
            raise ValueError(f"{path} lies in S3, it has no path on this node")
        return super()._full_path(path)

    # -- letting go

    @api.model
    def _file_delete(self, fname):
        if not is_remote(fname):
            return super()._file_delete(fname)
        return self._mark_for_gc(fname)

    def _mark_for_gc(self, fname):
        """Objects go on the checklist together, just before this transaction's commit."""
        if not is_remote(fname):
            return super()._mark_for_gc(fname)
        precommit = self.env.cr.precommit
        if _UNLINKED not in precommit.data:
            names = precommit.data[_UNLINKED] = set()
            garbage = self.env["ha.attachment.garbage"]
            precommit.add(lambda: garbage._mark(names))
        precommit.data[_UNLINKED].add(fname)
        return None

    @api.autovacuum
    def _gc_file_store(self):
        """What is left in the filestore is collected as stock does; S3 has its own collector."""
        if self._storage() == "s3" and os.path.isdir(self._full_path("checklist")):
            return super(IrAttachment, self._stored_in("file"))._gc_file_store()
        return super()._gc_file_store()
