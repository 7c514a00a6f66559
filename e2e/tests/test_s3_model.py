"""Nothing that Kinora does not offer of S3 changes anything: every operation of botocore's model is tried."""

import re
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.session
import pytest
import requests

FACE = Path(__file__).resolve().parents[2] / "crates/s3/src/face.rs"
OFFERED = set(re.findall(r"^    \w+: (\w+)Input -> ", FACE.read_text(), re.MULTILINE))
# Errors that say why a request is refused, in S3's words.
REFUSALS = {"NotImplemented", "InvalidArgument", "InvalidRequest", "MethodNotAllowed"}


@pytest.fixture(scope="module")
def s3(engine, kinora):
    if engine != "sqlite":
        pytest.skip("runs on SQLite: the database is not asked")
    return kinora.boto(inject_host_prefix=False, parameter_validation=False)


@pytest.fixture
def place(s3, unique):
    """A bucket with an object and an upload, and an empty one."""
    full, empty = f"full-{unique}", f"empty-{unique}"
    s3.create_bucket(Bucket=full)
    s3.create_bucket(Bucket=empty)
    s3.put_object(Bucket=full, Key="film", Body=b"film", Metadata={"who": "me"}, Tagging="kind=film")
    upload = s3.create_multipart_upload(Bucket=full, Key="film")["UploadId"]
    s3.upload_part(Bucket=full, Key="film", UploadId=upload, PartNumber=1, Body=b"part")
    yield {"Bucket": full, "Key": "film", "UploadId": upload, "Empty": empty}
    s3.abort_multipart_upload(Bucket=full, Key="film", UploadId=upload)
    s3.delete_object(Bucket=full, Key="film")
    s3.delete_bucket(Bucket=full)
    s3.delete_bucket(Bucket=empty)


def state(s3, place):
    """Everything that could change."""
    bucket = place["Bucket"]
    film = s3.get_object(Bucket=bucket, Key="film")
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    parts = s3.list_parts(Bucket=bucket, Key="film", UploadId=place["UploadId"])["Parts"]
    return {
        "buckets": s3.list_buckets()["Buckets"],
        "objects": {b: s3.list_objects_v2(Bucket=b).get("Contents") for b in [bucket, place["Empty"]]},
        "film": [film["Body"].read(), *(film[name] for name in ["ETag", "LastModified", "Metadata", "ContentType"])],
        "tags": s3.get_object_tagging(Bucket=bucket, Key="film")["TagSet"],
        "uploads": [(upload["Key"], upload["UploadId"]) for upload in uploads],
        "parts": [(part["PartNumber"], part["ETag"], part["LastModified"]) for part in parts],
    }


def value(shape, name, known, depth=0):
    """The least that a shape may be; what the test knows a right value of has that."""
    if name in known:
        return known[name]
    if shape.type_name == "structure":
        members = {m: shape.members[m] for m in shape.required_members}
        # A union has one of its members.
        members = members or ({m: shape.members[m] for m in list(shape.members)[:1]} if depth < 3 else {})
        return {m: value(s, m, known, depth + 1) for m, s in members.items()}
    if shape.type_name == "list":
        return [value(shape.member, shape.member.name, known, depth + 1)]
    if shape.type_name == "map":
        return {}
    scalars = {"boolean": True, "timestamp": "2030-01-01T00:00:00Z", "blob": b"x"}
    if shape.type_name == "string":
        return (getattr(shape, "enum", None) or ["x"])[0]
    return scalars.get(shape.type_name, 1)


def test_no_operation_that_is_not_offered_changes_anything(s3, place):
    model = unused_model()
    http = {name: (found["method"], found["requestUri"])
            for name in model.operation_names for found in [model.operation_model(name).http]}
    # An older name of an operation that is offered is offered.
    offered = {http[name] for name in OFFERED}
    before = state(s3, place)
    tried = 0
    for name in model.operation_names:
        if http[name] in offered:
            continue
        shape = model.operation_model(name).input_shape
        for bucket in [place["Bucket"], place["Empty"]]:
            source = f"{place['Bucket']}/film"
            known = {**place, "Bucket": bucket, "CopySource": source, "RenameSource": source, "PartNumber": 1}
            arguments = {m: value(shape.members[m], m, known) for m in shape.required_members} if shape else {}
            with pytest.raises(botocore.exceptions.ClientError) as failure:
                s3._make_api_call(name, arguments)
            code = failure.value.response["Error"]["Code"]
            assert code in REFUSALS, f"{name}: {failure.value}"
            tried += 1
    assert tried > 80
    assert state(s3, place) == before


def test_no_sub_resource_changes_what_lies_behind_it(s3, kinora, place):
    """Every sub-resource of the model and some of no model, with every method that changes something."""
    model = unused_model()
    offered = {(m.http["method"], *m.http["requestUri"].split("?")[:1], query(m.http["requestUri"]))
               for m in map(model.operation_model, OFFERED)}
    every = {query(model.operation_model(name).http["requestUri"]) for name in model.operation_names}
    every |= {"foo", "versionId=abc", "uploadId=abc", "partNumber=1", "uploadId", "partNumber", "versions", "location"}
    credentials = botocore.credentials.Credentials(kinora.s3_access_key, kinora.s3_secret_key)
    before = state(s3, place)
    with requests.Session() as session:
        for sub in sorted(every - {""}):
            for method in ["PUT", "POST", "DELETE"]:
                for path, bucket in [("/{Bucket}/{Key+}", "Bucket"), ("/{Bucket}", "Bucket"), ("/{Bucket}", "Empty")]:
                    if any(m == method and sub.split("=")[0] == q.split("=")[0] and ("Key" in p) == ("Key" in path)
                           for m, p, q in offered if q):
                        continue
                    target = f"{kinora.s3}/{place[bucket]}{'/film' if 'Key' in path else ''}?{sub}"
                    request = botocore.awsrequest.AWSRequest(method, target)
                    botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
                    answer = session.request(method, target, headers=dict(request.headers), timeout=30)
                    assert answer.status_code in [400, 404, 405, 501], (method, target, answer.text)
                    assert "<Code>" in answer.text, (method, target)
    assert state(s3, place) == before


def unused_model():
    """S3's model as botocore ships it. A client changes its own: the first call of an operation shortens its address."""
    return botocore.session.Session().get_service_model("s3")


def query(uri):
    return uri.partition("?")[2]
