"""Runs Odoo's own tests of attachments, images, reports and cloud storage on stock and on S3.

Usage: ``python -m tests.odoo_own.compare_s3 [pytest options]``. The same database, once with stock
Odoo and its filestore, once with the suite and its contents in a real SeaweedFS, small images too: the
rule that keeps these in the database is taken away, only what is served by its address stays there.
Each content is sent at once (``plugin_s3``). The node's cache is on: a test that sets Python's clock
could read nothing from S3, which refuses a request that is signed at another time.
Odoo's tests of attachments, which look into the filestore's directory (``ON_DISK``), run from
``ha_attachment_s3``, where the same tests look into the bucket. Without wkhtmltopdf Odoo skips the tests that make a PDF, on both sides; Google's cloud
storage is compared where google-auth is installed. Exits 0 when nothing differs.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from shutil import which
from typing import Any

from tests.servers.odoo import OdooServer, Variant
from tests.servers.odoo_source import SUITE_ADDONS
from tests.servers.postgres import Postgres
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment, suite_modules

from .compare import SERVER_WIDE, outcomes, print_line, report, test_paths
from .outcomes import Outcomes, renamed

MODULES = ("base", "web", "mail", "test_http", "test_mail", "test_orm")
ON_DISK = "base/tests/test_ir_attachment.py"
ON_S3 = "ha_attachment_s3/tests/test_odoo_own.py"
TESTS = (
    ON_DISK,
    "base/tests/test_image.py",
    "base/tests/test_avatar_mixin.py",
    "base/tests/test_pdf.py",
    "base/tests/test_reports.py",
    "web/tests/test_base_document_layout.py",
    "web/tests/test_image.py",
    "web/tests/test_ir_qweb.py",
    "web/tests/test_reports.py",
    "web/tests/test_webmanifest.py",
    "html_editor/tests/test_controller.py",
    "html_editor/tests/test_modify_image_no_data.py",
    "mail/tests/discuss/test_avatar_acl.py",
    "mail/tests/discuss/test_discuss_attachment_controller.py",
    "mail/tests/discuss/test_discuss_binary_controller.py",
    "test_http/tests/test_static.py",
    "test_mail/tests/test_controller_attachment.py",
    "test_mail/tests/test_controller_binary.py",
    "test_mail/tests/test_ir_attachment.py",
    "test_mail/tests/test_message_post.py",
    "test_orm/tests/test_web_save.py",
)
FIELDS = (
    "test_85_binary_guess_zip",
    "test_90_binary_svg",
    "test_91_binary_svg_attachment",
    "test_92_binary_self_avatar_svg",
    "test_94_image",
    "test_95_binary_bin_size_create",
    "test_95_binary_bin_size_write",
)
AZURE = ("cloud_storage_azure", "cloud_storage_migration")
GOOGLE = "cloud_storage_google"
CLASSES = ("TestIrAttachment", "TestPermissions")
#: The fewest objects that such a run leaves in the bucket (what is rolled back waits for the
#: collector): else the tests met the filestore, and nothing was compared.
FEWEST_OBJECTS = 20


def has_google() -> bool:
    try:
        return importlib.util.find_spec("google.auth") is not None
    except ModuleNotFoundError:
        return False


def compare(options: Sequence[str]) -> tuple[Outcomes, Outcomes, int]:
    """Return the outcomes on stock and on S3, and how many objects the latter left there."""
    clouds = [*AZURE, *[GOOGLE] * has_google()]
    tests = [*TESTS, *(f"{cloud}/tests" for cloud in clouds if cloud != "cloud_storage_migration")]
    with ExitStack() as running:
        postgres = running.enter_context(Postgres())
        s3 = running.enter_context(SeaweedFS())

        def odoo(dbname: str, variant: Variant, **configured: Any) -> OdooServer:
            options = {
                "http_interface": "127.0.0.1",  # where HttpCase asks
                "db_maxconn": 64,
                "server_wide_modules": SERVER_WIDE[variant],
            }
            return OdooServer(postgres, dbname, variant=variant, options=options, **configured)

        stock = odoo("stock", "stock")
        stock.install(*MODULES, *clouds)
        suite = odoo(
            "suite",
            "suite",
            ha=ha_settings(None, s3),
            environment=secret_environment(s3.base, None, s3),
        )
        suite.copy_database(stock)
        suite.install(*suite_modules(), "ha_attachment_s3_direct")
        postgres.execute("DELETE FROM ha_attachment_rule WHERE url IS NULL", dbname="suite")
        paths = test_paths(stock.source, tests)
        (fields,) = test_paths(stock.source, ["test_orm/tests/test_fields.py"])
        paths += [f"{fields}::TestFields::{test}" for test in FIELDS]
        before = count(s3)
        print_line("== Odoo's own tests with its filestore")
        without = outcomes(stock, options, paths)
        print_line("== Odoo's own tests on S3")
        options = [*options, "-p", "tests.odoo_own.plugin_s3"]
        with_s3 = dict(outcomes(suite, options, [path for path in paths if ON_DISK not in path]))
        print_line("== Odoo's own tests that look at the disk, looking at S3")
        module = f"odoo.addons.{ON_DISK.removesuffix('.py').replace('/', '.')}"
        with_s3 |= renamed(
            outcomes(suite, options, [f"{SUITE_ADDONS}/{ON_S3}"]),
            {f"{name}OnS3": f"{module}.{name}" for name in CLASSES},
        )
        return without, with_s3, count(s3) - before


def count(s3: SeaweedFS) -> int:
    """How many objects there are."""
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=s3.bucket)
    return sum(page["KeyCount"] for page in pages)


def main(options: Sequence[str]) -> int:
    if not which("wkhtmltopdf"):
        print_line("wkhtmltopdf is not installed: tests that make a PDF are skipped on both sides")
    if not has_google():
        print_line(f"google-auth is not installed: {GOOGLE} is left out")
    without, with_s3, objects = compare(options)
    different = report(without, with_s3)
    print_line(f"{objects} objects were stored in S3")
    if objects < FEWEST_OBJECTS or "passed" not in without.values():
        print_line("too few of them for a comparison, or no test passed on stock")
        return 1
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
