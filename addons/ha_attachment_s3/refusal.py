"""What to do when S3 refuses: its error codes, in words and with the setting's name. Pure."""

_REMEDIES = (
    (("NoSuchBucket", "InvalidBucketName"), "check s3_bucket: there is no such bucket"),
    (("InvalidAccessKeyId",), "check s3_access_key"),
    (("SignatureDoesNotMatch",), "check s3_secret_key, and that proxies leave Host as it is"),
    (
        ("ExpiredToken", "InvalidToken", "TokenRefreshRequired"),
        "the credentials that boto3 found have ended: check the role, or set s3_access_key",
    ),
    (
        ("AccessDenied", "403", "AllAccessDisabled"),
        "check s3_access_key and the bucket's policy",
    ),
    (
        (
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "301",
            "400",
        ),
        "check s3_region, s3_endpoint_url and s3_addressing_style",
    ),
    (("InvalidStorageClass",), "check s3_storage_class"),
    (
        ("InvalidEncryptionAlgorithmError", "ServerSideEncryptionConfigurationNotFoundError"),
        "check s3_encryption",
    ),
    (("RequestTimeTooSkewed",), "this node's clock is wrong"),
    (("InvalidObjectState",), "it is archived: check s3_storage_class and the bucket's rules"),
)


def remedy(code: str, status: int) -> str:
    """
    :param code: S3's ``Error.Code``
    :param status: the HTTP status it came with
    """
    for codes, text in _REMEDIES:
        if code in codes:
            return text
    if code.startswith("KMS") or "kms" in code.lower():
        return "check s3_kms_key and the rights on that key"
    if status in (429, 503):
        return "it is asked too much or not ready; s3_attempts says how often it is asked"
    if status in (400, 501):
        return "it may not know s3_encryption or s3_storage_class"
    if status >= 500:
        return "the service has an error of its own"
    return "check s3_bucket, s3_access_key and the bucket's policy"
