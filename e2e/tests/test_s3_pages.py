"""What pages of other origins do with S3: forms with a policy, and scripts that a bucket's rules (CORS) let in."""

import base64
import hashlib
import json
import uuid
from xml.etree import ElementTree

import botocore
import pytest

from chromium import Node
from visitor import ask

# Forms and rules of other origins do not depend on the database.
pytestmark = pytest.mark.one_engine

BUCKET = "source"


@pytest.fixture(scope="module")
def s3(kinora):
    return kinora.boto()


@pytest.fixture
def bucket(s3, unique):
    """A bucket of the test's own."""
    name = f"pages-{unique}"
    s3.create_bucket(Bucket=name)
    return name


def code(answer):
    """The code of a refusal."""
    return ElementTree.fromstring(answer.body).findtext("Code")


def send(form, body, filename="film.mp4", **more):
    """Sends a form as a browser would; `more` changes fields, or takes them away with None."""
    fields = {name.replace("_", "-"): value for name, value in more.items()}
    fields = {name: value for name, value in {**form["fields"], **fields}.items() if value is not None}
    boundary = uuid.uuid4().hex
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    head = f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: video/mp4\r\n\r\n'
    parts.append(head.encode() + body)
    data = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    data += b"--" + boundary.encode() + b"--\r\n"
    return ask(form["url"], {"Content-Type": f"multipart/form-data; boundary={boundary}"}, "POST", data)


def test_a_form_uploads_within_its_policy(s3, unique):
    key = f"form-{unique}/${{filename}}"
    fields = {"x-amz-meta-who": "me", "Content-Type": "video/mp4", "success_action_status": "201",
              "tagging": "<Tagging><TagSet><Tag><Key>kind</Key><Value>trailer</Value></Tag></TagSet></Tagging>"}
    conditions = [{"x-amz-meta-who": "me"}, ["starts-with", "$Content-Type", "video/"], {"tagging": fields["tagging"]},
                  {"success_action_status": "201"}, ["content-length-range", 3, 3 << 20]]
    form = s3.generate_presigned_post(BUCKET, key, Fields=fields, Conditions=conditions, ExpiresIn=600)
    body = b"\r\n--film\r\n" * 250_000
    sent = send(form, body, "C:\\films\\ein Film+ü.mp4")
    assert sent.status == 201, sent.body
    told = {item.tag: item.text for item in ElementTree.fromstring(sent.body)}
    name = f"form-{unique}/ein Film+ü.mp4"
    assert (told["Bucket"], told["Key"], told["ETag"]) == (BUCKET, name, f'"{hashlib.md5(body).hexdigest()}"')
    got = s3.get_object(Bucket=BUCKET, Key=name)
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("video/mp4", {"who": "me"}, 1)

    for changed, wanted in [
        ({"x_amz_meta_who": "you"}, "AccessDenied"),
        ({"x_amz_meta_other": "1"}, "AccessDenied"),
        ({"key": "elsewhere"}, "AccessDenied"),
        ({"Content_Type": "text/html"}, "AccessDenied"),
        ({"key": None}, "AccessDenied"),
        ({"policy": None}, "AccessDenied"),
        ({"x_amz_signature": None}, "InvalidArgument"),
        ({"x_amz_signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x_amz_credential": "NOBODY/20260101/us-east-1/s3/aws4_request", "x_amz_date": "20260101T000000Z"},
         "InvalidAccessKeyId"),
        ({"policy": base64.b64encode(b'{"expiration": "2099-01-01T00:00:00Z", "conditions": []}').decode()},
         "SignatureDoesNotMatch"),
    ]:
        # Most are refused while the file is still on its way; the answer comes through all the same.
        for _ in range(5):
            refused = send(form, body, **changed)
            assert (code(refused), changed) == (wanted, changed)
    assert code(send(form, b"12")) == "EntityTooSmall"
    assert code(send(form, b"x" * (3 << 20) + b"y")) == "EntityTooLarge"
    assert len(s3.list_objects_v2(Bucket=BUCKET, Prefix=f"form-{unique}/")["Contents"]) == 1


def test_what_a_form_may_not_do(kinora, s3, bucket):
    late = s3.generate_presigned_post(bucket, "a", ExpiresIn=-1)
    assert code(send(late, b"film")) == "AccessDenied"
    form = s3.generate_presigned_post(bucket, "a", ExpiresIn=600)
    elsewhere = {**form, "url": form["url"].replace(bucket, BUCKET)}
    assert code(send(elsewhere, b"film")) == "AccessDenied"
    media = s3.generate_presigned_post("media", "a", ExpiresIn=600)
    assert code(send(media, b"film")) == "AccessDenied"
    public = s3.generate_presigned_post(bucket, "a", Fields={"acl": "public-read"}, Conditions=[{"acl": "public-read"}])
    assert code(send(public, b"film")) == "AccessControlListNotSupported"
    old = kinora.boto(signature_version="s3").generate_presigned_post(bucket, "a", ExpiresIn=600)
    assert code(send(old, b"film")) == "InvalidRequest"
    assert ask(form["url"] + "/a", {"Content-Type": "multipart/form-data; boundary=x"}, "POST", b"--x--").status == 405
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    given = {"x-amz-checksum-sha256": wrong}
    form = s3.generate_presigned_post(bucket, "a", Fields=given, Conditions=[given], ExpiresIn=600)
    assert code(send(form, b"film")) == "BadDigest"
    assert send(form, b"other").status == 204
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"other"


def test_a_bucket_says_what_pages_may_do(s3, kinora, bucket):
    with pytest.raises(botocore.exceptions.ClientError, match="NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=bucket)
    rules = [
        {"ID": "upload", "AllowedOrigins": ["https://*.films.example"], "AllowedMethods": ["PUT", "POST"],
         "AllowedHeaders": ["x-amz-*", "Content-Type"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
    ]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a"})

    def question(origin, method, headers="", url=url):
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        answer = ask(url, {**asked, "Access-Control-Request-Headers": headers}, "OPTIONS")
        return answer.status, answer.headers["Access-Control-Allow-Origin"], answer.headers["Access-Control-Allow-Methods"]

    page = "https://a.films.example"
    assert question(page, "PUT", "content-type, x-amz-meta-a") == (200, page, "PUT, POST")
    assert question("https://other.example", "GET") == (200, "*", "GET")
    for refused in [("https://other.example", "PUT"), (page, "PUT", "authorization"), (page, "DELETE")]:
        assert question(*refused) == (403, None, None), refused
    assert question(page, "PUT", url=url.replace(bucket, BUCKET)) == (403, None, None), "another bucket's rules"
    assert question(page, "PUT", url=url.replace(bucket, "nowhere"))[0] == 403
    assert ask(url, method="OPTIONS").status == 400

    put = ask(url, {"Origin": page}, "PUT", b"film")
    assert (put.status, put.headers["Access-Control-Allow-Origin"]) == (200, page)
    assert put.headers["Access-Control-Expose-Headers"] == "ETag" and "Origin" in put.headers["Vary"]
    get = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"})
    assert ask(get, {"Origin": "https://other.example"}).headers["Access-Control-Allow-Origin"] == "*"
    assert ask(get).headers["Access-Control-Allow-Origin"] is None
    s3.delete_bucket_cors(Bucket=bucket)
    assert question(page, "PUT") == (403, None, None)

    for bad in [
        [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}],
        [{"AllowedOrigins": ["https://*.*"], "AllowedMethods": ["GET"]}],
        [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["a b"]}],
        [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}] * 101,
    ]:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": bad})
        answer = refused.value.response
        assert 400 <= answer["ResponseMetadata"]["HTTPStatusCode"] < 500, answer


@pytest.mark.browser
def test_a_browser_uploads_from_a_page_of_another_origin(kinora, s3, bucket):
    with Node(kinora, "form.drive.mjs", timeout=120) as page:
        origin = page.process.stdout.readline().strip()
        rule = {"AllowedOrigins": [origin], "AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["*"],
                "ExposeHeaders": ["ETag"]}
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
        done = {"success_action_redirect": f"{origin}/done?step=2"}
        form = s3.generate_presigned_post(bucket, "form/${filename}", Fields=done, Conditions=[done], ExpiresIn=600)
        this = {"Bucket": bucket, "Key": "script"}
        wish = {"form": form, "name": 'ein "Film" ü.mp4', "text": "Überlänge", "get": s3.generate_presigned_url("get_object", this),
                "put": s3.generate_presigned_url("put_object", {**this, "Metadata": {"who": "a page"}})}
        page.answer(json.dumps(wish) + "\n")
        seen = json.loads(page.end())
    body = wish["text"].encode()
    etag = f'"{hashlib.md5(body).hexdigest()}"'
    key = f"form/{wish['name']}"
    assert seen["told"] == {"step": "2", "bucket": bucket, "key": key, "etag": etag}
    assert seen["allowed"] == {"status": 200, "etag": etag, "date": None}
    assert seen["read"] == wish["text"]
    for name in [key, "script"]:
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key="script")["Metadata"] == {"who": "a page"}
