"""Each refusal names what to look at."""

import pytest
from odoo.addons.ha_attachment_s3.refusal import remedy


@pytest.mark.parametrize(
    ("code", "status", "named"),
    [
        ("NoSuchBucket", 404, "s3_bucket"),
        ("InvalidAccessKeyId", 403, "s3_access_key"),
        ("SignatureDoesNotMatch", 403, "s3_secret_key"),
        ("AccessDenied", 403, "policy"),
        ("ExpiredToken", 400, "credentials"),
        ("AuthorizationHeaderMalformed", 400, "s3_region"),
        ("PermanentRedirect", 301, "s3_endpoint_url"),
        ("InvalidStorageClass", 400, "s3_storage_class"),
        ("KMS.NotFoundException", 400, "s3_kms_key"),
        ("SlowDown", 503, "s3_attempts"),
        ("InternalError", 500, "of its own"),
        ("NotImplemented", 501, "s3_encryption"),
        ("Unheard", 418, "s3_bucket"),
    ],
)
def test_the_remedy(code: str, status: int, named: str) -> None:
    assert named in remedy(code, status)
