"""A highly available Odoo cluster on one machine: real servers on loopback addresses."""

from ha_setup.cluster.cluster import Cluster
from ha_setup.cluster.layout import VARIANTS, Host, Layout, Network, Node, Pooler, Variant

__all__ = ["VARIANTS", "Cluster", "Host", "Layout", "Network", "Node", "Pooler", "Variant"]
