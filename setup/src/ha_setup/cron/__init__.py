"""Showing and moving the leases of the scheduled actions."""
