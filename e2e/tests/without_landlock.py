"""Becomes the command that follows, on a system without Landlock: its system calls fail as unknown."""

import ctypes
import os
import struct
import sys

LANDLOCK_CREATE_RULESET, ENOSYS = 444, 38
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2

FILTER = [
    (0x20, 0, 0, 0),  # load the number of the call
    (0x15, 0, 1, LANDLOCK_CREATE_RULESET),
    (0x06, 0, 0, 0x00050000 | ENOSYS),
    (0x06, 0, 0, 0x7FFF0000),  # any other is allowed
]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_void_p)]


lines = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in FILTER))
program = Program(len(FILTER), ctypes.addressof(lines))
libc = ctypes.CDLL(None, use_errno=True)
numbers = [ctypes.c_ulong(n) for n in (1, 0, 0, 0)]
assert libc.prctl(PR_SET_NO_NEW_PRIVS, *numbers) == 0, os.strerror(ctypes.get_errno())
done = libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(program))
assert done == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[1], sys.argv[1:])
