"""Dagster's daemon, which looks at its sensors five times a second instead of every five seconds.

So that two sensors can launch within the same second as a schedule and a person. All else is as ever.
"""

from __future__ import annotations

import sys

from dagster._daemon import sensor
from dagster._daemon.cli import main

sensor.MIN_INTERVAL_LOOP_TIME = 0.2

if __name__ == "__main__":
    sys.argv[0] = "dagster-daemon"
    main()
