"""Does known amounts of what the probes count, and prints what it did as one line of JSON.

A child process is called `known-amounts` while it maps and locks memory, by calls that go to libc directly, so that the
interpreter adds nothing to them; then it reads, sleeps and waits. Needs no package but the standard library.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
import tempfile
import threading
import time

PAGE = os.sysconf("SC_PAGE_SIZE")
MAPS, MAP_PAGES = 7, 512
LOCKS, LOCK_PAGES = 3, 16
READS, READ_BYTES = 16, 65536
SLEEPS, SLEEP_S = 5, 0.04
WAITS, WAIT_S = 5, 0.02

PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, MADV_NOHUGEPAGE, PR_SET_NAME = 3, 0x22, 15, 15
NAME = b"known-amounts"

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
for _name in ("munmap", "mlock", "munlock"):
    getattr(libc, _name).argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def map_pages(pages: int) -> int:
    """Maps fresh memory; its address."""
    address = libc.mmap(None, pages * PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    return int(address)


def touch(address: int, pages: int) -> None:
    """One write to each page: a minor fault each, as long as no huge page takes its place."""
    for page in range(pages):
        ctypes.c_char.from_address(address + page * PAGE).value = b"x"


def lock_memory() -> int:
    """Locks memory; how many of the calls succeeded."""
    done = 0
    for _ in range(LOCKS):
        address = map_pages(LOCK_PAGES)
        done += libc.mlock(address, LOCK_PAGES * PAGE) == 0
        libc.munlock(address, LOCK_PAGES * PAGE)
    return done


def read_file() -> int:
    """Reads a file of known length; the bytes read."""
    with tempfile.TemporaryFile() as file:
        file.write(b"\0" * (READS * READ_BYTES))
        file.flush()
        fd = file.fileno()
        os.lseek(fd, 0, os.SEEK_SET)
        return sum(len(os.read(fd, READ_BYTES)) for _ in range(READS))


def wait_for_threads() -> None:
    """Waits for other threads, by locks that they hold for a known time."""
    for _ in range(WAITS):
        held = threading.Lock()
        held.acquire()
        threading.Timer(WAIT_S, held.release).start()
        held.acquire()


def work() -> dict[str, int]:
    """All of it, and what it was."""
    map_pages(1)
    touch(map_pages(1), 1)
    libc.prctl(PR_SET_NAME, NAME, 0, 0, 0)
    for _ in range(MAPS):
        address = map_pages(MAP_PAGES)
        libc.madvise(address, MAP_PAGES * PAGE, MADV_NOHUGEPAGE)
        touch(address, MAP_PAGES)
        libc.munmap(address, MAP_PAGES * PAGE)
    locked = lock_memory()
    libc.prctl(PR_SET_NAME, b"known-waits", 0, 0, 0)
    read = read_file()
    for _ in range(SLEEPS):
        time.sleep(SLEEP_S)
    return {
        "pid": os.getpid(),
        "mmap_calls": MAPS + LOCKS,
        "mmap_bytes": (MAPS * MAP_PAGES + LOCKS * LOCK_PAGES) * PAGE,
        "madvise_calls": MAPS,
        "munmap_calls": MAPS,
        "mlock_calls": LOCKS,
        "mlock_bytes": locked * LOCK_PAGES * PAGE,
        "read_bytes": read,
        "slept_ns": int(SLEEPS * SLEEP_S * 1e9),
    }


def main() -> int:
    """Forks the child that does the work, and prints what it says."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        done = work()
        wait_for_threads()
        used = resource.getrusage(resource.RUSAGE_SELF)
        done |= {"minor_faults": used.ru_minflt, "major_faults": used.ru_majflt}
        # Readers of /proc have to find it there.
        time.sleep(0.3)
        os.write(into, json.dumps(done).encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as reader:
        text = reader.read()
    _, status = os.waitpid(child, 0)
    print(text, flush=True)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
