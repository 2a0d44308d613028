# Stands in for haproxy:2.8-bookworm: Debian's HAProxy, with the user of the official image.
FROM debian:bookworm-slim
RUN groupadd --system --gid 199 haproxy \
    && useradd --system --uid 199 --gid haproxy --home-dir /var/lib/haproxy haproxy \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends haproxy \
    && rm -rf /var/lib/apt/lists/* \
    && install -d /usr/local/etc/haproxy
USER haproxy
WORKDIR /var/lib/haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
