"""The load: k6 found, started, watched, ended, and its raw samples read."""
