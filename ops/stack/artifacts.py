"""The bucket from which CloudFormation takes bundles and templates, one a stage."""

from __future__ import annotations

import contextlib
import hashlib
import json

from botocore.exceptions import ClientError

from ops.cli.stage import Stage
from ops.stack.imports import bucket_exists

KEPT_DAYS = 365  # as long can the stack roll back to what it was


def create_bucket(stage: Stage) -> None:
    """Private, encrypted and TLS only, whatever it was before."""
    s3, bucket = stage.client("s3"), stage.artifacts
    place = {"CreateBucketConfiguration": {"LocationConstraint": stage.region}}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket, **({} if stage.region == "us-east-1" else place))
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "old",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": KEPT_DAYS},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
    )
    arn = f"arn:{s3.meta.partition}:s3:::{bucket}"
    only_over_tls = {
        "Sid": "OnlyOverTLS",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [only_over_tls]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def send(stage: Stage, body: bytes, kind: str) -> tuple[str, bool]:
    """The key, made of the content, and whether it had to be sent: what is there already is not,
    but its year begins anew."""
    s3 = stage.client("s3")
    key = f"{hashlib.sha256(body).hexdigest()}.{kind}"
    try:
        s3.head_object(Bucket=stage.artifacts, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        s3.put_object(Bucket=stage.artifacts, Key=key, Body=body)
        return key, True
    s3.copy_object(
        Bucket=stage.artifacts,
        Key=key,
        CopySource={"Bucket": stage.artifacts, "Key": key},
        MetadataDirective="REPLACE",  # onto itself S3 copies only what changes
    )
    return key, False


def url(stage: Stage, key: str) -> str:
    """As CloudFormation takes it for a template."""
    endpoint = stage.client("s3").meta.endpoint_url
    return f"{endpoint}/{stage.artifacts}/{key}"


def remove_bucket(stage: Stage, bucket: str) -> bool:
    """Empties and deletes it; False if there is none."""
    if not bucket_exists(stage, bucket):
        return False
    s3 = stage.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": one["Key"]} for one in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    s3.delete_bucket(Bucket=bucket)
    return True
