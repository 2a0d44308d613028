import { _t } from "@web/core/l10n/translation";

/** What a node lacks, by the name that its facts have for it: what to do, and the lines to add. */
export const MISSING = {
    server_wide: {
        text: _t("The suite isn't active on this node. Add to odoo.conf and restart Odoo:"),
        lines: "server_wide_modules = base,rpc,web,ha_base",
    },
    sidecar: {
        text: _t("No sidecar runs on this node. Install it, name the Patroni cluster and etcd:"),
        lines: "pip install ha-sidecar\nha-sidecar check --config /etc/odoo-ha/sidecar.toml\nsystemctl enable --now ha-sidecar",
    },
    sidecar_rights: {
        text: _t("Odoo's user may not ask the sidecar. Put it into the sidecar's group and restart Odoo:"),
        lines: "usermod -aG ha-sidecar odoo",
    },
    sidecar_silent: {
        text: _t("The sidecar gives no answer. Its log tells more:"),
        lines: "journalctl -u ha-sidecar",
    },
    redis: {
        text: _t("Sessions are on this node's disk only. Add to the section [ha] of odoo.conf:"),
        lines: "redis_url = redis://10.0.0.31:6379/0",
    },
    s3: {
        text: _t("Attachments are on this node's disk only. Add to the section [ha] of odoo.conf:"),
        lines: "s3_endpoint_url = https://s3.example.com\ns3_bucket = odoo",
    },
    orders: {
        text: _t("This page may not drain and switch over here. Add to the sidecar's configuration:"),
        lines: 'socket_orders = ["drain", "switchover"]',
    },
};

export const STATES = {
    stable: { text: _t("All requests are served"), color: "success" },
    switching: { text: _t("The primary is changing: requests wait"), color: "warning" },
    lost: { text: _t("No primary: requests wait"), color: "danger" },
    unknown: { text: _t("Unknown: no sidecar tells who the primary is"), color: "secondary" },
};

export const LOSS = {
    none: _t("A failover now would lose nothing."),
    possible: _t("A failover now could lose the very last commits."),
    likely: _t("A failover now would likely lose commits."),
    unknown: _t("Nobody knows what a failover now would lose."),
    "no failover": _t("No replica could take over now."),
};

export const SESSIONS = {
    closed: { text: _t("in Redis"), color: "success" },
    waiting: { text: _t("Redis is slow"), color: "warning" },
    open: { text: _t("in PostgreSQL: Redis is away"), color: "warning" },
    returning: { text: _t("going back to Redis"), color: "warning" },
    none: { text: _t("on this node's disk"), color: "secondary" },
};

export const KINDS = {
    failover: _t("Failover"),
    switchover: _t("Switchover"),
    interruption: _t("Interruption"),
    open: _t("Outage"),
};

export const MOMENTS = {
    began_at: _t("detected"),
    isolated_at: _t("isolated"),
    elected_at: _t("elected"),
    promoted_at: _t("promoted"),
    first_write_at: _t("first write"),
};

export const LINKS = {
    bus: _t("live"),
    poll: _t("live, without the database"),
    away: _t("no answer from Odoo"),
};
