"""Sessions in PostgreSQL, for when all of Redis is gone.

Each database in which the app is installed has two tables: documents of sessions that are logged
in, written at each login and rotation, and the ends of sessions. While a process can't reach
Redis it reads and writes there, and marks as *dirty* what Redis must still learn of.
"""
