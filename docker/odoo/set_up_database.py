"""Read by Odoo's shell, once the suite is installed: the first password of the user admin.

Odoo installs itself with the password "admin". A password that somebody has set since stays.
"""

from pathlib import Path

from odoo.exceptions import AccessDenied

admin = env.ref("base.user_admin")  # noqa: F821 (the shell's)
try:
    admin.with_user(admin)._check_credentials(
        {"type": "password", "password": "admin"}, {"interactive": False}
    )
except AccessDenied:
    pass
else:
    admin.password = Path("/run/secrets/odoo_admin_password").read_text().strip()
    env.cr.commit()  # noqa: F821
