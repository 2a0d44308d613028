"""Create the suite's bucket where it is missing. Reads the same ODOO_HA_S3_* variables as the suite."""

import os
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_S = 120


def main() -> None:
    bucket = os.environ["ODOO_HA_S3_BUCKET"]
    client = boto3.client(
        "s3",
        endpoint_url=os.environ["ODOO_HA_S3_ENDPOINT_URL"],
        aws_access_key_id=os.environ["ODOO_HA_S3_ACCESS_KEY"],
        aws_secret_access_key=Path(os.environ["ODOO_HA_S3_SECRET_KEY_FILE"]).read_text().strip(),
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=3,
            read_timeout=10,
            retries={"max_attempts": 1},
        ),
    )
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.create_bucket(Bucket=bucket)
            return
        except ClientError as error:
            if error.response["Error"]["Code"] in (
                "BucketAlreadyOwnedByYou",
                "BucketAlreadyExists",
            ):
                return
            if (
                error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
                or time.monotonic() > deadline
            ):
                sys.exit(f"make_bucket: S3 refuses to make the bucket {bucket}: {error}")
        except BotoCoreError as error:
            if time.monotonic() > deadline:
                sys.exit(f"make_bucket: S3 did not answer within {PATIENCE_S} s: {error}")
        time.sleep(2)


main()
