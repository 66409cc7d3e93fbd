"""The one word for a measured run, and the sentence that a person reads first.

First that applies: invalid, slo_breached, regressed, passed. Outcomes without a measurement (not_ready,
cancelled, lost) are decided where they happen.
"""

from __future__ import annotations

from perf_pipeline.core.confirmation import judged_together
from perf_pipeline.core.judgement import Comparison, Effect, EndpointVerdict, Verdict
from perf_pipeline.core.model import Outcome, Reason, SloReport, SloStatus
from perf_pipeline.core.signs import changed
from perf_pipeline.core.wording import change, count, interval, listing

_SENTENCES = 3
_NOTABLE = 1.10  # a change of everything from which on it belongs into the first sentence


def decide_outcome(slo: SloReport, comparison: Comparison) -> tuple[Outcome, str]:
    """Outcome and sentence. Undecided passes: whether that is enough is for whoever asked to say.

    ``not_final`` makes the sentence of a run that asks for another one.
    """
    verdicts = list(comparison.judgement.endpoints.values()) if comparison.compared else []
    silent = [one.endpoint for one in slo.endpoints if one.status is not SloStatus.MET]
    if not slo.valid:
        outcome, why = Outcome.INVALID, _first(slo.invalid_reasons)
    elif slo.breaches:
        outcome, why = Outcome.SLO_BREACHED, _first(slo.breaches)
    elif silent:
        outcome, why = Outcome.INVALID, f"no objective could be checked for {listing(silent)}"
    elif comparison.compared and changed(comparison.judgement, Verdict.REGRESSED):
        outcome, why = Outcome.REGRESSED, _regressed(comparison, verdicts)
    else:
        outcome, why = Outcome.PASSED, _passed(slo, comparison, verdicts)
    return outcome, f"{outcome}: {why}"


def not_final(outcome: Outcome, sentence: str, asks: str) -> str:
    """The sentence of a run that is not the last of its series, because of ``asks``."""
    return f"{outcome}: asks for confirmation ({asks}); {sentence.removeprefix(f'{outcome}: ')}"


def _first(reasons: list[Reason]) -> str:
    """The first sentences; a person who needs the rest opens the report."""
    more = f" (and {len(reasons) - _SENTENCES} more)" if len(reasons) > _SENTENCES else ""
    return "; ".join(reason.sentence for reason in reasons[:_SENTENCES]) + more


def _regressed(comparison: Comparison, verdicts: list[EndpointVerdict]) -> str:
    common = comparison.judgement.common
    slower = [common.sentence] if common is not None and common.verdict is Verdict.REGRESSED else []
    slower += [_figures(one) for one in verdicts if one.verdict is Verdict.REGRESSED]
    others = _tally([one for one in verdicts if one.verdict is not Verdict.REGRESSED])
    return f"{listing(slower, limit=4)} {_against(comparison)}{'; ' + others if others else ''}"


def _passed(slo: SloReport, comparison: Comparison, verdicts: list[EndpointVerdict]) -> str:
    met = f"{count(len(slo.endpoints), 'endpoint')} met their SLOs"
    if not verdicts:
        return f"{met}; {comparison.why_not or 'no baseline yet (this run can become it)'}"
    common = comparison.judgement.common
    notable = f"; {common.sentence}" if common is not None and _notable(common.p50_ratio) else ""
    return f"{met}; {_tally(verdicts)} {_against(comparison)}{notable}"


def _notable(ratio: float) -> bool:
    return ratio >= _NOTABLE or ratio <= 1 / _NOTABLE


def _against(comparison: Comparison) -> str:
    runs = len(comparison.baseline.compared_run_ids) if comparison.baseline else 0
    own = len(judged_together(comparison))
    return f"{f'in {own} runs ' if own > 1 else ''}against {count(runs, 'baseline run')}"


def _tally(verdicts: list[EndpointVerdict]) -> str:
    """``1 endpoint improved, 5 unchanged, 1 inconclusive``, in that order."""
    words: list[str] = []
    for verdict in (Verdict.IMPROVED, Verdict.UNCHANGED, Verdict.INCONCLUSIVE, Verdict.NO_BASELINE):
        number = sum(one.verdict is verdict for one in verdicts)
        if number:
            noun = str(number) if words else count(number, "endpoint")
            words.append(f"{noun} {verdict.value.replace('_', ' ')}")
    return ", ".join(words)


def _figures(one: EndpointVerdict) -> str:
    """``get_game_data p95 +48 % (interval +41..+56 %)``: the quantile whose change is the clearer one."""
    effects = [(name, effect) for name, effect in (("p95", one.p95), ("p50", one.p50)) if effect is not None]
    if not effects:
        return one.endpoint
    name, effect = max(effects, key=lambda pair: pair[1].low)
    return f"{one.endpoint} {name} {_change(effect)}"


def _change(effect: Effect) -> str:
    return f"{change(effect.ratio)} (interval {interval(effect.low, effect.high)})"
