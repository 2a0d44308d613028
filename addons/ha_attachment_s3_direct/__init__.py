from . import models

from odoo.exceptions import UserError


def uninstall_hook(env):
    """Without the addon nothing leads to the files any more: they are moved first, or it stays.

    :raises UserError: while there are such files
    """
    attachments = env["ir.attachment"].sudo()
    domain = [("type", "=", "cloud_storage"), ("url", "=like", "s3://%"), ("id", "!=", False)]
    if attachments.search_count(domain, limit=1):
        raise UserError(
            env._("Some files were uploaded directly to S3: move them before this is uninstalled.")
        )
    parameters = env["ir.config_parameter"].sudo()
    if parameters.get_param("cloud_storage_provider") == "s3":
        parameters.set_param("cloud_storage_provider", False)
