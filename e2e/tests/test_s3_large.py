"""100 MB by foreign S3 clients: boto3, the aws CLI and rclone."""

import os
import shutil
import subprocess
import zlib

import pytest

from kinora_server import run
from test_s3 import BUCKET, prefix, s3  # noqa: F401 (fixtures)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """100 MB that do not compress."""
    path = tmp_path_factory.mktemp("big") / "big.bin"
    path.write_bytes(os.urandom(100_000_000))
    return path


def crc(path):
    return zlib.crc32(path.read_bytes())


def test_100_mb_by_boto3(s3, prefix, big, tmp_path):
    s3.upload_file(str(big), BUCKET, prefix + "big.bin")
    assert "-" in s3.head_object(Bucket=BUCKET, Key=prefix + "big.bin")["ETag"]
    s3.download_file(BUCKET, prefix + "big.bin", str(tmp_path / "back"))
    assert crc(tmp_path / "back") == crc(big)


@pytest.mark.one_engine
def test_100_mb_by_the_aws_cli(kinora, prefix, big, tmp_path):
    if not shutil.which("aws"):
        pytest.skip("aws is not installed")
    environment = kinora.client_environment()
    run("aws", "s3", "cp", "--only-show-errors", big, f"s3://{BUCKET}/{prefix}a b/big.bin", env=environment)
    run("aws", "s3", "cp", "--only-show-errors", f"s3://{BUCKET}/{prefix}a b/big.bin", tmp_path / "back",
        env=environment)
    assert crc(tmp_path / "back") == crc(big)
    run("aws", "s3", "cp", "--only-show-errors", f"s3://{BUCKET}/{prefix}a b/big.bin",
        f"s3://{BUCKET}/{prefix}copy.bin", env=environment)
    listed = run("aws", "s3", "ls", "--recursive", f"s3://{BUCKET}/{prefix}", env=environment)
    assert f"{prefix}a b/big.bin" in listed and f"{prefix}copy.bin" in listed
    (tmp_path / "tree/sub dir").mkdir(parents=True)
    (tmp_path / "tree/sub dir/ü+%.txt").write_text("text")
    run("aws", "s3", "sync", "--only-show-errors", tmp_path / "tree", f"s3://{BUCKET}/{prefix}tree", env=environment)
    run("aws", "s3", "rm", "--only-show-errors", "--recursive", f"s3://{BUCKET}/{prefix}", env=environment)
    ended = subprocess.run(["aws", "s3", "ls", f"s3://{BUCKET}/{prefix}"], env=environment, capture_output=True)
    assert ended.returncode == 1, ended


@pytest.mark.one_engine
def test_100_mb_by_rclone(kinora, prefix, big, tmp_path):
    if not shutil.which("rclone"):
        pytest.skip("rclone is not installed")
    environment = kinora.client_environment()
    tree = tmp_path / "tree"
    (tree / "sub dir").mkdir(parents=True)
    shutil.copy(big, tree / "sub dir" / "bïg+%.bin")
    (tree / "empty.bin").touch()
    (tree / "small.bin").write_bytes(b"small")
    options = ["--s3-chunk-size", "8M", "--s3-upload-cutoff", "16M", "--s3-no-check-bucket"]
    run("rclone", "copy", *options, tree, f"k:{BUCKET}/{prefix}tree", env=environment)
    run("rclone", "check", "--download", tree, f"k:{BUCKET}/{prefix}tree", env=environment)
    run("rclone", "copy", f"k:{BUCKET}/{prefix}tree", tmp_path / "back", env=environment)
    assert crc(tmp_path / "back/sub dir/bïg+%.bin") == crc(big)
    assert (tmp_path / "back/empty.bin").stat().st_size == 0
    run("rclone", "purge", f"k:{BUCKET}/{prefix}tree", env=environment)
