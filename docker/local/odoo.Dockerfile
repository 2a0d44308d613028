# Stands in for odoo:19.0: Odoo 19 as Debian packages it, its Python packages from PyPI, with the user
# and paths of the official image. No wkhtmltopdf: reports come as HTML.
FROM debian:bookworm-slim
RUN groupadd --system --gid 101 odoo \
    && useradd --system --uid 100 --gid odoo --home-dir /var/lib/odoo --shell /usr/sbin/nologin odoo \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates curl libmagic1 postgresql-client python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/requirements.txt
RUN pip3 install --no-cache-dir --break-system-packages -r /tmp/requirements.txt && rm /tmp/requirements.txt
COPY root /
RUN install -d -o odoo -g odoo /etc/odoo /var/lib/odoo /mnt/extra-addons
ENV ODOO_RC=/etc/odoo/odoo.conf
VOLUME ["/var/lib/odoo", "/mnt/extra-addons"]
EXPOSE 8069 8072
USER odoo
CMD ["odoo"]
