"""What k6's exit code says. The run is still judged from its data: k6 exits 0 with every request failed."""

from __future__ import annotations

import re
import signal

from perf_pipeline.conventions import K6_FINISHED, K6_INTERRUPTED, K6_THRESHOLDS_FAILED

BREAKER_TRIPPED = "the circuit breaker ended the load: too many requests failed"  # 99, before the plan's end
API_ADDRESS_TAKEN = 106

_MEANINGS = {
    K6_FINISHED: "k6 ended as planned",
    97: "k6's cloud run was aborted",
    98: "k6 lost its cloud run",
    K6_THRESHOLDS_FAILED: "more requests failed than the circuit breaker allows",
    100: "setup() of the scenario took longer than its timeout",
    101: "teardown() of the scenario took longer than its timeout",
    102: "k6 ran into a timeout",
    103: "k6 was stopped over its REST API",
    104: "k6 refused its options",
    K6_INTERRUPTED: "k6 was told to stop (SIGINT or SIGTERM)",
    API_ADDRESS_TAKEN: "the port of k6's REST API was taken",
    107: "the scenario threw an exception",
    108: "the scenario aborted the test",
    109: "k6 itself crashed",
    110: "the scenario marked the test as failed",
    137: "k6 was killed (SIGKILL), most likely because memory ran out",
    255: "k6 stopped with an error, such as a script or an import that it did not find",
}

_THROWN = re.compile(r'level=error msg="(?P<text>(?:[^"\\]|\\.)*)"')


def exit_meaning(code: int) -> str:
    """One clause for an exit code; negative: the signal that ended k6, as ``subprocess`` tells it."""
    if code == -signal.SIGKILL:
        return _MEANINGS[137]
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"k6 was ended by {name}"
    return _MEANINGS.get(code, f"k6 ended with exit code {code}, which is not documented")


def thrown_sentence(log: str) -> str | None:
    """What the scenario said when it threw: the last error of the log, without its stack trace."""
    found = _THROWN.findall(log)
    if not found:
        return None
    text = found[-1].replace('\\"', '"').replace("\\t", "\t").replace("\\n", "\n")
    text = re.split(r"\n\s*at ", text)[0].strip()
    return re.sub(r"^(?:Uncaught \(in promise\) )?(?:Go)?Error: ", "", text) or None
