"""Makes cloudfront.json: signatures by signers that are not ours, for tests/it/vectors.rs.

    python3 -m venv venv && venv/bin/pip install botocore awscli cryptography
    npm install @aws-sdk/cloudfront-signer aws-cloudfront-sign
    venv/bin/python .../tests/vectors/make.py > .../tests/vectors/cloudfront.json

Run it in an empty folder; openssl and node are called from PATH. Every run makes new keys and keeps only the public halves.
All cases are signed for 192.0.2.7 and a moment shortly before 1800000000.
"""

import base64
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

HERE = pathlib.Path(__file__).parent
HOST = "https://films.example"
UNTIL = 1800000000
DATE = datetime.datetime.fromtimestamp(UNTIL, datetime.timezone.utc)
WORK = pathlib.Path(tempfile.mkdtemp())


def run(*argv, data=None):
    return subprocess.run(argv, input=data, check=True, stdout=subprocess.PIPE).stdout


def cloudfront_base64(data):
    return base64.b64encode(data).decode().translate(str.maketrans("+=/", "-_~"))


def openssl_sign(key, digest, message):
    return cloudfront_base64(run("openssl", "dgst", f"-{digest}", "-sign", WORK / f"{key}.pem", data=message.encode()))


run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", WORK / "RSA.pem")
run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", WORK / "EC.pem")
run("openssl", "rsa", "-in", WORK / "RSA.pem", "-traditional", "-out", WORK / "RSA1.pem")
KEYS = {key: run("openssl", "pkey", "-in", WORK / f"{key}.pem", "-pubout").decode() for key in ("RSA", "EC")}

cases = []


def add(name, url, cookies=()):
    cases.append({"name": name, "url": url, "cookies": list(cookies)})


private = serialization.load_pem_private_key((WORK / "RSA.pem").read_bytes(), None)
botocore = CloudFrontSigner("RSA", lambda message: private.sign(message, padding.PKCS1v15(), hashes.SHA1()))
url = f"{HOST}/out/v1/a/v0/0.m4s"
add("botocore canned", botocore.generate_presigned_url(url, date_less_than=DATE))
add("botocore canned with query", botocore.generate_presigned_url(url + "?z=1&a=2&z=3", date_less_than=DATE))
wide = botocore.build_policy(
    f"{HOST}/out/v1/*", DATE, date_greater_than=DATE - datetime.timedelta(hours=1), ip_address="192.0.2.0/24"
)
add("botocore custom", botocore.generate_presigned_url(url, policy=wide))
add("botocore custom with query", botocore.generate_presigned_url(url + "?z=1&a=2", policy=wide))
exact = botocore.build_policy(url + "?z=1", DATE, ip_address="192.0.2.7")
add("botocore custom with an unescaped question mark", botocore.generate_presigned_url(url + "?z=1", policy=exact))

aws = ["aws", "cloudfront", "sign", "--key-pair-id", "RSA", "--private-key", f"file://{WORK}/RSA1.pem"]
add("aws cloudfront sign canned", run(*aws, "--url", url, "--date-less-than", str(UNTIL)).decode().strip())
add("aws cloudfront sign canned with query", run(*aws, "--url", url + "?q=%20x", "--date-less-than", str(UNTIL)).decode().strip())
add(
    "aws cloudfront sign custom",
    run(*aws, "--url", url, "--date-less-than", str(UNTIL), "--date-greater-than", str(UNTIL - 3600), "--ip-address", "192.0.2.0/24")
    .decode()
    .strip(),
)

for key in ("RSA", "EC"):
    for digest, extra in (("sha1", ""), ("sha1", "&Hash-Algorithm=SHA1"), ("sha256", "&Hash-Algorithm=SHA256")):
        canned = f'{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{UNTIL}}}}}}}]}}'
        signature = openssl_sign(key, digest, canned)
        add(f"openssl canned {key} {digest}{extra}", f"{url}?Key-Pair-Id={key}&Signature={signature}&Expires={UNTIL}{extra}")
        # As the C# library writes it: spaces, and an address that means any.
        custom = (
            f'{{"Statement": [{{"Resource":"http*://*.example/out/v1/*", "Condition":{{"DateLessThan":{{"AWS:EpochTime":{UNTIL}}}, '
            f'"IpAddress":{{"AWS:SourceIp":"0.0.0.0/0"}}, "DateGreaterThan":{{"AWS:EpochTime":{UNTIL - 3600}}}}}}}]}}'
        )
        signature = openssl_sign(key, digest, custom)
        policy = cloudfront_base64(custom.encode())
        add(f"openssl custom {key} {digest}{extra}", f"{url}?x=y&Policy={policy}&Signature={signature}&Key-Pair-Id={key}{extra}")
        cookies = f"CloudFront-Policy={policy}; CloudFront-Signature={signature}; CloudFront-Key-Pair-Id={key}"
        if extra:
            cookies += f"; CloudFront-Hash-Algorithm={extra.split('=')[1]}"
        add(f"openssl cookies {key} {digest}{extra}", url, [cookies])

cases += json.loads(run("node", HERE / "make.mjs", WORK))
for case in cases:
    parts = urllib.parse.urlsplit(case.pop("url"))
    case["target"] = parts.path + (f"?{parts.query}" if parts.query else "")
    assert parts.netloc == "films.example", parts
json.dump({"keys": KEYS, "cases": cases}, sys.stdout, indent=1)
print()
