"""What the first service doesn't give is read from the replica; an outage costs one timeout."""

import os
import secrets
import socket
import threading
import time
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..errors import ObjectDamaged, StorageUnavailable
from ..location import parse
from .common import CONTENT, InBucket

LOGS = ("odoo.addons.ha_attachment_s3.store", "odoo.addons.ha_attachment_s3.download")


@tagged("post_install", "-at_install")
class TestReplica(InBucket, TransactionCase):
    def setUp(self):
        super().setUp()
        self.replica = f"replica-{secrets.token_hex(4)}"
        self.client.create_bucket(Bucket=self.replica)
        self.addCleanup(self._empty_replica)
        self.configure(replace(self.settings, s3_replica_bucket=self.replica))

    def _empty_replica(self):
        found = self.client.list_objects_v2(Bucket=self.replica).get("Contents", ())
        for entry in found:
            self.client.delete_object(Bucket=self.replica, Key=entry["Key"])
        self.client.delete_bucket(Bucket=self.replica)

    def replicate(self, attachment, content=CONTENT):
        """As the service does by itself."""
        key = parse(attachment.store_fname).key
        self.client.put_object(Bucket=self.replica, Key=key, Body=content)

    def first_goes_away(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.configure(
            replace(
                self.settings,
                s3_endpoint_url=f"http://127.0.0.1:{self.port}",
                s3_replica_endpoint_url=self.settings.s3_endpoint_url,
                s3_attempts=2,
            )
        )

    @mute_logger(*LOGS)
    def test_what_is_missing_or_damaged_is_read_there(self):
        attachment = self.attach()
        self.replicate(attachment)
        self.put_behind_odoo(attachment, CONTENT[:-1] + b"X")
        self.assertEqual(self.read_anew(attachment), CONTENT)
        self.delete_behind_odoo(attachment)
        self.assertEqual(self.read_anew(attachment), CONTENT)
        self.replicate(attachment, b"damaged too")
        with self.assertRaises(ObjectDamaged):
            self.read_anew(attachment)

    @mute_logger(*LOGS)
    def test_it_is_read_while_the_first_is_away_and_nothing_is_written(self):
        attachment, lacking = self.attach(), self.attach(b"not yet replicated")
        self.replicate(attachment)
        self.first_goes_away()
        self.assertEqual(self.read_anew(attachment), CONTENT)
        with self.assertRaises(StorageUnavailable):  # nobody knows whether it is damaged
            self.read_anew(lacking)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.attach(b"new")

    @mute_logger(*LOGS)
    def test_an_outage_costs_one_timeout_and_ends_by_itself(self):
        attachment = self.attach()
        self.replicate(attachment)
        self.first_goes_away()
        store = self.bucket()._store
        self.assertEqual(self.read_anew(attachment), CONTENT)
        self.assertTrue(store.away)
        with patch.object(store, "client", None):  # it isn't asked
            for _read in range(5):
                self.assertEqual(self.read_anew(attachment), CONTENT)
        # Whatever answers at its address: the thread that looks needs no more than an answer.
        back = ThreadingHTTPServer(("127.0.0.1", self.port), SimpleHTTPRequestHandler)
        self.addCleanup(back.server_close)
        threading.Thread(target=back.serve_forever, daemon=True).start()
        self.addCleanup(back.shutdown)
        deadline = time.monotonic() + 60
        while store.away and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertFalse(store.away)

    @mute_logger(*LOGS)
    def test_a_transfer_that_is_cut_goes_on(self):
        content = os.urandom(3 << 20)
        attachment = self.attach(content)
        location = parse(attachment.store_fname)
        from ..download import Download

        with Download(self.bucket()._sources(location), location, len(content)) as download:
            found = next(download)
            for _cut in range(3):
                download._body._raw_stream.close()
                found += next(download)
            found += b"".join(download)
        self.assertEqual(found, content)
