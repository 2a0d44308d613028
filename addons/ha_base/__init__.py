from .boot import post_load
