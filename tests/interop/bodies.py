"""Large bodies whose every position tells, and their sizes: what the interop tests of block-wise transfer share. Also a part
of the programs of peers in Python."""

import hashlib

MEGABYTE = 1024 * 1024


def body(size):
    """No two blocks of it are alike: the sequence of hashes of 0, 1, 2 …"""
    return b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size // 32 + 1))[:size]


def around(block, counts=(1, 2, 3)):
    return [count * block + more for count in counts for more in (-1, 0, 1)]


# From one byte, around the boundaries of the blocks that peers use, to a megabyte.
SIZES = sorted({1, 2, *around(16, (1, 2)), *around(64, (1, 2)), *around(256, (1,)), *around(512, (1,)), *around(1024)})
LARGE = [65535, 65536, 65537, MEGABYTE]
