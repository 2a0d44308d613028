"""Attachments from database, filestore and bucket to another of these, while people work."""
