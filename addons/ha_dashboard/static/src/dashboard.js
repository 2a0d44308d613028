import { Component, onMounted, onWillStart, onWillUnmount, useState } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import {
    STALE,
    UNHEARD,
    allOutages,
    duration,
    moments,
    newestTopology,
    size,
    sparkline,
} from "./picture";
import { KINDS, LINKS, LOSS, MISSING, MOMENTS, SESSIONS, STATES } from "./words";

const MODEL = "ha.dashboard.node";
const NEWS = "ha_dashboard/node";
/** Milliseconds without news over the bus after which the page asks, without the database. */
const SILENCE = 2600;
/** Milliseconds between two looks at what only the database knows; it also keeps the bus going. */
const REFRESH = 20000;
const PATIENCE = 2500;

export class Dashboard extends Component {
    static template = "ha_dashboard.Dashboard";
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.bus = useService("bus_service");
        this.dialog = useService("dialog");
        this.notification = useService("notification");
        Object.assign(this, { KINDS, LINKS, LOSS, MISSING, MOMENTS, SESSIONS });
        Object.assign(this, { allOutages, duration, moments, size, sparkline });
        this.state = useState({
            nodes: {},
            own: null,
            pools: [],
            migrations: [],
            outages: [],
            link: "bus",
            now: Date.now(),
        });
        this.newsAt = this.refreshedAt = 0;
        this.epoch = null;
        this.onNews = (facts) => this.heard(facts, "bus");
        onWillStart(() => this.refresh());
        onMounted(() => {
            this.bus.subscribe(NEWS, this.onNews);
            this.bus.start();
            this.timer = setInterval(() => this.tick(), 1000);
        });
        onWillUnmount(() => {
            this.bus.unsubscribe(NEWS, this.onNews);
            clearInterval(this.timer);
        });
    }

    // -- news

    tick() {
        const now = (this.state.now = Date.now());
        if (document.hidden) {
            return;
        }
        if (now - this.newsAt > SILENCE) {
            this.poll();
        }
        if (now - this.refreshedAt > REFRESH) {
            this.refresh();
        }
    }

    heard(facts, link) {
        const before = this.state.nodes[facts.node];
        if (before && before.facts.at > facts.at) {
            return;
        }
        this.state.nodes[facts.node] = { ...before, facts, heardAt: Date.now() };
        this.state.link = link;
        this.newsAt = Date.now();
        const topology = this.cluster?.topology;
        const epoch = topology && `${topology.state} ${topology.primary?.name}`;
        if (this.epoch !== null && epoch !== this.epoch && topology?.state === "stable") {
            // What it cost is known a little later.
            this.refreshedAt = Date.now() - REFRESH + 4000;
        }
        this.epoch = epoch ?? null;
    }

    /** Asks whichever node the balancer chooses; answered while the database is away, too. */
    async poll() {
        if (this.polling) {
            return;
        }
        this.polling = true;
        try {
            const answer = await fetch("/websocket/ha_dashboard", {
                signal: AbortSignal.timeout(PATIENCE),
            });
            if (answer.ok) {
                this.heard(await answer.json(), "poll");
            } else {
                this.refreshedAt = Math.min(this.refreshedAt, Date.now() - REFRESH + 2000);
            }
        } catch {
            this.state.link = "away";
        } finally {
            this.polling = false;
        }
    }

    /** What only the database knows. While that fails over the answer waits, and nothing else does. */
    async refresh() {
        if (this.refreshing) {
            return;
        }
        this.refreshing = true;
        this.refreshedAt = Date.now();
        try {
            const found = await this.orm.silent.call(MODEL, "get_state", []);
            const now = Date.now();
            const { own, nodes, pools, migrations, outages } = found;
            const names = new Set([own.node, ...nodes.map((one) => one.node)]);
            for (const name of Object.keys(this.state.nodes)) {
                if (!names.has(name)) {
                    delete this.state.nodes[name];
                }
            }
            for (const { node, facts, refusal, age } of nodes) {
                const before = this.state.nodes[node];
                const newer = !before || before.facts.at < facts.at;
                const news = newer ? { facts, heardAt: now - age * 1000 } : before;
                this.state.nodes[node] = { ...news, refusal };
            }
            this.heard(own, this.state.link === "away" ? "poll" : this.state.link);
            Object.assign(this.state, { own: own.node, pools, migrations, outages });
        } catch (error) {
            if (!this.state.own) {
                throw error;
            }
        } finally {
            this.refreshing = false;
        }
    }

    // -- what the template shows

    get cluster() {
        return newestTopology(this.state.nodes);
    }

    /** The state of the cluster for people. */
    get situation() {
        const cluster = this.cluster;
        const { now } = this.state;
        const isNews =
            cluster &&
            now - new Date(cluster.topology.observed_at) < STALE * 1000 &&
            now - cluster.heardAt < UNHEARD * 1000;
        return STATES[isNews ? cluster.topology.state : "unknown"];
    }

    get nodes() {
        return Object.entries(this.state.nodes)
            .sort(([one], [other]) => (one < other ? -1 : 1))
            .map(([name, { facts, heardAt, refusal }]) => ({
                name,
                facts,
                refusal,
                silent: Math.max(0, (this.state.now - heardAt) / 1000),
                isStale: this.state.now - heardAt > STALE * 1000,
                isDraining: Boolean(
                    facts.health?.["node:draining"] || (facts.sidecar?.node?.switch || "off") !== "off"
                ),
            }));
    }

    get outages() {
        return allOutages(this.state.outages, this.cluster?.facts.sidecar.outages).slice(0, 10);
    }

    get alerts() {
        const told = Object.values(this.state.nodes)
            .map(({ facts }) => facts.sidecar?.alerts)
            .filter((one) => one?.alerts);
        // The alerter's own list, or the longest that anybody has.
        return told.sort((one, other) => other.alerts.length - one.alerts.length)[0]?.alerts || [];
    }

    /** The last one that was ordered of any node's sidecar, for ten minutes. */
    get switchover() {
        const started = Object.values(this.state.nodes)
            .map(({ facts }) => facts.sidecar?.orders?.switchover)
            .filter((one) => one && this.state.now - new Date(one.started_at) < 600000);
        return started.sort((one, other) => (one.started_at < other.started_at ? 1 : -1))[0];
    }

    get held() {
        return this.nodes.reduce((sum, node) => sum + (node.isStale ? 0 : node.facts.held || 0), 0);
    }

    lagOf(replica) {
        const told = [this.cluster, ...Object.values(this.state.nodes)];
        return told.map(({ facts }) => facts.sidecar?.lag?.bytes[replica]).find((one) => one);
    }

    isCandidate(replica) {
        return this.cluster.topology.failover.candidates.includes(replica);
    }

    ago(moment) {
        return duration(Math.max(0, (this.state.now - new Date(moment)) / 1000));
    }

    time(moment) {
        return new Date(moment).toLocaleString();
    }

    severity(alert) {
        return { critical: "danger", warning: "warning" }[alert.severity] || "info";
    }

    // -- what administrators have done

    async order(method, args, done) {
        try {
            await this.orm.call(MODEL, method, args);
            this.notification.add(done, { type: "success" });
        } finally {
            this.refresh();
        }
    }

    confirm(title, body, confirmLabel, method, args, done) {
        this.dialog.add(ConfirmationDialog, {
            title,
            body,
            confirmLabel,
            confirm: () => this.order(method, args, done),
            cancel: () => {},
        });
    }

    drain(node) {
        this.confirm(
            _t("Drain %s?", node),
            _t("The balancers send %s no new requests; those under way end.", node),
            _t("Drain"),
            "order_drain",
            [node, true],
            _t("%s is being drained.", node)
        );
    }

    undrain(node) {
        this.order("order_drain", [node, false], _t("%s gets requests again.", node));
    }

    switchOver(candidate) {
        this.confirm(
            _t("Make %s the primary?", candidate),
            _t("Every node holds new requests for a moment while %s takes over. What stands in the way is found out before.", candidate),
            _t("Switch over"),
            "order_switchover",
            [candidate],
            _t("The switchover to %s has begun.", candidate)
        );
    }

    stepDown(pool) {
        this.confirm(
            _t("Let another node run the pool %s?", pool),
            _t("The actions under way end first."),
            _t("Step down"),
            "order_step_down",
            [pool],
            _t("The pool %s is handed over.", pool)
        );
    }

    silence(alert) {
        const args = [alert.id, 3600];
        this.order("order_silence", args, _t("Nobody is told of it for an hour."));
    }

    forget(node) {
        this.confirm(
            _t("Forget %s?", node),
            _t("It is listed again as soon as it is heard of."),
            _t("Forget"),
            "forget",
            [node],
            _t("%s is forgotten.", node)
        );
    }
}

registry.category("actions").add("ha_dashboard", Dashboard);
