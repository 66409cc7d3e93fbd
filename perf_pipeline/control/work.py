"""What the control does for one request: always the same, and nothing but CPU and memory.

The mix is that of a small web service (objects are made, sorted, written as JSON, read again, hashed), so
that a slow machine is felt as the target feels it. No input, no clock, no chance: the answer is known
beforehand, and a control that answers anything else does other work.
"""

from __future__ import annotations

import json
from hashlib import sha256

_ROUNDS = 10
_ROWS = 90
_MULTIPLIER, _MODULUS = 48_271, 2_147_483_647  # of the minimal standard generator (Park and Miller, 1988)


def work() -> str:
    """About 1.6 ms on a core of a current server. Returns 16 hexadecimal digits, ``CONTROL_ANSWER``."""
    digest, number = b"", 1
    for _ in range(_ROUNDS):
        rows = []
        for place in range(_ROWS):
            number = number * _MULTIPLIER % _MODULUS
            rows.append({"id": number, "name": f"row {place}", "values": [number % 7, number % 11]})
        rows.sort(key=lambda row: str(row["id"]))
        text = json.dumps(rows)
        digest = sha256(digest + text.encode()).digest()
        number = 1 + len(json.loads(text)) + digest[0]
    return digest.hex()[:16]
