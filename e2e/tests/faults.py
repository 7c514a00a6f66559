"""Failing disks: a program whose writes fail at seeded moments (e2e/faults/faults.c), and a small disk that is full."""

import ctypes
import errno
import mmap
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "faults" / "faults.c"


class Faults:
    """The weather of one data folder: `storm` lets calls fail, `calm` ends that."""

    def __init__(self, folder, data):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if not compiler:
            pytest.skip("failing writes (no C compiler)")
        folder.mkdir(parents=True, exist_ok=True)
        library, control = folder / "faults.so", folder / "faults.state"
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        control.write_bytes(bytes(16))
        with open(control, "r+b") as file:
            self.words = (ctypes.c_uint32 * 4).from_buffer(mmap.mmap(file.fileno(), 16))
        self.environment = {"LD_PRELOAD": str(library), "KINORA_FAULTS": str(control), "KINORA_FAULTS_BELOW": f"{data}/"}

    def storm(self, per_million, error, seed):
        self.words[1], self.words[2] = error, seed & 0xFFFFFFFF
        self.words[0] = per_million

    def calm(self):
        self.words[0] = 0

    def unreadable(self, name):
        """The environment of a program that cannot read the files of that name, nor other names of them with an ending."""
        return self.environment | {"KINORA_FAULTS_UNREADABLE": f"/{name}"}

    @property
    def failed(self):
        """Calls that have failed so far."""
        return self.words[3]


KINDS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}


@contextmanager
def small_disk(folder, mib):
    """A file system of its own with so much room. Where nobody may mount one the test is skipped; in CI it fails."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", folder]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        why = f"a full disk (no tmpfs may be mounted here: {done.stderr.strip()})"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Ballast:
    """A file that leaves others so much room and no more."""

    def __init__(self, folder):
        self.path = folder / "ballast"

    def leave(self, free):
        """Fills the disk; `free` bytes stay, more or less, for others are at work."""
        with open(self.path, "ab", buffering=0) as file:
            while (more := self.room() - free) > 0:
                try:
                    file.write(bytes(min(more, 1 << 20)))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def room(self):
        stat = os.statvfs(self.path.parent)
        return stat.f_bavail * stat.f_frsize

    def drop(self):
        self.path.unlink(missing_ok=True)
