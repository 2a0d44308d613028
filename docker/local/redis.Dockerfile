# Stands in for redis:7.2-bookworm: Debian's Redis, with the user and paths of the official image.
FROM debian:bookworm-slim
RUN groupadd --system --gid 999 redis && useradd --system --uid 999 --gid redis --home-dir /data redis \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server redis-sentinel \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o redis -g redis /data
VOLUME ["/data"]
WORKDIR /data
CMD ["redis-server"]
