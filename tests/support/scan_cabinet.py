"""A simulated cabinet of eight meters of eight makers on one serial line, as `scan` finds it."""

MODELS = {
    1: "eastron-sdm630", 2: "eastron-sdm120", 7: "carlo-gavazzi-em24", 33: "schneider-pm5000", 55: "siemens-pac3200",
    100: "abb-b23", 201: "janitza-umg96rm", 247: "socomec-diris",
}  # fmt: skip


def scenario(models: dict[int, str] = MODELS, kind: str = "serial") -> str:
    baud = "baud = 9600\n" if kind == "serial" else ""
    head = f'[scenario]\nname = "cabinet"\nnominal = 230\nduration_s = 3600\n[lines.bus]\nkind = "{kind}"\n{baud}'
    return head + "".join(
        f'[meters.m{unit}]\nmodel = "{model}"\nline = "bus"\nunit = {unit}\nrefresh = "quick"\n'
        for unit, model in models.items()
    )
