/** What the page shows, made of what the nodes say of themselves. Nothing here asks or waits. */

/** Seconds after which what a node said of itself is no news any more. */
export const STALE = 30;

/** Seconds without a word of any node after which nothing is said of the cluster as it is now. */
export const UNHEARD = 10;

/** The newest topology that any node's sidecar saw, with that sidecar's facts; null without any. */
export function newestTopology(nodes) {
    let newest = null;
    for (const { facts, heardAt } of Object.values(nodes)) {
        const topology = facts.sidecar?.topology;
        if (topology && (!newest || topology.observed_at > newest.topology.observed_at)) {
            newest = { topology, facts, heardAt };
        }
    }
    return newest;
}

/** Are these two records of one outage? */
function isSame(one, other) {
    if (one.timeline && other.timeline) {
        return one.timeline === other.timeline && one.new === other.new;
    }
    return (
        one.old === other.old && Math.abs(new Date(one.began_at) - new Date(other.began_at)) < 20000
    );
}

/** The recorded outages, newest first, and those that only the freshest sidecar knows of yet. */
export function allOutages(recorded, fresh) {
    const found = [...recorded];
    for (const outage of fresh || []) {
        const at = found.findIndex((other) => isSame(outage, other));
        if (at < 0) {
            found.unshift(outage);
        } else if (!found[at].ended_at && outage.ended_at) {
            found[at] = { ...found[at], ...outage, cost: found[at].cost };
        }
    }
    found.sort((one, other) => (one.began_at < other.began_at ? 1 : -1));
    return found;
}

/** An outage's moments as `[{ name, seconds }]`, seconds after it was detected. */
export function moments(outage) {
    const began = new Date(outage.began_at);
    const names = ["began_at", "isolated_at", "elected_at", "promoted_at", "first_write_at"];
    return names
        .filter((name) => outage[name])
        .map((name) => ({ name, seconds: (new Date(outage[name]) - began) / 1000 }))
        .sort((one, other) => one.seconds - other.seconds);
}

/** The points of a polyline of `values` in a box; null where there is nothing to draw. */
export function sparkline(values, width, height) {
    const known = (values || []).filter((value) => value !== null);
    if (known.length < 2) {
        return null;
    }
    const most = Math.max(...known, 1);
    const step = width / (values.length - 1);
    return values
        .map((value, place) => [place * step, value])
        .filter(([, value]) => value !== null)
        .map(([x, value]) => `${x.toFixed(1)},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`)
        .join(" ");
}

/** `1.5 MB`; powers of 1024. */
export function size(bytes) {
    const units = ["B", "KB", "MB", "GB", "TB"];
    let place = 0;
    while (bytes >= 1024 && place < units.length - 1) {
        bytes /= 1024;
        place++;
    }
    return `${place && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[place]}`;
}

/** `0.35 s`, `12.5 s`, `5 min`, `3 h`, `2 d`. */
export function duration(seconds) {
    if (seconds < 60) {
        return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
    }
    for (const [unit, length, most] of [
        ["s", 1, 120],
        ["min", 60, 7200],
        ["h", 3600, 172800],
    ]) {
        if (seconds < most) {
            return `${Math.round(seconds / length)} ${unit}`;
        }
    }
    return `${Math.round(seconds / 86400)} d`;
}
