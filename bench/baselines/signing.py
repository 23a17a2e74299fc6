"""The raw RSA-2048 signing rate of all cores, one process on each."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

MESSAGE = b"x" * 600
"""About as long as the header and the claims of a token."""


def signing_rate(seconds: float) -> float:
    """Return signatures a second."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, get_context("spawn")) as processes:
        return sum(processes.map(_rate, [seconds] * cores))


def _rate(seconds: float) -> float:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    signatures = 0
    begin = time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        key.sign(MESSAGE, PKCS1v15(), SHA256())
        signatures += 1
    return signatures / elapsed
