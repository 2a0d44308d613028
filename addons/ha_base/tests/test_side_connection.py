"""Connections beside the pool: each step ends at its deadline."""

import select
import socket
import time

import psycopg2.errors
from odoo import sql_db
from odoo.tests import BaseCase, get_db_name, tagged

from ..side_connection import DeadlineExceeded, SideConnection, servers


@tagged("post_install", "-at_install")
class TestSideConnection(BaseCase):
    def connect(self, timeout=5.0):
        connection = SideConnection(sql_db.connection_info_for(get_db_name())[1], timeout)
        self.addCleanup(connection.close)
        return connection

    def test_it_answers(self):
        connection = self.connect()
        self.assertEqual(connection.query("SELECT %s, 2", (1,), 5.0), [(1, 2)])
        self.assertEqual(connection.query("SET LOCAL lock_timeout = 1; SELECT 3", (), 5.0), [(3,)])

    def test_the_servers_error_leaves_it_usable(self):
        connection = self.connect()
        with self.assertRaises(psycopg2.errors.UndefinedTable):
            connection.query("SELECT 1 FROM no_such_table", (), 5.0)
        self.assertEqual(connection.query("SELECT 1", (), 5.0), [(1,)])

    def test_what_was_sent_is_waited_for_elsewhere(self):
        connection = self.connect()
        connection.send("SELECT pg_sleep(%s)", (0.3,), 5.0)
        self.assertFalse(connection.advance())
        deadline = time.monotonic() + 30
        while not connection.advance() and time.monotonic() < deadline:
            select.select([connection], [], [], 5)
        self.assertLess(time.monotonic(), deadline)
        self.assertEqual(connection.query("SELECT 1", (), 5.0), [(1,)])

    def test_a_query_ends_at_its_deadline(self):
        connection = self.connect()
        started = time.monotonic()
        with self.assertRaises(DeadlineExceeded):
            connection.query("SELECT pg_sleep(5)", (), 0.3)
        self.assertLess(time.monotonic() - started, 1.0)
        self.assertTrue(connection.closed)

    def test_connecting_ends_at_its_deadline(self):
        """A hung server: the kernel accepts, nobody answers."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            info = dict(sql_db.connection_info_for(get_db_name())[1])
            info.update(host="127.0.0.1", port=silent.getsockname()[1])
            started = time.monotonic()
            with self.assertRaises(DeadlineExceeded):
                SideConnection(info, 0.3)
            self.assertLess(time.monotonic() - started, 1.0)

    def test_a_terminated_session_is_an_error_and_closed(self):
        connection = self.connect()
        ((pid,),) = connection.query("SELECT pg_backend_pid()", (), 5.0)
        self.connect().query("SELECT pg_terminate_backend(%s, 2000)", (pid,), 5.0)
        with self.assertRaises(psycopg2.OperationalError):
            connection.query("SELECT 1", (), 5.0)
        self.assertTrue(connection.closed)


class TestServers(BaseCase):
    INFO = {"database": "db", "host": "a,b", "port": 5433}

    def test_several_hosts_on_one_port(self):
        found = servers(self.INFO, None)
        self.assertEqual([one["host"] for one in found], ["a", "b"])
        self.assertEqual({one["port"] for one in found}, {"5433"})

    def test_one_host_stays_as_it_is(self):
        info = {"database": "db", "host": "a", "port": 5433}
        self.assertEqual(servers(info, None), (info,))
        self.assertEqual(servers({"database": "db"}, None), ({"database": "db"},))

    def test_the_proven_primary_alone_counts(self):
        primary = {"name": "pg2", "host": "c", "port": 6000}
        (found,) = servers(self.INFO, {"state": "stable", "primary": primary})
        self.assertEqual((found["host"], found["port"]), ("c", 6000))

    def test_without_a_proven_primary_there_is_none(self):
        for state in ("switching", "lost"):
            self.assertEqual(servers(self.INFO, {"state": state, "primary": None}), ())
