"""The rollout's drill: how HAProxy tells that a request was sent a second time."""

from ha_setup.cluster.balancer_counters import parse_sent_again

STATS = """\
# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,
suite_odoo,odoo1,0,0,0,2,2,9,0,0,,0,,0,0,1,1,UP,
suite_odoo,BACKEND,0,0,0,2,2,9,0,0,0,0,,0,0,3,2,UP,
stock_odoo,BACKEND,0,0,0,2,2,9,0,0,0,0,,0,0,7,7,UP,
"""


def test_both_ways_of_sending_again_count() -> None:
    assert parse_sent_again(STATS, "suite_odoo") == 5
    assert parse_sent_again(STATS, "another") == 0
