"""CloudFront signatures by independent signers, made now: accepted when right, refused with CloudFront's body otherwise."""

import datetime
import json
import os
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import hls
from chromium import BROWSER
from kinora_server import run, wait_for

# Signatures do not depend on the database.
pytestmark = pytest.mark.one_engine

SDK = BROWSER / "sign.mjs"


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


class Pair:
    """A key pair whose public half the edge knows."""

    def __init__(self, kinora, folder, key):
        self.key = key
        self.private = folder / f"{id(key)}.pem"
        self.private.write_bytes(pem(key))
        public = folder / f"{id(key)}.pub.pem"
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        self.id = kinora.json("key", "add", public)["id"]


@pytest.fixture(scope="module")
def stream(kinora, clip):
    """The plain address of a playable title."""
    kinora.boto().upload_file(str(clip("short")), "source", "signed-film.mp4")
    title = kinora.wait("signed-film")
    return kinora.json("url", title["id"], "--cookies")["url"]


@pytest.fixture(scope="module")
def rsa_pair(kinora, tmp_path_factory):
    return Pair(kinora, tmp_path_factory.mktemp("rsa"), rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def ec_pair(kinora, tmp_path_factory):
    return Pair(kinora, tmp_path_factory.mktemp("ec"), ec.generate_private_key(ec.SECP256R1()))


def botocore_signer(pair):
    return CloudFrontSigner(pair.id, lambda message: pair.key.sign(message, padding.PKCS1v15(), hashes.SHA1()))


def in_future(**delta):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)


def sdk(pair, **arguments):
    arguments |= {"keyPairId": pair.id, "privateKey": pair.private.read_text()}
    done = subprocess.run(["node", SDK], input=json.dumps(arguments), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def status(url, headers=None):
    return hls.get(url, headers)[0]


def test_botocore_canned_and_custom(stream, rsa_pair):
    signer = botocore_signer(rsa_pair)
    assert status(signer.generate_presigned_url(stream, date_less_than=in_future(minutes=5))) == 200
    base = stream.rsplit("/", 1)[0]
    policy = signer.build_policy(f"{base}/*", in_future(minutes=5), in_future(minutes=-1), "127.0.0.0/8")
    assert status(signer.generate_presigned_url(stream, policy=policy)) == 200
    assert status(signer.generate_presigned_url(f"{base}/v0.m3u8", policy=policy)) == 200


def test_aws_cloudfront_sign(stream, rsa_pair):
    when = in_future(minutes=5).strftime("%Y-%m-%dT%H:%M:%SZ")
    common = ["aws", "cloudfront", "sign", "--url", stream, "--key-pair-id", rsa_pair.id, "--date-less-than", when]
    common += ["--private-key", f"file://{rsa_pair.private}"]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
    assert status(run(*common, env=environment).strip()) == 200
    assert status(run(*common, "--ip-address", "127.0.0.1/32", env=environment).strip()) == 200


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256"])
def test_the_javascript_sdk(stream, rsa_pair, ec_pair, kind, algorithm):
    pair = rsa_pair if kind == "rsa" else ec_pair
    until = in_future(minutes=5).isoformat()
    canned = sdk(pair, url=stream, dateLessThan=until, algorithm=algorithm)
    assert status(canned["url"]) == 200
    cookies = "; ".join(f"{k}={v}" for k, v in canned["cookies"].items() if v)
    assert status(stream, {"Cookie": cookies}) == 200
    resource = stream.rsplit("/", 1)[0] + "/*"
    policy = {"Statement": [{"Resource": resource, "Condition": {"DateLessThan": {"AWS:EpochTime": int(time.time()) + 300}}}]}
    custom = sdk(pair, url=stream, policy=json.dumps(policy, separators=(",", ":")), algorithm=algorithm)
    assert status(custom["url"]) == 200
    cookies = "; ".join(f"{k}={v}" for k, v in custom["cookies"].items() if v)
    assert status(stream.replace("index.m3u8", "v0/init.mp4"), {"Cookie": cookies}) == 200


def test_what_is_not_right_is_refused(stream, rsa_pair, kinora, tmp_path):
    signer = botocore_signer(rsa_pair)
    base = stream.rsplit("/", 1)[0]
    stranger = CloudFrontSigner("KNOBODY", signer.rsa_signer)
    other_key = rsa.generate_private_key(65537, 2048)
    forged = CloudFrontSigner(rsa_pair.id, lambda m: other_key.sign(m, padding.PKCS1v15(), hashes.SHA1()))
    good = signer.generate_presigned_url(stream, date_less_than=in_future(minutes=5))
    custom = lambda *policy: signer.generate_presigned_url(stream, policy=signer.build_policy(*policy))
    cases = {
        "none": stream,
        "expired": signer.generate_presigned_url(stream, date_less_than=in_future(minutes=-1)),
        "not yet": custom(f"{base}/*", in_future(minutes=9), in_future(minutes=5)),
        "wrong address": custom(f"{base}/*", in_future(minutes=5), None, "192.0.2.0/24"),
        "wrong resource": custom("http://elsewhere.example/*", in_future(minutes=5)),
        "another file": good.replace("index.m3u8", "v0.m3u8"),
        "altered expiry": good.replace("Expires=", "Expires=1"),
        "altered signature": good.replace("Signature=", "Signature=AAAA"),
        "parameter added": good + "&more=1",
        "unknown key": stranger.generate_presigned_url(stream, date_less_than=in_future(minutes=5)),
        "forged": forged.generate_presigned_url(stream, date_less_than=in_future(minutes=5)),
    }
    for name, url in cases.items():
        code, headers, body = hls.get(url)
        assert code == 403, f"{name}: {code}"
        assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>'), (name, body)
        assert "xml" in headers["content-type"], name


def test_every_media_address_is_refused_without_a_signature(kinora, stream, rsa_pair):
    title = next(t for t in kinora.titles() if t["name"] == "signed-film")
    show = hls.load(kinora.url(title["id"]))
    token_path = urlsplit(show.url).path
    addresses = [show.url]
    for _, playlist in show.variants + show.audio:
        addresses += [playlist.url, playlist.map, *(s for s, _ in playlist.segments)]
    for url in addresses:
        assert status(url) == 200
        path = urlsplit(url).path
        plain = "/out/" + path.split("/out/", 1)[1]
        assert status(kinora.http + plain) == 403, plain
        token = token_path.split("/")[2]
        worse = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
        assert status(kinora.http + path.replace(token, worse)) == 403


def test_a_removed_key_is_refused_within_seconds(kinora, stream, tmp_path):
    pair = Pair(kinora, tmp_path, rsa.generate_private_key(65537, 2048))
    url = botocore_signer(pair).generate_presigned_url(stream, date_less_than=in_future(minutes=5))
    assert status(url) == 200
    kinora.cli("key", "rm", pair.id)
    wait_for(lambda: status(url) == 403, timeout=10)


def test_ranges_and_head(kinora):
    title = next(t for t in kinora.titles() if t["name"] == "signed-film")
    show = hls.load(kinora.url(title["id"]))
    url = show.variants[0][1].segments[0][0]
    code, headers, whole = hls.get(url)
    length = int(headers["content-length"])
    assert code == 200 and length == len(whole)
    code, headers, part = hls.get(url, {"Range": "bytes=10-19"})
    assert code == 206 and part == whole[10:20]
    assert hls.get(url, {"Range": f"bytes={len(whole)}-"})[0] == 416
    code, headers, body = hls.get(url, method="HEAD")
    assert code == 200 and body == b"" and int(headers["content-length"]) == length
