"""What a sample says, before anything is made of it. Pure."""

from agent.detect.thresholds import HIGHEST_PU
from agent.records import Sample
from drivers.quantities import VOLTAGES_LL


def plausible(sample: Sample, keys: tuple[str, ...], reference_v: float) -> Sample:
    """A voltage that no network has is no voltage: absent. The very sample where there is none."""
    highest_v = HIGHEST_PU * reference_v
    get = sample.values.get
    for key in keys:
        if not 0 <= get(key, 0.0) <= highest_v:
            break
    else:
        return sample
    values = {key: value for key, value in sample.values.items() if key not in keys or 0 <= value <= highest_v}
    return sample._replace(values=values)


def lines_of(sample: Sample) -> tuple[float, float, float] | None:
    """Its line-line voltages, where it has all of them."""
    one, two, three = (sample.values.get(name) for name in VOLTAGES_LL)
    return None if one is None or two is None or three is None else (one, two, three)
