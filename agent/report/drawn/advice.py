"""What a meter's figures say, in sentences. Pure. Each has its figures in it, and says what might be done."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.report.demand.diagnoses import LIGHT, TARGETS
from agent.report.document import MeterPart
from agent.report.drawn.words import Words

# Above so much unbalance of currents moving load is worth the work; below such a load factor peaks are: rules of thumb.
UNBALANCED, PEAKY = 0.15, 0.5
# A neutral that adds so much to the losses, or carries so much of what a phase does; a night that uses so much of the
# mean: rules of thumb too.
_LOSSES, _NEUTRAL, _NIGHT = 1.1, 0.25, 0.5
HOT = "{meter}: transformer above 80 % for {plan} min, {full} of them above 100 %, most at {hour} h; peak {peak}."
APART = "{meter}: currents differ from their mean by up to {share}: {fullest} carries most, {emptiest} least."
MOVE = "{meter}: currents differ from their mean by up to {share}: move {move} kW from {fullest} to {emptiest}."
LOSSES = "{meter}: unbalance and the neutral make the losses {factor} times those of a balanced load."
PEAK = "{meter}: the mean is {mean} kW, the highest quarter of an hour {most} kW: load factor {share}."
NEUTRAL = "{meter}: the neutral carries {amps} A while there is load, {share} of what a phase does."
NIGHT = "{meter}: at night {base} kW go on, {share} of the mean: see what need not run then."
CAUSES = {
    "one_phase": "{meter}: low for {low} min, {share} of them on {where} alone: unbalance of the phases.",
    "peak_hours": "{meter}: low for {low} min, {share} of them from {where} h on within four hours: the load of these.",
    "head": "{meter}: low for {low} min, and {where} upstream for {share} as long: the tap, or what lies above.",
    "tail": "{meter}: low for {low} min, but {where} upstream only {share} as long: the line between them.",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """coverage: the part of the time that its figures rest on"""

    text: str
    coverage: float


def sentences(part: MeterPart, words: Words) -> Iterator[Sentence]:
    """Causes of low voltage first, then the load."""
    for text, figures in _causes(part):
        yield Sentence(words(text).format(meter=part.meter.name, **figures), part.quality.coverage)
    covered = 0.0 if part.load is None else part.load.coverage
    for text, figures in (*_factor(part), *_loading(part), *_unbalance(part), *_neutral(part), *_load(part)):
        yield Sentence(words(text).format(meter=part.meter.name, **figures), covered)


Said = tuple[str, dict[str, str]]  # a text, and what stands in its places


def _causes(part: MeterPart) -> Iterator[Said]:
    for hint in part.hints:
        where = hint.where.removeprefix("voltage_").upper() if hint.cause == "one_phase" else hint.where
        yield CAUSES[hint.cause], {"low": f"{hint.low_min:,.0f}", "share": _pct(hint.share), "where": where}


def _factor(part: MeterPart) -> Iterator[Said]:
    factor, wanted = part.power_factor, TARGETS["industry"]
    if factor is not None and factor.pf < wanted:
        figures = {"pf": f"{factor.pf:.2f}", "kvar": str(factor.kvar["industry"]), "wanted": f"{wanted:.2f}"}
        yield "{meter}: the power factor is {pf}; {kvar} kvar would make it {wanted}.", figures


def _loading(part: MeterPart) -> Iterator[Said]:
    told = part.loading
    if told is not None and told.plan_min:
        hour = str(max(told.hot_hours, key=told.hot_hours.__getitem__))
        yield HOT, {
            "plan": f"{told.plan_min:,.0f}", "full": f"{told.full_min:,.0f}", "hour": hour, "peak": _pct(told.peak),
        }  # fmt: skip
    elif told is not None and told.peak < LIGHT:
        yield "{meter}: the transformer was never above {peak}: it mostly heats itself.", {"peak": _pct(told.peak)}


def _unbalance(part: MeterPart) -> Iterator[Said]:
    told = part.unbalance
    if told is None or told.worst < UNBALANCED:
        return
    figures = {"share": _pct(told.worst), "fullest": told.fullest.upper(), "emptiest": told.emptiest.upper()}
    if told.move_w is None:
        yield APART, figures
    else:
        yield MOVE, figures | {"move": _kilo(told.move_w)}
    if told.loss_factor is not None and told.loss_factor > _LOSSES:
        yield LOSSES, {"factor": f"{told.loss_factor:.2f}"}


def _neutral(part: MeterPart) -> Iterator[Said]:
    told = part.unbalance
    if told is None or told.neutral_a is None:
        return
    share = told.neutral_a / (sum(told.currents_a) / 3)
    if share > _NEUTRAL:
        yield NEUTRAL, {"amps": f"{told.neutral_a:.0f}", "share": _pct(share)}


def _load(part: MeterPart) -> Iterator[Said]:
    told = part.load
    if told is not None and told.load_factor < PEAKY:
        yield PEAK, {"mean": _kilo(told.mean_w), "most": _kilo(told.max_w), "share": _pct(told.load_factor)}
    if told is not None and told.base_w is not None and told.base_w > _NIGHT * told.mean_w > 0:
        yield NIGHT, {"base": _kilo(told.base_w), "share": _pct(told.base_w / told.mean_w)}


def _pct(share: float) -> str:
    return f"{100 * share:.0f} %"


def _kilo(watts: float) -> str:
    return f"{watts / 1000:.0f}" if watts >= 10_000 else f"{watts / 1000:.1f}"
