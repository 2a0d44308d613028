from . import commit_marker
