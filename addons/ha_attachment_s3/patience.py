"""How long one operation with S3 may take, and whether a worker lives that long. Pure."""

_LONGEST_PAUSE = 20.0  # seconds; botocore's own


def longest_operation(connect_timeout: float, timeout: float, attempts: int) -> float:
    """Seconds until an operation ends whose every attempt is silent as long as it may be.

    Between attempts botocore pauses for up to 1 s, 2 s, 4 s and so on.
    """
    pauses = sum(min(2.0**attempt, _LONGEST_PAUSE) for attempt in range(attempts - 1))
    return attempts * (connect_timeout + timeout) + pauses


def too_long_for_workers(longest: float, limit_time_real: float) -> str | None:
    """What to tell the operator; None where a worker lives at least twice as long, as it should: a
    request may need S3 more than once, and the database, too.

    :param limit_time_real: Odoo's; 0 is none
    """
    if not limit_time_real or 2 * longest <= limit_time_real:
        return None
    return (
        f"one operation with S3 may take {longest:.0f} s (s3_attempts times s3_connect_timeout and "
        f"s3_timeout, and pauses), and Odoo ends a worker after limit_time_real = "
        f"{limit_time_real:.0f} s: lower them, or set limit_time_real to {2 * longest:.0f} or more"
    )
