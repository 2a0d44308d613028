"""Alerts: the cluster's state, judged by checks, told once by the one sidecar that was elected for it.

``snapshot`` makes the state, ``expression`` evaluates a check over it, ``decide`` says what is to be
told: all pure. ``alerter`` is the thread that performs it, ``shared`` what the sidecars have in
common in etcd, ``sender`` hands messages to apprise.
"""
