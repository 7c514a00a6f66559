"""Foreign S3 clients against bucket `source`: boto3, the aws CLI and rclone."""

import base64
import hashlib
import json
import os
import shutil
import threading
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.handlers
import pytest
import requests

from kinora_server import run

BUCKET = "source"
MIB = 1 << 20

KEYS = [
    "plain",
    "a//b",
    "a/b",
    "a/./b",
    "a/../b",
    "/leading",
    "trailing/",
    "with space",
    "plus+and%percent",
    "%2F",
    "q?x=1&y=2#z",
    "ünïcödé-日本語-🎬",
    "u\u0308",
    "new\nline",
    "tab\tand\"quote'<&>",
    "back\\slash",
    "~*()!$@:;,=",
    "control\u0001character",
    "no\ufffecharacter",
    "carriage\rreturn",
    "long/" + "x" * 900,
]


@pytest.fixture(scope="module")
def s3(kinora):
    return kinora.boto()


@pytest.fixture
def prefix(unique):
    return f"s3-{unique}/"


def fails(code, call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as failure:
        call(**arguments)
    assert failure.value.response["Error"]["Code"] == code, failure.value
    return failure.value.response


def put(s3, key, body=b"x", **more):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, **more)


def get(s3, key, **more):
    return s3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()


def keys_of(s3, prefix, operation="list_objects_v2", **more):
    pages = s3.get_paginator(operation).paginate(Bucket=BUCKET, Prefix=prefix, **more)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def test_every_key_names_its_own_object(s3, prefix):
    names = [prefix + key for key in KEYS]
    names.append(prefix + "é" * ((1024 - len(prefix)) // 2))
    for name in names:
        put(s3, name, name.encode())
    for name in names:
        assert get(s3, name) == name.encode()
        assert s3.head_object(Bucket=BUCKET, Key=name)["ContentLength"] == len(name.encode())
    expected = sorted(names, key=str.encode)
    for operation in ["list_objects_v2", "list_objects"]:
        assert keys_of(s3, prefix, operation) == expected
    for name in names[:3]:
        s3.delete_object(Bucket=BUCKET, Key=name)
    deleted = s3.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": n} for n in [*names[3:], prefix + "nothing"]], "Quiet": False}
    )
    assert "Errors" not in deleted and len(deleted["Deleted"]) == len(names) - 2
    assert keys_of(s3, prefix) == []
    fails("KeyTooLongError", s3.put_object, Bucket=BUCKET, Key="x" * 1025, Body=b"")
    fails("NoSuchKey", s3.get_object, Bucket=BUCKET, Key=names[0])


@pytest.mark.parametrize("size", [0, 1, 5 * MIB + 3])
def test_bytes_come_back(s3, prefix, size):
    body = os.urandom(size)
    answer = put(s3, prefix + "o", body, ContentType="video/mp4", Metadata={"Who": "me", "what": "=?UTF-8?B?w7w=?="})
    assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=BUCKET, Key=prefix + "o")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"]["who"], got["ETag"]) == ("video/mp4", "me", answer["ETag"])
    assert abs((datetime.now(timezone.utc) - got["LastModified"]).total_seconds()) < 60


def test_ranges(s3, prefix):
    body = os.urandom(1000)
    put(s3, prefix + "o", body)
    for spec, expected in [
        ("bytes=0-0", body[:1]),
        ("bytes=10-19", body[10:20]),
        ("bytes=990-", body[990:]),
        ("bytes=-5", body[-5:]),
        ("bytes=500-5000", body[500:]),
    ]:
        got = s3.get_object(Bucket=BUCKET, Key=prefix + "o", Range=spec)
        assert got["Body"].read() == expected, spec
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"].endswith("/1000")
    whole = s3.get_object(Bucket=BUCKET, Key=prefix + "o", Range="bytes=0-0,2-3")
    assert whole["Body"].read() == body and whole["ResponseMetadata"]["HTTPStatusCode"] == 200
    fails("InvalidRange", s3.get_object, Bucket=BUCKET, Key=prefix + "o", Range="bytes=1000-")
    head = s3.head_object(Bucket=BUCKET, Key=prefix + "o", Range="bytes=0-9")
    assert head["ContentLength"] == 10


def test_conditional_reads_and_writes(s3, prefix):
    name = prefix + "o"
    first = put(s3, name, b"1", IfNoneMatch="*")["ETag"]
    fails("PreconditionFailed", s3.put_object, Bucket=BUCKET, Key=name, Body=b"2", IfNoneMatch="*")
    fails("PreconditionFailed", s3.put_object, Bucket=BUCKET, Key=name, Body=b"2", IfMatch='"0"')
    second = put(s3, name, b"2", IfMatch=first)["ETag"]
    fails("NoSuchKey", s3.put_object, Bucket=BUCKET, Key=name + "?", Body=b"2", IfMatch=first)
    assert get(s3, name, IfMatch=second) == b"2"
    fails("PreconditionFailed", s3.get_object, Bucket=BUCKET, Key=name, IfMatch=first)
    fails("304", s3.get_object, Bucket=BUCKET, Key=name, IfNoneMatch=second)
    fails("304", s3.head_object, Bucket=BUCKET, Key=name, IfNoneMatch=second)
    modified = s3.head_object(Bucket=BUCKET, Key=name)["LastModified"]
    fails("304", s3.get_object, Bucket=BUCKET, Key=name, IfModifiedSince=modified)
    assert get(s3, name, IfUnmodifiedSince=modified) == b"2"
    fails("PreconditionFailed", s3.delete_object, Bucket=BUCKET, Key=name, IfMatch=first)
    s3.delete_object(Bucket=BUCKET, Key=name, IfMatch=second)
    s3.delete_object(Bucket=BUCKET, Key=name, IfMatch=second)


def test_deletes_of_what_was_seen_and_nothing_else(s3, prefix):
    one, other = {"Bucket": BUCKET, "Key": prefix + "one"}, {"Bucket": BUCKET, "Key": prefix + "other"}
    for this in [one, other]:
        s3.put_object(**this, Body=b"film")
    seen = s3.head_object(**one)
    before = seen["LastModified"] - timedelta(days=1)
    for wrong in [{"IfMatchSize": 5}, {"IfMatchLastModifiedTime": before}, {"IfMatch": '"0"', "IfMatchSize": 4}]:
        fails("PreconditionFailed", s3.delete_object, **one, **wrong)
    for wrong in [{"Size": 5}, {"LastModifiedTime": before}, {"ETag": "0", "Size": 4}]:
        done = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": other["Key"], **wrong}]})
        assert [error["Code"] for error in done["Errors"]] == ["PreconditionFailed"]
    assert len(keys_of(s3, prefix)) == 2
    s3.delete_object(**one, IfMatchSize=4, IfMatchLastModifiedTime=seen["LastModified"], IfMatch=seen["ETag"])
    whole = {"Key": other["Key"], "Size": 4, "ETag": seen["ETag"]}
    for _ in range(2):
        done = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [whole]})
        assert "Errors" not in done and [gone["Key"] for gone in done["Deleted"]] == [other["Key"]]
    assert keys_of(s3, prefix) == []


def test_one_of_many_conditional_writers_wins(kinora, prefix):
    won = []

    def attempt(n):
        try:
            put(kinora.boto(), prefix + "lock", str(n).encode(), IfNoneMatch="*")
            won.append(n)
        except botocore.exceptions.ClientError as e:
            assert e.response["Error"]["Code"] == "PreconditionFailed"

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(won) == 1
    assert get(kinora.boto(), prefix + "lock") == str(won[0]).encode()


def test_listing_pages_and_delimiters(s3, prefix):
    names = [f"{prefix}{d}/{n}" for d in ["a", "b", "c d", "ü"] for n in range(7)] + [prefix + "top", prefix + "zz"]
    for name in names:
        put(s3, name)
    names.sort(key=str.encode)
    for size in [1, 3, 1000]:
        for operation in ["list_objects_v2", "list_objects"]:
            assert keys_of(s3, prefix, operation, PaginationConfig={"PageSize": size}) == names
            found, folders = [], []
            for page in s3.get_paginator(operation).paginate(
                Bucket=BUCKET, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": size}
            ):
                found += [entry["Key"] for entry in page.get("Contents", [])]
                folders += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
                assert len(page.get("Contents", [])) + len(page.get("CommonPrefixes", [])) <= size
            assert found == [prefix + "top", prefix + "zz"]
            assert folders == [f"{prefix}{d}/" for d in ["a", "b", "c d", "ü"]]
    page = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix, StartAfter=prefix + "b/6", MaxKeys=2, FetchOwner=True)
    assert [e["Key"] for e in page["Contents"]] == [prefix + "c d/0", prefix + "c d/1"]
    assert (page["KeyCount"], page["IsTruncated"], "Owner" in page["Contents"][0]) == (2, True, True)
    versions = s3.get_paginator("list_object_versions").paginate(
        Bucket=BUCKET, Prefix=prefix, PaginationConfig={"PageSize": 7}
    )
    assert [v["Key"] for page in versions for v in page["Versions"] if v["VersionId"] == "null"] == names
    fails("InvalidArgument", s3.list_objects_v2, Bucket=BUCKET, ContinuationToken="?")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"])
def test_checksums_are_verified_and_given_back(s3, prefix, algorithm):
    name, field = prefix + algorithm, f"Checksum{algorithm}"
    answer = put(s3, name, b"film", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=BUCKET, Key=name, ChecksumMode="ENABLED")
    assert head[field] == answer[field]
    attributes = s3.get_object_attributes(
        Bucket=BUCKET, Key=name, ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"]
    )
    assert (attributes["ObjectSize"], attributes["Checksum"][field]) == (4, answer[field])
    assert attributes["ETag"] == answer["ETag"].strip('"'), "without quotes, here alone"
    wrong = base64.b64encode(base64.b64decode(answer[field])[::-1]).decode()
    fails("BadDigest", s3.put_object, Bucket=BUCKET, Key=name, Body=b"film", **{field: wrong})


def test_wrong_md5_is_refused(s3, prefix):
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    fails("BadDigest", s3.put_object, Bucket=BUCKET, Key=prefix + "o", Body=b"film", ContentMD5=wrong)
    fails("InvalidDigest", s3.put_object, Bucket=BUCKET, Key=prefix + "o", Body=b"film", ContentMD5="AAAA")
    assert keys_of(s3, prefix) == []


def test_multipart_by_hand(s3, prefix):
    name = prefix + "film"
    parts = [os.urandom(5 * MIB), os.urandom(6 * MIB), b"the end"]
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=name, ContentType="video/mp4")["UploadId"]
    this = {"Bucket": BUCKET, "Key": name, "UploadId": upload}
    assert upload in [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=BUCKET, Prefix=name)["Uploads"]]
    done = {}
    for number in [3, 1, 2]:
        done[number] = s3.upload_part(**this, PartNumber=number, Body=parts[number - 1])["ETag"]
    listed = s3.list_parts(**this, MaxParts=2)
    assert [p["PartNumber"] for p in listed["Parts"]] == [1, 2] and listed["IsTruncated"]
    chosen = [{"PartNumber": n, "ETag": done[n]} for n in [1, 2, 3]]
    end = lambda parts: {**this, "MultipartUpload": {"Parts": parts}}
    fails("InvalidPartOrder", s3.complete_multipart_upload, **end(chosen[::-1]))
    fails("InvalidPart", s3.complete_multipart_upload, **end([{"PartNumber": 4, "ETag": done[1]}]))
    fails("EntityTooSmall", s3.complete_multipart_upload, **end([{"PartNumber": 3, "ETag": done[3]}, *[
        {"PartNumber": 4, "ETag": s3.upload_part(**this, PartNumber=4, Body=b"4")["ETag"]}]]))
    fails("MalformedXML", s3.complete_multipart_upload, **end([]))
    answer = s3.complete_multipart_upload(**end(chosen))
    digest = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest()
    assert answer["ETag"] == f'"{digest}-3"'
    assert s3.complete_multipart_upload(**end(chosen))["ETag"] == answer["ETag"], "asked again"
    got = s3.get_object(Bucket=BUCKET, Key=name)
    assert got["Body"].read() == b"".join(parts) and got["ContentType"] == "video/mp4"
    part = s3.get_object(Bucket=BUCKET, Key=name, PartNumber=2)
    assert part["Body"].read() == parts[1] and part["PartsCount"] == 3
    across = s3.get_object(Bucket=BUCKET, Key=name, Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}")["Body"].read()
    assert across == parts[0][-2:] + parts[1][:2]
    about = s3.get_object_attributes(Bucket=BUCKET, Key=name, ObjectAttributes=["ObjectParts"], MaxParts=2)
    assert about["ObjectParts"]["TotalPartsCount"] == 3 and about["ObjectParts"]["IsTruncated"]
    assert [p["Size"] for p in about["ObjectParts"]["Parts"]] == [5 * MIB, 6 * MIB]
    fails("NoSuchUpload", s3.upload_part, **this, PartNumber=1, Body=b"x")
    fails("NoSuchUpload", s3.abort_multipart_upload, **this)


def test_aborted_uploads_are_gone(s3, prefix):
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=prefix + "o")["UploadId"]
    this = {"Bucket": BUCKET, "Key": prefix + "o", "UploadId": upload}
    s3.upload_part(**this, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(**this)
    fails("NoSuchUpload", s3.list_parts, **this)
    fails("NoSuchUpload", s3.upload_part, Bucket=BUCKET, Key=prefix + "o", UploadId="x", PartNumber=1, Body=b"x")


def test_copies(s3, prefix):
    body = os.urandom(6 * MIB)
    put(s3, prefix + "a + b/ü", body, ContentType="video/mp4", Metadata={"who": "me"})
    source = {"Bucket": BUCKET, "Key": prefix + "a + b/ü"}
    s3.copy_object(Bucket=BUCKET, Key=prefix + "copy", CopySource=source)
    got = s3.get_object(Bucket=BUCKET, Key=prefix + "copy")
    assert got["Body"].read() == body and got["Metadata"] == {"who": "me"}
    s3.copy_object(
        Bucket=BUCKET, Key=prefix + "copy", CopySource={"Bucket": BUCKET, "Key": prefix + "copy"},
        MetadataDirective="REPLACE", ContentType="text/plain",
    )
    head = s3.head_object(Bucket=BUCKET, Key=prefix + "copy")
    assert (head["ContentType"], head["Metadata"]) == ("text/plain", {})
    fails("InvalidRequest", s3.copy_object, **{**source, "CopySource": source})
    fails("NoSuchKey", s3.copy_object, Bucket=BUCKET, Key=prefix + "x", CopySource={"Bucket": BUCKET, "Key": "nope"})
    fails("AccessDenied", s3.copy_object, Bucket=BUCKET, Key=prefix + "x", CopySource={"Bucket": "media", "Key": "a"})
    fails("PreconditionFailed", s3.copy_object, Bucket=BUCKET, Key=prefix + "x", CopySource=source,
          CopySourceIfMatch='"0"')
    fails("PreconditionFailed", s3.copy_object, Bucket=BUCKET, Key=prefix + "copy", CopySource=source, IfNoneMatch="*")
    fails("PreconditionFailed", s3.copy_object, Bucket=BUCKET, Key=prefix + "copy", CopySource=source, IfMatch='"0"')
    fails("NoSuchKey", s3.copy_object, Bucket=BUCKET, Key=prefix + "x", CopySource=source, IfMatch=head["ETag"])
    assert s3.head_object(Bucket=BUCKET, Key=prefix + "copy")["ContentType"] == "text/plain"
    s3.copy_object(Bucket=BUCKET, Key=prefix + "copy", CopySource=source, IfMatch=head["ETag"])
    s3.copy_object(Bucket=BUCKET, Key=prefix + "x", CopySource=source, IfNoneMatch="*")

    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=prefix + "joined")["UploadId"]
    this = {"Bucket": BUCKET, "Key": prefix + "joined", "UploadId": upload}
    parts = []
    for number, span in [(1, f"bytes=0-{5 * MIB - 1}"), (2, "bytes=10-19")]:
        result = s3.upload_part_copy(**this, PartNumber=number, CopySource=source, CopySourceRange=span)
        parts.append({"PartNumber": number, "ETag": result["CopyPartResult"]["ETag"]})
    fails("InvalidRange", s3.upload_part_copy, **this, PartNumber=3, CopySource=source,
          CopySourceRange=f"bytes=0-{6 * MIB}")
    s3.complete_multipart_upload(**this, MultipartUpload={"Parts": parts})
    assert get(s3, prefix + "joined") == body[: 5 * MIB] + body[10:20]


def fetch(url, data=None, method=None):
    request = urllib.request.Request(url, data=data, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def refused(url, **more):
    with pytest.raises(urllib.error.HTTPError) as failure:
        fetch(url, **more)
    return failure.value.code


def test_presigned_urls(s3, kinora, prefix):
    name = prefix + "pre signed+ü"
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": name}, ExpiresIn=60)
    fetch(url, b"film", "PUT")
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": name}, ExpiresIn=60)
    assert fetch(url) == b"film"
    assert refused(url.replace("pre%20", "Pre%20")) == 403
    assert refused(url.split("?")[0]) == 403
    assert refused(url, method="DELETE") == 403
    other = kinora.boto(secret_key="wrong")
    assert refused(other.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": name})) == 403

    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=name)["UploadId"]
    this = {"Bucket": BUCKET, "Key": name, "UploadId": upload}
    fetch(s3.generate_presigned_url("upload_part", {**this, "PartNumber": 1}), b"part", "PUT")
    part = s3.list_parts(**this)["Parts"][0]
    s3.complete_multipart_upload(**this, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert get(s3, name) == b"part"


def plain_boto(kinora, region="us-east-1"):
    """A client as boto3 makes it without settings."""
    return boto3.client("s3", endpoint_url=kinora.s3, region_name=region, aws_access_key_id=kinora.s3_access_key,
                        aws_secret_access_key=kinora.s3_secret_key)


def test_addresses_presigned_as_older_clients_do(kinora, prefix):
    """Signature Version 2: the default of boto3 for presigned addresses, of s3cmd and of the aws CLI 1."""
    old = plain_boto(kinora)
    this = {"Bucket": BUCKET, "Key": prefix + "old signed+ü"}

    def presigned(operation, client=old, **more):
        url = client.generate_presigned_url(operation, {**this, **more}, ExpiresIn=60)
        assert "AWSAccessKeyId=" in url
        return url

    def send(url, method="GET", body=None, kind=""):
        # A type that nobody chose would be signed, too.
        return requests.request(method, url, data=body, headers={"Content-Type": kind} if body else {}, timeout=30)

    described = {"ContentType": "video/mp4", "Metadata": {"who": "me"}, "StorageClass": "STANDARD_IA"}
    assert send(presigned("put_object", **described), "PUT", b"film", "video/mp4").status_code == 200
    head = kinora.boto().head_object(**this)
    assert {name: head[name] for name in described} == described
    assert send(presigned("get_object")).content == b"film"
    assert send(presigned("head_object"), "HEAD").headers["Content-Length"] == "4"
    as_text = send(presigned("get_object", ResponseContentType="text/plain"))
    assert as_text.headers["Content-Type"] == "text/plain"
    wrong = kinora.boto(secret_key="wrong", signature_version="s3")
    for url in [presigned("get_object", wrong), presigned("get_object").replace("old%20", "new%20"),
                presigned("get_object") + "&retention"]:
        assert send(url).status_code == 403
    assert send(presigned("get_object"), "DELETE").status_code == 403
    if shutil.which("s3cmd"):
        told = run("s3cmd", "signurl", f"s3://{BUCKET}/{this['Key']}", "+60", *s3cmd(kinora))
        assert send(told.strip()).content == b"film"
    assert send(presigned("delete_object"), "DELETE").status_code == 204
    fails("404", kinora.boto().head_object, **this)


def s3cmd(kinora):
    """Flags of s3cmd, which knows no settings from the environment."""
    host = kinora.s3.removeprefix("http://")
    return ["--config=/dev/null", "--no-ssl", f"--host={host}", f"--host-bucket={host}",
            f"--access_key={kinora.s3_access_key}", f"--secret_key={kinora.s3_secret_key}"]


def test_clients_that_sign_for_another_region_correct_themselves(kinora, unique):
    """As Debian's s3cmd does, which says `US`, and boto3."""
    bucket = f"abroad-{unique}"
    abroad = plain_boto(kinora, "eu-central-1")
    abroad.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert kinora.boto().head_bucket(Bucket=bucket)["BucketRegion"] == "eu-central-1"
    assert abroad.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-central-1"
    plain_boto(kinora, "eu-west-1").put_object(Bucket=bucket, Key="film", Body=b"film")
    assert abroad.get_object(Bucket=bucket, Key="film")["Body"].read() == b"film"
    if shutil.which("s3cmd"):
        assert f"s3://{bucket}" in run("s3cmd", "ls", *s3cmd(kinora))
        assert f"s3://{bucket}/film" in run("s3cmd", "ls", "--region=US", f"s3://{bucket}", *s3cmd(kinora))
    abroad.delete_object(Bucket=bucket, Key="film")
    abroad.delete_bucket(Bucket=bucket)


def test_wrong_keys_are_refused(kinora, prefix):
    fails("SignatureDoesNotMatch", kinora.boto(secret_key="wrong").list_objects_v2, Bucket=BUCKET)
    fails("InvalidAccessKeyId", kinora.boto(access_key="NOBODY").list_objects_v2, Bucket=BUCKET)
    fails("InvalidRequest", kinora.boto(signature_version="s3").list_objects_v2, Bucket=BUCKET)
    anonymous = kinora.boto(signature_version=botocore.UNSIGNED)
    fails("AccessDenied", anonymous.list_objects_v2, Bucket=BUCKET)
    s3 = kinora.boto()
    fails("AccessDenied", s3.list_objects_v2, Bucket="media")
    assert "media" not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_a_wrong_clock_is_told(kinora, monkeypatch):
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: datetime(2020, 1, 1), raising=False)
    request = botocore.awsrequest.AWSRequest("GET", f"{kinora.s3}/{BUCKET}")
    credentials = botocore.credentials.Credentials(kinora.s3_access_key, kinora.s3_secret_key)
    botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)), timeout=30)
    assert failure.value.code == 403 and b"RequestTimeTooSkewed" in failure.value.read()


def test_buckets(s3):
    assert BUCKET in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    s3.head_bucket(Bucket=BUCKET)
    fails("AccessDenied", s3.delete_bucket, Bucket=BUCKET)
    fails("NotImplemented", s3.put_bucket_policy, Bucket=BUCKET, Policy="{}")


@pytest.mark.parametrize("arguments", [
    {"ACL": "public-read"},
    {"Tagging": "a=1&a=2"},
    {"SSECustomerKey": "0" * 32, "SSECustomerAlgorithm": "AES256"},
    {"ServerSideEncryption": "aws:kms"},
    {"StorageClass": "COLD"},
    {"ChecksumSHA512": "AAAA"},
    {"Metadata": {"long": "x" * 3000}},
])
def test_what_is_not_offered_is_an_error(s3, prefix, arguments):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        put(s3, prefix + "o", **arguments)
    answer = refused.value.response
    status, code = answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
    assert 400 <= status < 500 or (status, code) == (501, "NotImplemented"), answer
    assert keys_of(s3, prefix) == []


def test_tags_belong_to_an_object_and_go_with_its_copies(s3, kinora, prefix):
    def tags(name):
        return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=BUCKET, Key=name)["TagSet"]}

    first, copy, joined = prefix + "first", prefix + "copy", prefix + "joined"
    put(s3, first, Tagging="kind=film&lang=d+e%2Bf", Metadata={"who": "me"})
    assert tags(first) == {"kind": "film", "lang": "d e+f"}
    modified = s3.head_object(Bucket=BUCKET, Key=first)
    assert modified["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "2"
    source = {"Bucket": BUCKET, "Key": first}
    s3.copy_object(Bucket=BUCKET, Key=copy, CopySource=source, MetadataDirective="REPLACE")
    assert (tags(copy), s3.head_object(Bucket=BUCKET, Key=copy)["Metadata"]) == (tags(first), {})
    s3.copy_object(Bucket=BUCKET, Key=copy, CopySource=source, TaggingDirective="REPLACE", Tagging="a=b")
    assert (tags(copy), s3.head_object(Bucket=BUCKET, Key=copy)["Metadata"]) == ({"a": "b"}, {"who": "me"})
    s3.copy_object(Bucket=BUCKET, Key=copy, CopySource=source, TaggingDirective="REPLACE")
    assert tags(copy) == {}

    s3.put_object_tagging(Bucket=BUCKET, Key=first, Tagging={"TagSet": [{"Key": "ü", "Value": ""}]})
    got = s3.get_object(Bucket=BUCKET, Key=first)
    assert (tags(first), got["TagCount"], got["Metadata"]) == ({"ü": ""}, 1, {"who": "me"})
    assert got["LastModified"] == modified["LastModified"]
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=joined, Tagging="of=parts")["UploadId"]
    this = {"Bucket": BUCKET, "Key": joined, "UploadId": upload}
    part = s3.upload_part(**this, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**this, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    assert tags(joined) == {"of": "parts"}
    s3.delete_object_tagging(Bucket=BUCKET, Key=first)
    assert tags(first) == {}

    many = [{"Key": str(n), "Value": "x" * 256} for n in range(11)]
    s3.put_object_tagging(Bucket=BUCKET, Key=first, Tagging={"TagSet": many[:10]})
    for bad in [many, many[:1] * 2, [{"Key": "aws:a", "Value": ""}], [{"Key": "a" * 129, "Value": ""}]]:
        fails("InvalidTag", s3.put_object_tagging, Bucket=BUCKET, Key=first, Tagging={"TagSet": bad})
    assert len(tags(first)) == 10
    fails("NoSuchKey", s3.put_object_tagging, Bucket=BUCKET, Key=prefix + "nothing", Tagging={"TagSet": []})
    if shutil.which("aws"):
        told = run("aws", "s3api", "get-object-tagging", "--bucket", BUCKET, "--key", joined,
                   env=kinora.client_environment())
        assert json.loads(told)["TagSet"] == [{"Key": "of", "Value": "parts"}]


def test_tags_of_a_bucket(s3, unique):
    bucket = f"tagged-{unique}"
    s3.create_bucket(Bucket=bucket)
    fails("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)
    many = [{"Key": f"k{n:02}", "Value": "ü" * 256} for n in range(51)]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": many[:50]})
    for bad in [many, many[:1] * 2, [{"Key": "aws:a", "Value": ""}]]:
        fails("InvalidTag", s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": bad})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == many[:50]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": many[:1]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == many[:1]
    s3.delete_bucket_tagging(Bucket=bucket)
    fails("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)
    for call, more in [(s3.get_bucket_tagging, {}), (s3.put_bucket_tagging, {"Tagging": {"TagSet": []}}),
                       (s3.delete_bucket_tagging, {})]:
        fails("NoSuchBucket", call, Bucket=bucket, **more)


def test_encryption_is_what_it_is_anyway(s3, prefix):
    name = prefix + "o"
    for more in [{}, {"ServerSideEncryption": "AES256"}]:
        assert put(s3, name, **more)["ServerSideEncryption"] == "AES256"
        assert s3.head_object(Bucket=BUCKET, Key=name)["ServerSideEncryption"] == "AES256"
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"] == [rule]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    fails("NotImplemented", s3.put_bucket_encryption, Bucket=BUCKET,
          ServerSideEncryptionConfiguration={"Rules": [rule]})
    own = {"SSECustomerKey": "0" * 32, "SSECustomerAlgorithm": "AES256"}
    for wrong, code in [
        ({"ServerSideEncryption": "AES256", "SSEKMSKeyId": "k"}, "InvalidArgument"),
        ({"SSEKMSKeyId": "k"}, "InvalidArgument"),
        ({"ServerSideEncryption": "AES257"}, "InvalidArgument"),
        ({"ServerSideEncryption": "AES256", **own}, "InvalidArgument"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}, "NotImplemented"),
        (own, "NotImplemented"),
    ]:
        fails(code, s3.put_object, Bucket=BUCKET, Key=name + "?", Body=b"x", **wrong)
    assert keys_of(s3, prefix) == [name]


def test_who_looks_for_what_there_is_not_finds_none(s3, prefix):
    bucket = {"Bucket": BUCKET}
    for call, code in [
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
        (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
    ]:
        fails(code, call, **bucket)
        fails("NoSuchBucket", call, Bucket="nowhere-at-all")
    assert "LoggingEnabled" not in s3.get_bucket_logging(**bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(**bucket)
    assert s3.get_bucket_request_payment(**bucket)["Payer"] == "BucketOwner"
    assert s3.get_bucket_policy_status(**bucket)["PolicyStatus"]["IsPublic"] is False
    assert set(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    owned = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
    assert owned == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    put(s3, prefix + "o")
    this = {**bucket, "Key": prefix + "o"}
    fails("InvalidRequest", s3.get_object_retention, **this)
    fails("InvalidRequest", s3.put_object_legal_hold, **this, LegalHold={"Status": "ON"})
    fails("InvalidBucketState", s3.put_object_lock_configuration, **bucket)
    for change, given in [(s3.put_bucket_acl, bucket), (s3.put_object_acl, this)]:
        change(**given, ACL="private")
        fails("AccessControlListNotSupported", change, **given, ACL="public-read")
        fails("NotImplemented", change, **given, GrantRead="uri=http://acs.amazonaws.com/groups/global/AllUsers")
    as_it_is = s3.get_object_acl(**this)
    as_it_is = {name: as_it_is[name] for name in ["Grants", "Owner"]}
    s3.put_object_acl(**this, AccessControlPolicy=as_it_is)
    fails("AccessControlListNotSupported", s3.put_object_acl, **this,
          AccessControlPolicy={**as_it_is, "Grants": as_it_is["Grants"] * 2})
    fails("NotImplemented", s3.put_bucket_versioning, **bucket, VersioningConfiguration={"Status": "Enabled"})


def test_names_of_buckets(s3, unique):
    name = f"names-{unique}"
    s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    for bad in [f"a.-{unique}", f"a-.{unique}", f"A{unique}", f"a..{unique}", f"-{unique}", f"{unique}_", "10.0.0.1"]:
        s3.meta.events.unregister("before-parameter-build.s3", botocore.handlers.validate_bucket_name)
        fails("InvalidBucketName", s3.create_bucket, Bucket=bad)
    s3.delete_bucket(Bucket=name)
    fails("NoSuchBucket", s3.delete_bucket, Bucket=name)
