"""`odoo-ha rollout`: a new version on one Odoo node after the other, while people work.

`machine.py` decides, by the table in `steps.py`, on the values of `state.py`; `driver.py` performs;
`record.py` remembers, so that a rollout that was interrupted, or whose machine died, is gone on with or
undone.
"""
