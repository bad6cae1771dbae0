"""Golden verdicts on pairs of answers, by mathruler and math-verify, and the table docs/grading.md.

    .deps/oracle/bin/python tests/golden/make/grading.py            writes tests/golden/grading.json
    .deps/oracle/bin/python tests/golden/make/grading.py --check    remakes it and compares
    .deps/oracle/bin/python tests/golden/make/grading.py --table    docs/grading.md from the file

A pair is [rule, answer, reference, ours, mathruler, math-verify]. `ours` is what AnswerChain must say,
known from how the pair was made and not from running it: s(ame), d(ifferent), u(ndecided). The peers
say s or d; t is "no answer within 2 s of processor time", e an exception. (mathruler catches every
exception inside its sympy step, that of the time limit too: there it says d.)
"""
import fractions
import importlib.metadata
import json
import logging
import math
import pathlib
import random
import signal
import sys
import warnings

HERE = pathlib.Path(__file__).resolve()
OUT = HERE.parent.parent / "grading.json"
TABLE = HERE.parents[3] / "docs" / "grading.md"
SEED = 20251122
LIMIT = 2

SAME, DIFFERENT, UNDECIDED = "s", "d", "u"
VARIABLES = "xyabnt"


# ---- pairs of known truth -------------------------------------------------------------------------

def frac(draw, n, d):
    sign = "-" if n < 0 else ""
    return draw.choice([f"{n}/{d}", f"{sign}\\frac{{{abs(n)}}}{{{d}}}", f"{sign}\\dfrac{{{abs(n)}}}{{{d}}}"])


def dressed(draw, text):
    """The same answer in other clothes."""
    return draw.choice([text, f"${text}$", f" {text} ", f"{text}.", f"\\({text}\\)", f"\\boxed{{{text}}}"])


def integers(draw):
    n = draw.choice([draw.randrange(-20, 100), draw.randrange(-9999, 10**6)])
    if draw.random() < 0.5:
        sign = "-" if n < 0 else ""
        other = draw.choice([f"{n}.0", dressed(draw, str(n)), f"{sign}0{abs(n)}", f"{n}.00", f"{n}."])
        return str(n), other, SAME
    m = n + draw.choice([-10, -1, 1, 2, 10, 100, -2 * n or 1])
    return str(n), str(m), SAME if m == n else DIFFERENT


def thousands(draw):
    n = draw.randrange(1000, 10**8)
    other = draw.choice([f"{n:,}", f"{n:,}".replace(",", "{,}"), f"{n:,}".replace(",", ",\\!"), f"{n:,}.0"])
    if draw.random() < 0.3:
        return other, str(n + draw.choice([1, 1000, -1])), DIFFERENT
    return other, str(n), SAME


def decimals(draw):
    d = draw.choice([2, 4, 5, 8, 10, 20, 25, 40, 50])
    n = draw.randrange(-200, 200) or 1
    value = fractions.Fraction(n, d)
    text = format(n / d, ".6f").rstrip("0").rstrip(".")
    if draw.random() < 0.3:
        return text, frac(draw, value.numerator + 1, value.denominator), DIFFERENT
    other = frac(draw, value.numerator, value.denominator) if value.denominator > 1 else str(value.numerator)
    return (text.replace("0.", ".", 1) if draw.random() < 0.2 and text.startswith("0.") else text), other, SAME


def reducible(draw):
    n, d, k = draw.randrange(1, 12), draw.randrange(2, 12), draw.randrange(2, 7)
    return frac(draw, n * k, d * k), frac(draw, n, d), SAME


def fraction_pairs(draw):
    n, d = draw.randrange(-30, 30) or 1, draw.randrange(2, 30)
    g = math.gcd(n, d)
    n, d = n // g, d // g
    if d == 1:
        d = 7
        n = n * 7 + 1
    if draw.random() < 0.5:
        return frac(draw, n, d), dressed(draw, frac(draw, n, d)), SAME
    m, e = draw.choice([(n + d, d), (n, d + 1), (-n, d), (d, n)])
    if e < 0:
        m, e = -m, -e
    return frac(draw, n, d), frac(draw, m, e), SAME if n * e == m * d else DIFFERENT


def mixed(draw):
    whole, d = draw.randrange(1, 12), draw.randrange(2, 9)
    n = draw.randrange(1, d)
    g = math.gcd(n, d)
    n, d = n // g, d // g
    text = draw.choice([f"{whole} {n}/{d}", f"{whole}\\frac{{{n}}}{{{d}}}", f"{whole} \\frac{{{n}}}{{{d}}}"])
    value = fractions.Fraction(whole * d + n, d)
    if draw.random() < 0.3:
        return text, frac(draw, whole * n, d), DIFFERENT
    return text, frac(draw, value.numerator, value.denominator), SAME


def percent(draw):
    n = draw.randrange(1, 200)
    form = draw.choice([f"{n}%", f"{n}\\%", f"{n} %"])
    if draw.random() < 0.5:
        return form, str(n), SAME
    return form, str(n + 1), DIFFERENT


def percent_word(draw):
    n = draw.randrange(1, 100)
    return f"{n} percent", draw.choice([f"{n}%", str(n)]), SAME


def percent_hundredth(draw):
    n = draw.randrange(1, 99)
    return f"{n}\\%", format(n / 100, ".2f"), DIFFERENT


def scientific(draw):
    m, e = draw.randrange(1, 99), draw.randrange(2, 9)
    form = draw.choice([f"{m}e{e}", f"{m} \\times 10^{{{e}}}", f"{m} \\cdot 10^{e}", f"{m}E+{e}"])
    if draw.random() < 0.3:
        return form, str(m * 10 ** (e + 1)), DIFFERENT
    return form, draw.choice([str(m * 10**e), f"{m * 10**e:,}"]), SAME


UNITS = ["cm", "km", "kg", "meters", "m", "minutes", "hours", "square units", "m^2", "degrees", "inches", "feet"]


def units(draw):
    n, unit = draw.randrange(1, 500), draw.choice(UNITS)
    form = draw.choice([f"{n} {unit}", f"{n}\\text{{ {unit}}}", f"{n} \\text{{{unit}}}", f"{n}\\ \\mathrm{{{unit}}}"])
    if draw.random() < 0.3:
        return form, str(n + 1), DIFFERENT
    return form, str(n), SAME


def other_units(draw):
    n = draw.randrange(1, 100)
    first, second = draw.sample(["cm", "m", "kg", "hours", "miles"], 2)
    return f"{n} \\text{{{first}}}", f"{n} \\text{{{second}}}", SAME


def degrees(draw):
    n = draw.randrange(1, 360)
    form = draw.choice([f"{n}^\\circ", f"{n}^{{\\circ}}", f"{n}°", f"{n} degrees"])
    return form, str(n if draw.random() < 0.7 else n + 1), None


def currency(draw):
    n = draw.choice([draw.randrange(1, 900), draw.randrange(1000, 99999)])
    form = draw.choice([f"\\${n}", f"${n}", f"{n} dollars", f"\\${n}.00", f"\\${n:,}"])
    if draw.random() < 0.3:
        return form, str(n + 1), DIFFERENT
    return form, str(n), SAME


def choices(draw):
    a, b = draw.choice("ABCD"), draw.choice("ABCD")
    form = draw.choice(["{}", "({})", "{}.", "{})", "\\text{{{}}}", "\\textbf{{{}}}", "**{}**", "Option {}",
                        "The answer is {}", "({}) 5 cm", "{}. red", "[{}]", "\\mathrm{{({})}}"])
    return form.format(a), b, SAME if a == b else DIFFERENT


WORDS = ["red", "dark blue", "north", "Paris", "yes", "no", "the red car", "circle", "a dog", "Monday", "left", "true"]


def words(draw):
    a, b = draw.choice(WORDS), draw.choice(WORDS)
    if draw.random() < 0.5:
        other = draw.choice([a.upper(), a.title(), f"{a}.", f"\\text{{{a}}}", f" {a} ", f"\\textbf{{{a}}}"])
        return a, other, SAME
    return a, b, SAME if a == b else DIFFERENT


def negated_words(draw):
    a = draw.choice(["no dog", "no car", "no people", "no red object"])
    b = draw.choice(["no cat", "no bus", "no animals"])
    return a, b, DIFFERENT


def radicals(draw):
    k, r = draw.randrange(2, 9), draw.choice([2, 3, 5, 6, 7, 10])
    if draw.random() < 0.3:
        return f"\\sqrt{{{k * k * r}}}", f"{k + 1}\\sqrt{{{r}}}", DIFFERENT
    return f"\\sqrt{{{k * k * r}}}", draw.choice([f"{k}\\sqrt{{{r}}}", f"{k} \\sqrt {r}", f"{k} \\cdot \\sqrt{{{r}}}"]), SAME


def radical_quotients(draw):
    k, r = draw.randrange(1, 9), draw.choice([2, 3, 5, 7])
    kind = draw.randrange(3)
    if kind == 0:
        return f"\\frac{{{k}}}{{\\sqrt{{{r}}}}}", f"\\frac{{{k}\\sqrt{{{r}}}}}{{{r}}}", SAME
    if kind == 1:
        return f"\\frac{{1}}{{\\sqrt{{{r}}}-1}}", f"\\frac{{\\sqrt{{{r}}}+1}}{{{r - 1}}}", SAME
    return f"\\frac{{{k}}}{{\\sqrt{{{r}}}}}", f"\\frac{{{k}\\sqrt{{{r}}}}}{{{r + 1}}}", DIFFERENT


def pi_multiples(draw):
    n, d = draw.randrange(1, 20), draw.randrange(2, 9)
    if draw.random() < 0.3:
        return f"{n}\\pi", draw.choice([f"{n + 1}\\pi", str(n), f"{n}\\pi^2"]), DIFFERENT
    return draw.choice([(f"{n}\\pi", f"\\pi \\cdot {n}", SAME), (f"{n}\\pi", f"{n}π", SAME),
                        (f"\\frac{{{n}\\pi}}{{{d}}}", f"\\frac{{{n}}}{{{d}}}\\pi", SAME),
                        (f"\\frac{{\\pi}}{{{d}}}", f"\\pi/{d}", SAME)])


def linear(a, b, v):
    return f"{'' if a == 1 else '-' if a == -1 else a}{v}{b:+d}" if b else f"{'' if a == 1 else a}{v}"


def quadratic(c, v):
    text = ""
    for power, k in zip((2, 1, 0), c):
        if k:
            unit = {2: f"{v}^2", 1: v, 0: ""}[power]
            size = "" if abs(k) == 1 and power else str(abs(k))
            text += ("-" if k < 0 else "+" if text else "") + size + unit
    return text or "0"


def polynomials(draw):
    v = draw.choice(VARIABLES)
    a, b, c, d = draw.randrange(1, 5), draw.randrange(-6, 7) or 1, draw.randrange(1, 4), draw.randrange(-6, 7) or 2
    product = f"({linear(a, b, v)})({linear(c, d, v)})"
    expanded = [a * c, a * d + b * c, b * d]
    if draw.random() < 0.35:
        expanded[draw.randrange(3)] += draw.choice([-1, 1])
        return product, quadratic(expanded, v), DIFFERENT
    return product, quadratic(expanded, v), SAME


def reordered(draw):
    v, w = draw.sample(VARIABLES, 2)
    a, b = draw.randrange(2, 9), draw.randrange(2, 9)
    first = f"{a}{v}+{b}{w}"
    if draw.random() < 0.4:
        return first, f"{b}{v}+{a}{w}", SAME if a == b else DIFFERENT
    return first, draw.choice([f"{b}{w}+{a}{v}", f"{a}{v} + {b}{w}", f"{a} \\cdot {v} + {w} \\cdot {b}", f"{a}*{v}+{b}*{w}"]), SAME


def rational_functions(draw):
    v = draw.choice(VARIABLES)
    a, b = draw.sample(range(1, 9), 2)
    kind = draw.randrange(4)
    if kind == 0:
        return f"\\frac{{{v}^2-{a * a}}}{{{v}-{a}}}", f"{v}+{a}", SAME
    if kind == 1:
        return f"\\frac{{1}}{{{v}}}+\\frac{{1}}{{{v}+{a}}}", f"\\frac{{2{v}+{a}}}{{{v}({v}+{a})}}", SAME
    if kind == 2:
        return f"\\frac{{{a}{v}}}{{{b}}}", f"\\frac{{{a}}}{{{b}}}{v}", SAME
    return f"\\frac{{{v}+{a}}}{{{v}+{b}}}", f"\\frac{{{v}+{b}}}{{{v}+{a}}}", DIFFERENT


def tuples(draw):
    a, b = draw.sample(range(-9, 10), 2)
    kind = draw.randrange(4)
    if kind == 0:
        return f"({a},{b})", f"({b},{a})", DIFFERENT
    if kind == 1:
        return f"({a}, {b})", f"\\left({a},{b}\\right)", SAME
    if kind == 2:
        return f"({a}/2,{b})", f"(\\frac{{{a}}}{{2}}, {b})", SAME
    return f"({a},{b})", f"({a},{b + 1})", DIFFERENT


def intervals(draw):
    a = draw.randrange(-9, 9)
    b = a + draw.randrange(1, 9)
    kind = draw.randrange(4)
    if kind == 0:
        return f"[{a},{b})", f"[{a}, {b})", SAME
    if kind == 1:
        return f"[{a},{b})", f"[{a},{b}]", DIFFERENT
    if kind == 2:
        return f"(-\\infty,{a})\\cup({b},\\infty)", f"(-\\infty, {a}) \\cup ({b}, \\infty)", SAME
    return f"[{a},\\infty)", f"({a},\\infty)", DIFFERENT


def sets(draw):
    items = draw.sample(range(-9, 20), 3)
    shuffled = draw.sample(items, 3)
    listed = ",".join(map(str, items))
    kind = draw.randrange(3)
    if kind == 0:
        return f"\\{{{listed}\\}}", "\\{" + ", ".join(map(str, shuffled)) + "\\}", SAME
    if kind == 1:
        return f"\\{{{listed}\\}}", f"\\{{{items[0]},{items[1]},{items[2] + 40}\\}}", DIFFERENT
    return f"{items[0]} and {items[1]}", f"{items[0]}, {items[1]}", SAME


def unordered_lists(draw):
    a, b = draw.sample(range(-9, 20), 2)
    return f"{a}, {b}", f"{b}, {a}", SAME


def assignments(draw):
    v, n = draw.choice("xyznk"), draw.randrange(-20, 40)
    kind = draw.randrange(3)
    if kind == 0:
        return f"{v} = {n}", str(n), SAME
    if kind == 1:
        return f"{v}={n}", str(n + 1), DIFFERENT
    return f"f(x) = {linear(2, n, 'x')}", linear(2, n, "x"), SAME


def equations(draw):
    a, b, k = draw.randrange(1, 6), draw.randrange(1, 9), draw.randrange(2, 5)
    kind = draw.randrange(4)
    if kind == 0:
        return f"{a}x+{b}y=1", f"{k * a}x+{k * b}y={k}", SAME
    if kind == 1:
        return f"{a}x+{b}y=1", f"{a}x+{b}y=2", DIFFERENT
    if kind == 2:
        return f"x<{b}", f"{b}>x", SAME
    return f"x<{b}", f"x\\le {b}", DIFFERENT


def signs(draw):
    n = draw.randrange(1, 30)
    return f"\\pm {n}", draw.choice([f"{n}, -{n}", f"-{n}, {n}", f"\\{{-{n},{n}\\}}"]), SAME


def matrices(draw):
    a, b, c, d = (draw.randrange(-9, 10) for _ in range(4))
    first = f"\\begin{{pmatrix}}{a}&{b}\\\\{c}&{d}\\end{{pmatrix}}"
    if draw.random() < 0.4:
        return first, f"\\begin{{pmatrix}}{a}&{b}\\\\{c}&{d + 1}\\end{{pmatrix}}", DIFFERENT
    return first, f"\\begin{{pmatrix}} {a} & {b} \\\\ {c} & {d} \\end{{pmatrix}}", SAME


def complex_numbers(draw):
    a, b = draw.randrange(1, 9), draw.randrange(1, 9)
    kind = draw.randrange(3)
    if kind == 0:
        return f"{a}+{b}i", f"{b}i+{a}", SAME
    if kind == 1:
        return f"({a}+{b}i)({a}-{b}i)", str(a * a + b * b), SAME
    return f"{a}+{b}i", f"{a}-{b}i", DIFFERENT


def logarithms(draw):
    p, k = draw.choice([2, 3, 5]), draw.randrange(2, 5)
    kind = draw.randrange(3)
    if kind == 0:
        return f"\\log_{{{p}}} {p**k}", str(k), SAME
    if kind == 1:
        return f"\\ln {p**k}", f"{k}\\ln {p}", SAME
    return f"\\ln {p}", f"\\ln {p + 2}", DIFFERENT


def powers(draw):
    v, k = draw.choice("xnk"), draw.randrange(2, 5)
    kind = draw.randrange(4)
    if kind == 0:
        return f"2^{{{v}+{k}}}", f"{2**k} \\cdot 2^{v}", SAME
    if kind == 1:
        return f"{v}^{{{k}}}", f"{v}^{k}", SAME
    if kind == 2:
        return f"{v}^{{-{k}}}", f"\\frac{{1}}{{{v}^{{{k}}}}}", SAME
    return f"{v}^{{{k}}}", f"{v}^{{{k + 1}}}", DIFFERENT


def trigonometry(draw):
    d = draw.choice([3, 4, 6])
    values = {3: ("\\frac{\\sqrt{3}}{2}", "\\frac{1}{2}"), 4: ("\\frac{\\sqrt{2}}{2}", "\\frac{\\sqrt{2}}{2}"),
              6: ("\\frac{1}{2}", "\\frac{\\sqrt{3}}{2}")}
    which = draw.randrange(2)
    function = ["\\sin", "\\cos"][which]
    return f"{function} \\frac{{\\pi}}{{{d}}}", values[d][which], SAME


def identities(draw):
    return draw.choice([
        ("\\sin^2 x + \\cos^2 x", "1"), ("\\sin 2x", "2 \\sin x \\cos x"), ("\\sqrt{x^2+2x+1}", "x+1"),
        ("\\sqrt{3+2\\sqrt{2}}", "1+\\sqrt{2}"), ("\\tan^2 x + 1", "\\frac{1}{\\cos^2 x}"),
        ("\\arctan 1", "\\frac{\\pi}{4}"), ("\\cos(-x)", "\\cos x"), ("\\frac{n!}{(n-1)!}", "n"),
        ("\\ln(e^x)", "x"), ("\\sqrt{xy}", "\\sqrt{x}\\sqrt{y}")]) + (UNDECIDED,)


def rounded(draw):
    n, d = draw.choice([(1, 3), (2, 3), (1, 7), (5, 6), (22, 7), (4, 9)])
    digits = draw.choice([2, 3, 6, 9])
    return f"{n / d:.{digits}f}", f"\\frac{{{n}}}{{{d}}}", DIFFERENT


def rounded_irrational(draw):
    text, value = draw.choice([("\\sqrt{2}", math.sqrt(2)), ("\\pi", math.pi), ("2\\sqrt{3}", math.sqrt(12)), ("e^2", math.e**2)])
    return text, f"{value:.{draw.choice([2, 4, 7])}f}", DIFFERENT


def respelled(draw):
    n, d = draw.randrange(1, 9), draw.randrange(2, 9)
    return draw.choice([(f"\\tfrac{{{n}}}{{{d}}}", f"\\frac{{{n}}}{{{d}}}"), (f"\\frac{n}{d}", f"\\frac{{{n}}}{{{d}}}"),
                        (f"\\left( {n}, {d} \\right)", f"({n},{d})"), (f"x_{{{n}}}", f"x_{n}"),
                        (f"{n}\\times x", f"{n}x"), (f"{n}\\,x", f"{n}x"), (f"\\displaystyle {n}{d}", f"{n}{d}")]) + (SAME,)


def letter_case(draw):
    return draw.choice([("X", "x"), ("2X", "2x"), ("N+1", "n+1"), ("P", "p"), ("R^2", "r^2")]) + (DIFFERENT,)


EDGES = [
    ("", "", SAME), ("0", "-0", SAME), ("0", "0.0", SAME), ("1/0", "1/0", SAME), ("1/0", "2/0", DIFFERENT),
    ("None", "none", SAME), ("None", "0", DIFFERENT), ("\\frac{x}{x}", "1", SAME), ("2^{-1}", "\\frac12", SAME),
    ("-2^2", "-4", SAME), ("(-2)^2", "4", SAME), ("2^3^2", "512", SAME), ("1/2x", "\\frac{x}{2}", SAME),
    ("5!", "120", SAME), ("\\binom{5}{2}", "10", SAME), ("|-3|", "3", SAME), ("0.\\overline{3}", "\\frac13", SAME),
    ("\\sqrt[3]{8}", "2", SAME), ("\\sqrt[3]{-8}", "-2", SAME), ("8^{2/3}", "4", SAME), ("4^{0.5}", "2", SAME),
    ("x=1, y=2", "x=2, y=1", DIFFERENT), ("x=1, y=2", "y=2, x=1", SAME), ("y=2x+1", "2x+1", SAME),
    ("y=2x+1", "2x-y+1=0", DIFFERENT), ("1,234", "1, 234", DIFFERENT), ("1.234", "1,234", DIFFERENT),
    ("3,5", "3.5", DIFFERENT), ("10:30 am", "10:30 AM", SAME), ("10 am", "10am", SAME), ("3rd", "3", DIFFERENT),
    ("5 apples", "5", DIFFERENT), ("two", "2", DIFFERENT), ("2.5 million", "2500000", SAME), ("\\emptyset", "\\{\\}", SAME),
    ("\\{1\\}", "1", SAME), ("(1)", "1", SAME), ("[1]", "1", SAME), ("(1,2)", "1,2", DIFFERENT), ("(1,2)", "[1,2]", DIFFERENT),
    ("1<x<2", "(1,2)", DIFFERENT), ("x\\in(1,2)", "(1,2)", SAME), ("x \\in [1,2]", "[1,2]", SAME), ("a", "A", SAME),
    ("e", "E", DIFFERENT), ("A", "A, B", DIFFERENT), ("B, A", "A and B", SAME), ("\\text{A}", "A", SAME),
    ("A and B", "(A), (B)", SAME), ("ab", "ba", DIFFERENT), ("2ab", "2ba", SAME), ("a \\cdot b", "b \\cdot a", SAME),
    ("\\text{not } A", "A", DIFFERENT), ("no", "yes", DIFFERENT), ("no dog", "no cat", DIFFERENT), ("1e-3", "0.001", SAME),
    ("\\infty", "-\\infty", DIFFERENT), ("\\infty", "infinity", SAME), ("9^{9}", "387420489", SAME), ("2^{10}", "1024", SAME),
    ("12345678901234567890", "12345678901234567891", DIFFERENT), ("0.1+0.2", "0.3", SAME), ("3-4", "-1", SAME),
    ("100000000000000000000000", "10^{23}", SAME), ("\\frac{1}{3}+\\frac{1}{6}", "\\frac{1}{2}", SAME), ("x(x+1)", "x^2+x", SAME),
    ("30^\\circ", "\\frac{\\pi}{6}", DIFFERENT), ("\\sin 30°", "\\frac12", SAME), ("5m", "5 m", DIFFERENT), ("5cm", "5 cm", SAME),
    ("\\mathbf{i}", "i", SAME), ("\\$5 million", "5000000", SAME), ("e^{i\\pi}", "-1", UNDECIDED), ("\\log 100", "2", DIFFERENT),
]

RULES = [
    (integers, 110), (thousands, 80), (decimals, 100), (reducible, 60), (fraction_pairs, 90), (mixed, 70), (percent, 70),
    (percent_word, 30), (percent_hundredth, 40), (scientific, 80), (units, 110), (other_units, 30), (degrees, 40),
    (currency, 60), (choices, 150), (words, 130), (negated_words, 12), (radicals, 80), (radical_quotients, 70),
    (pi_multiples, 70), (polynomials, 120), (reordered, 80), (rational_functions, 70), (tuples, 80), (intervals, 60),
    (sets, 70), (unordered_lists, 40), (assignments, 70), (equations, 60), (signs, 30), (matrices, 50), (complex_numbers, 60),
    (logarithms, 40), (powers, 60), (trigonometry, 20), (identities, 30), (rounded, 40), (rounded_irrational, 30),
    (respelled, 60), (letter_case, 10),
]


def corpus():
    draw = random.Random(SEED)
    pairs = []
    for rule, count in RULES:
        seen = set()
        for _ in range(count * 20):
            answer, reference, truth = rule(draw)
            if truth is None:
                truth = SAME if answer.split("^")[0].split("°")[0].split(" ")[0] == reference else DIFFERENT
            if (answer, reference) in seen:
                continue
            seen.add((answer, reference))
            pairs.append([rule.__name__, answer, reference, truth])
            if len(seen) == count:
                break
    return pairs + [["edge cases", *pair] for pair in EDGES]


# ---- what the peers say ---------------------------------------------------------------------------

class Late(Exception):
    pass


def late(signum, frame):
    raise Late()


def limited(body):
    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        return SAME if body() else DIFFERENT
    except Late:
        return "t"
    except Exception:
        return "e"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def peers():
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    from math_verify import parse, verify
    from mathruler.grader import grade_answer

    def math_verify(answer, reference):  # the gold first; its own clock is off, ours is on
        def read(text):
            return parse(f"\\boxed{{{text}}}", parsing_timeout=None)
        return limited(lambda: verify(read(reference), read(answer), timeout_seconds=None))

    return (lambda a, b: limited(lambda: grade_answer(a, b))), math_verify


def make():
    mathruler, math_verify = peers()
    rows = [[*pair, mathruler(pair[1], pair[2]), math_verify(pair[1], pair[2])] for pair in corpus()]
    versions = {name: importlib.metadata.version(name) for name in ("mathruler", "math-verify", "sympy")}
    return {"made_by": {"script": "tests/golden/make/grading.py", "seed": SEED, "time limit (processor s)": LIMIT, **versions},
            "pairs": rows}


def dump(golden):
    rows = ",\n".join(json.dumps(row, ensure_ascii=True) for row in golden["pairs"])
    return '{"made_by": ' + json.dumps(golden["made_by"]) + ',\n"pairs": [\n' + rows + "\n]}\n"


def main():
    if "--table" in sys.argv[1:]:
        from grading_table import table
        TABLE.write_text(table(json.loads(OUT.read_text())))
        return 0
    text = dump(make())
    if "--check" in sys.argv[1:]:
        same = text == OUT.read_text()
        print("grading:", "as recorded" if same else "differs from the record")
        return 0 if same else 1
    OUT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
