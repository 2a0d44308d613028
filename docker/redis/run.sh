#!/bin/sh
# run.sh server [PRIMARY]   a Redis server; a replica of PRIMARY at its very first start
# run.sh sentinel PRIMARY   a Sentinel; PRIMARY is what it watches at its very first start
# run.sh health PORT        exits 0 when the server on PORT answers
#
# Redis and Sentinel write who is primary now into their own configuration, so it lives on the volume
# /data and is made once. It holds the password too: no command line ever does.
set -eu
umask 077

password_file=/run/secrets/redis_password
service=odoo-ha
[ -r "$password_file" ] || { echo "run.sh: $password_file can't be read: see the logs of the service secrets" >&2; exit 1; }

case "${1:-}" in
server)
    conf=/data/redis.conf
    if [ ! -s "$conf" ]; then
        {
            cat /etc/odoo-ha/redis.conf
            printf 'replica-announce-ip %s\n' "$(hostname)"
            printf 'requirepass %s\nmasterauth %s\n' "$(cat "$password_file")" "$(cat "$password_file")"
            if [ -n "${2:-}" ]; then printf 'replicaof %s 6379\n' "$2"; fi
        } > "$conf.new"
        mv "$conf.new" "$conf"
    fi
    exec redis-server "$conf"
    ;;
sentinel)
    conf=/data/sentinel.conf
    if [ ! -s "$conf" ]; then
        {
            cat /etc/odoo-ha/sentinel.conf
            printf 'sentinel announce-ip %s\n' "$(hostname)"
            printf 'sentinel monitor %s %s 6379 2\n' "$service" "$2"
            printf 'sentinel auth-pass %s %s\n' "$service" "$(cat "$password_file")"
            printf 'sentinel down-after-milliseconds %s 3000\n' "$service"
            printf 'sentinel failover-timeout %s 10000\n' "$service"
            printf 'sentinel parallel-syncs %s 1\n' "$service"
            printf 'requirepass %s\nsentinel sentinel-pass %s\n' "$(cat "$password_file")" "$(cat "$password_file")"
        } > "$conf.new"
        mv "$conf.new" "$conf"
    fi
    exec redis-sentinel "$conf"
    ;;
health)
    REDISCLI_AUTH=$(cat "$password_file") timeout 3 redis-cli -p "$2" ping 2>/dev/null | grep -q PONG
    ;;
*)
    echo "usage: run.sh server [PRIMARY] | sentinel PRIMARY | health PORT" >&2
    exit 64
    ;;
esac
