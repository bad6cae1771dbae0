"""Numbers as people read them: three digits and a unit."""


def _digits(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def seconds(value):
    for size, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if value >= size:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value / 1e-9)} ns"


def rate(value, unit):
    """FLOP/s or B/s."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{_digits(value / size)} {letter}{unit}"
    return f"{_digits(value)} {unit}"


def operation_rate(operation, kind):
    """The rate that its kind of roof bounds."""
    if not kind:
        return ""
    amount, unit = (operation.flop, "FLOP/s") if kind == "peak" else (operation.read + operation.written, "B/s")
    return rate(amount / operation.median, unit)


def error(operation):
    if not operation.error_bound:
        return ""
    return f"{operation.error:.1e}" + ("" if operation.accurate else f" > {operation.error_bound:.0e}")


def ratio(value):
    return "" if value is None else _digits(value)


def reached(row):
    """Whether a ratio is what was wanted: "yes", "no", or "" where nothing was."""
    return "" if row["wanted"] is None else "yes" if row["ratio"] >= row["wanted"] else "no"
