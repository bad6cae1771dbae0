"""The text of docs/grading.md from tests/golden/grading.json: every disagreement, by rule, judged.

A rule without a judgement here is an error, so a new disagreement cannot go unlisted.
"""
import collections

VERDICT = {"s": "same", "d": "different", "u": "undecided", "t": "no answer in time", "e": "exception"}

# rule -> (who is right, why)
JUDGED = {
    "integers": ("ours", "math-verify reads no number with several leading zeros or a final point as we do"),
    "thousands": ("ours", "a separator between thousands changes no number"),
    "decimals": ("ours", "a decimal and its fraction are one number"),
    "reducible": ("by policy", "mathruler wants fractions reduced; a vote should not depend on that"),
    "fraction_pairs": ("ours", "one number; a full stop behind it is punctuation"),
    "mixed": ("ours", "math-verify reads 1 1/2 as a product or as two numbers"),
    "percent": ("by policy", "50% counts as 50 here; MeasurePolicy::percent chooses"),
    "percent_word": ("ours", "\"percent\" is the sign in words"),
    "percent_hundredth": ("by policy", "math-verify calls 50% both 50 and 0.5, so 50 is 0.5 by transitivity; we choose 50, or 0.5 by MeasurePolicy"),
    "scientific": ("ours", "an exact power of ten; mathruler does not evaluate ^{...}"),
    "units": ("ours", "the unit of the same quantity is left out"),
    "other_units": ("the peers that say different", "the price of 5 cm = 5: with Units::kept ours says different, too"),
    "degrees": ("ours", "a degree sign, written as a word or sign, is a unit"),
    "currency": ("ours", "the sign of a currency is a unit"),
    "choices": ("ours", "the letter is the answer, with or without the option's text"),
    "words": ("ours", "case and type face change no word"),
    "radicals": ("ours", "k sqrt(r) is sqrt(k^2 r)"),
    "radical_quotients": ("ours", "the denominator made rational"),
    "pi_multiples": ("ours", "one number in two orders or spellings"),
    "polynomials": ("ours", "expanded by the rules of algebra"),
    "reordered": ("ours", "sums and products commute"),
    "rational_functions": ("ours", "equal as rational functions"),
    "tuples": ("ours", "component by component"),
    "intervals": ("ours", "the same ends, brackets compared"),
    "sets": ("ours", "a set has no order; \"and\" lists as a comma does"),
    "unordered_lists": ("by policy", "a list of solutions has no order; where order counts there are brackets"),
    "assignments": ("ours", "x = 5 answers 5 to \"what is x\""),
    "equations": ("ours", "a factor, or sides exchanged, leaves a relation as it is"),
    "signs": ("ours", "\\pm n is the pair"),
    "matrices": ("ours", "blanks between cells mean nothing"),
    "complex_numbers": ("ours", "i^2 = -1, and sums commute"),
    "logarithms": ("ours", "an identity of logarithms"),
    "powers": ("ours", "an identity of powers; mathruler does not evaluate ^{...}"),
    "trigonometry": ("ours", "sines at multiples of \\pi/6 and \\pi/4"),
    "identities": ("the peers that say same", "true, but outside the canonical form: ours says undecided, and a vote takes them for two answers"),
    "rounded": ("ours", "a rounded number is another number: with rounding, same is not transitive"),
    "rounded_irrational": ("ours", "a rounded number is another number"),
    "respelled": ("ours", "LaTeX spellings of one thing"),
    "letter_case": ("ours", "X and x are two variables"),
}

EDGES = {  # (answer, reference) -> (who is right, why)
    ("1/0", "2/0"): ("nobody", "neither is a number; ours compares the texts"),
    ("y=2x+1", "2x-y+1=0"): ("math-verify", "but y = 2x+1 must be 2x+1 as well, and then 2x+1 would be the equation"),
    ("1<x<2", "(1,2)"): ("math-verify", "the set and the condition on it; ours keeps them apart"),
    ("(1,2)", "1,2"): ("ours", "a pair is not a set"),
    ("a", "A"): ("ours", "one option"),
    ("30^\\circ", "\\frac{\\pi}{6}"): ("by policy", "degrees are a unit that is dropped: 30"),
    ("e^{i\\pi}", "-1"): ("nobody", "true; ours does not know it and says undecided"),
    ("\\log 100", "2"): ("by policy", "a log without a base is of no stated base"),
    ("two", "2"): ("nobody", "number words are words to all three"),
}


def shown(text):
    return "`" + text.replace("|", "\\|").replace("\n", " ") + "`" if text else "(empty)"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(golden):
    pairs = golden["pairs"]
    apart = [p for p in pairs if len({p[3], p[4], p[5]}) > 1]
    groups = collections.defaultdict(list)
    for p in apart:
        if p[0] != "edge cases":
            groups[(p[0], p[3], p[4], p[5])].append(p)
    made = golden["made_by"]
    lines = [
        "# Grading: ours, mathruler, math-verify", "",
        f"{len(pairs)} pairs made by `tests/golden/make/grading.py` (seed {made['seed']}), graded by mathruler {made['mathruler']} and",
        f"math-verify {made['math-verify']} (sympy {made['sympy']}) with {made['time limit (processor s)']} s of processor time a pair, and by `AnswerChain`. This page is",
        "written by `grading.py --table`; `tests/grade/graders_test.cpp` holds ours to the first column.", "",
        f"- ours = mathruler on {sum(p[3] == p[4] for p in pairs)}, ours = math-verify on {sum(p[3] == p[5] for p in pairs)}, "
        f"all three agree on {len(pairs) - len(apart)}",
        f"- with at least one of the two: {sum(p[3] in p[4:6] for p in pairs)}", "",
        "## Disagreements by rule", "",
        row(["rule", "pairs", "for example", "ours", "mathruler", "math-verify", "right", "why"]),
        row(["---"] * 8)]
    for (rule, a, b, c), members in sorted(groups.items()):
        right, why = JUDGED[rule]
        examples = "; ".join(f"{shown(m[1])} and {shown(m[2])}" for m in members[:2])
        lines.append(row([rule, str(len(members)), examples, VERDICT[a], VERDICT[b], VERDICT[c], right, why]))
    lines += ["", "## Disagreements on hand-written pairs", "",
              row(["answer", "reference", "ours", "mathruler", "math-verify", "right", "why"]), row(["---"] * 7)]
    for p in apart:
        if p[0] != "edge cases":
            continue
        right, why = EDGES.get((p[1], p[2]), ("ours", "by the meaning of the notation"))
        lines.append(row([shown(p[1]), shown(p[2]), VERDICT[p[3]], VERDICT[p[4]], VERDICT[p[5]], right, why]))
    lines += ["", "## All pairs apart", "", "Each line: rule, answer, reference, then ours, mathruler, math-verify (s same, d different, u undecided).", "", "```"]
    lines += ["  ".join([p[0], p[1], "|", p[2], "|", p[3] + p[4] + p[5]]).replace("\n", " ") for p in apart]
    return "\n".join(lines + ["```"]) + "\n"
