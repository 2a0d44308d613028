"""Nothing is made public, nobody gets at another's objects, and the secret key stays where it is."""

import os
import secrets
from dataclasses import replace
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import urllib3
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2 import sql

from ..location import locate, parse
from .common import CONTENT, InBucket

#: Whose headers and queries would change who may read.
_PUBLIC = ("acl", "policy", "publicaccessblock", "x-amz-grant")


class RequestsToS3:
    """Mixin: what was sent to S3."""

    def setUp(self):
        super().setUp()
        self.sent = []
        self.listen()

    def listen(self):
        """Listen to the client of the settings now in force, too."""
        self.bucket().client.meta.events.register("before-send.s3", self._note)

    def _note(self, request, **_kwargs):
        names = [name.lower() for name in request.headers]
        self.sent.append((request.method, urlsplit(request.url).query.lower(), names))

    def assert_nothing_public(self):
        self.assertTrue(self.sent)
        for method, query, headers in self.sent:
            for name in (*query.split("&"), *headers):
                self.assertFalse(
                    name.removeprefix("x-amz-").startswith(_PUBLIC) or name.startswith(_PUBLIC),
                    f"{method} {query} {headers}",
                )


@tagged("post_install", "-at_install")
class TestSecurity(RequestsToS3, InBucket, HttpCase):
    def anonymous(self, method, path):
        """What anybody gets from S3. Odoo's tests block requests to elsewhere."""
        address = f"{self.settings.s3_endpoint_url}/{self.settings.s3_bucket}{path}"
        return urllib3.request(method, address, body=b"x" if method == "PUT" else None, timeout=30)

    def test_no_bucket_and_no_object_is_made_public(self):
        for public in (False, True):
            self.attach(os.urandom(2000), public=public)
        with patch("odoo.addons.ha_attachment_s3.upload.LARGE", 1 << 20):
            self.attach(os.urandom(9 << 20), public=True)
        attachment = self.attach(public=True)
        self.assertEqual(self.read_anew(attachment), CONTENT)
        self.assertEqual({method for method, *_ in self.sent} - {"GET", "HEAD"}, {"PUT", "POST"})
        self.bucket().delete(parse(self.attach(b"to be deleted" * 100).store_fname))
        self.assert_nothing_public()
        key = parse(attachment.store_fname).key
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            self.assertEqual(self.anonymous(method, f"/{key}").status, 403, method)
        for path in ("", "?list-type=2", f"?list-type=2&prefix={self.settings.s3_prefix}", "?acl"):
            self.assertEqual(self.anonymous("GET", path).status, 403, path)
        self.assertEqual(self.read_anew(attachment), CONTENT)

    def test_the_name_of_an_object_leads_nobody_to_it(self):
        attachment = self.attach()
        self.env.flush_all()
        new_test_user(self.env, "curious", groups="base.group_user")
        key = parse(attachment.store_fname).key
        for login in ("curious", None):
            self.authenticate(login, login)
            for path in (
                f"/web/content/{quote(attachment.store_fname, safe='')}",
                f"/web/content/{key}",
                f"/web/image/{quote(attachment.store_fname, safe='')}",
                f"/web/content?model=ir.attachment&id={attachment.id}&field=raw",
                f"/web/content?model=ir.attachment&id={attachment.id}&field=store_fname",
                f"/web/static/../../{key}",
                f"/ha_s3/{self.settings.s3_bucket}/{key}",
            ):
                with mute_logger("odoo.http", "odoo.addons.base.models.ir_binary"):
                    answer = self.url_open(path, allow_redirects=False)
                self.assertIn(answer.status_code, (303, 403, 404), path)
                self.assertNotIn(CONTENT[:100], answer.content)
                self.assertNotIn(key, answer.headers.get("Location", ""))

    def test_equal_contents_of_two_databases_are_two_objects(self):
        """Else one could learn what another has, and whoever deletes would delete for both."""
        ours = self.attach()
        with patch.object(type(self.attachments), "_s3_owner", lambda _self: f"{7:016x}-1"):
            theirs = self.attachments._s3_locate(CONTENT)
        self.assertNotEqual(parse(ours.store_fname).key, theirs.key)

    def test_no_name_climbs_out_of_its_prefix(self):
        bucket, prefix = self.settings.s3_bucket, self.attachments._s3_prefix()
        good = locate(b"", bucket, prefix).store_fname
        self.assertEqual(parse(good).store_fname, good)
        for name in (
            good.replace(prefix, f"{prefix}/../other"),
            good.replace(prefix, ".."),
            good.replace(prefix, ""),
            f"{good}/../../x",
            f"{good}?versionId=1",
            f"{good}#x",
            f"{good}\n",
            good.replace(bucket, f"user@{bucket}"),
            good.replace(bucket, f"other/../{bucket}"),
        ):
            attachment = self.attach(secrets.token_bytes(100))
            self.env.cr.execute(
                "UPDATE ir_attachment SET store_fname = %s WHERE id = %s", [name, attachment.id]
            )
            with self.subTest(name=name), self.assertRaises(ValueError):
                self.read_anew(attachment)

    def test_the_secret_is_in_no_table_no_answer_and_no_log(self):
        secret = self.settings.s3_secret_key
        self.authenticate("admin", "admin")
        said = []
        with self.assertLogs("odoo", "DEBUG") as logs:
            self.configure(replace(self.settings, s3_serve="redirect", s3_serve_from=1))
            attachment = self.attach()
            settings = self.env["res.config.settings"].create({})
            settings.execute()
            said.append(str(settings.read() + attachment.read()))
            answer = self.url_open(f"/web/content/{attachment.id}", allow_redirects=False)
            signature = answer.headers["Location"].partition("X-Amz-Signature=")[2][:64]
            self.assertRegex(signature, "^[0-9a-f]{64}$")
            said.append(str(answer.headers))
            self.configure(replace(self.settings, s3_serve="proxy"))
            self.s3_goes_away()
            for path in (f"/web/content/{attachment.id}", "/odoo", "/web/health"):
                answer = self.url_open(path, allow_redirects=False)
                said.append(str(answer.headers) + answer.text)
        self.assertTrue(any("S3" in line for line in logs.output), "the outage was logged")
        for text in (*said, *logs.output):
            self.assertNotIn(secret, text)
        for line in logs.output:
            self.assertNotIn(signature, line)
        self.assertEqual(self.tables_with(secret), [])
        self.assertTrue(self.tables_with(attachment.checksum), "this would have found it")

    def tables_with(self, text):
        """The tables in which a row has this text."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found = []
        for (table,) in self.env.cr.fetchall():
            query = sql.SQL("SELECT 1 FROM {} AS t WHERE position(%s IN t::text) > 0 LIMIT 1")
            self.env.cr.execute(query.format(sql.Identifier(table)), [text])
            found += [table] * bool(self.env.cr.fetchone())
        return found
