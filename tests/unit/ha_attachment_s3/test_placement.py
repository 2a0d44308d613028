"""What stays in the database."""

import pytest
from odoo.addons.ha_attachment_s3.placement import stays_in_database


@pytest.mark.parametrize(
    ("values", "size", "stays"),
    [
        ({"url": "/web/assets/1/a.js", "mimetype": "text/javascript"}, 10**6, True),
        ({"res_field": "image_128", "mimetype": "image/png"}, 1000, True),
        ({"res_field": "image_128", "mimetype": None}, 1000, True),
        ({"res_field": "image_128", "mimetype": "image/png"}, 1001, False),
        ({"res_field": "pdf_file", "mimetype": "application/pdf"}, 10, False),
        ({"mimetype": "image/png"}, 10, False),
        ({"mimetype": "text/plain"}, 0, False),
    ],
)
def test_placement(values: dict[str, object], size: int, stays: bool) -> None:
    values = {"url": False, "res_field": False, "mimetype": None} | values
    assert stays_in_database(**values, size=size, small_image=1000) is stays  # type: ignore[arg-type]
