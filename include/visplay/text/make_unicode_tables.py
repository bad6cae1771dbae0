#!/usr/bin/env python3
"""Writes unicode_tables.ipp, beside this script.

Needs `tokenizers` 0.23 and `unicodedata2` 16.0 (./run oracle installs them). Letter and number
classes are those of Unicode 16, checked against the regex engine of `tokenizers` over all code
points. The NFC data is Unicode's, less what the normaliser of `tokenizers` does not know (it has
the tables of an older Unicode), so that ids equal those of `tokenizers` on every text.
"""
import pathlib

import tokenizers
import unicodedata2 as unicode
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)  # composed by arithmetic
nfc = normalizers.NFC().normalize_str


def in_class(pattern):
    """The code points that the regex engine of tokenizers matches."""
    remove = pre_tokenizers.Split(Regex(pattern), "removed")
    found = set()
    for start in range(0, len(POINTS), 4096):
        chunk = POINTS[start:start + 4096]
        kept = set()
        for _, (begin, end) in remove.pre_tokenize_str("".join(map(chr, chunk))):
            kept.update(chunk[begin:end])
        found.update(set(chunk) - kept)
    return found


def word_points():
    """The code points beside which an added token with single_word is not taken."""
    t = Tokenizer(models.BPE({"<": 0}, []))  # knows nothing else: the rest gives no tokens
    t.add_tokens([AddedToken("|", single_word=True, normalized=False)])
    found = set()
    for start in range(0, len(POINTS), 4096):
        chunk = POINTS[start:start + 4096]
        tokens = t.encode("".join(".|" + chr(c) for c in chunk))
        taken = {begin // 3 for i, (begin, _) in zip(tokens.ids, tokens.offsets) if i == 1}
        found.update(c for i, c in enumerate(chunk) if i not in taken)
    return found


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def general_category(major, pattern):
    points = {c for c in POINTS if unicode.category(chr(c))[0] == major}
    assert points == in_class(pattern), pattern
    return ranges(points)


def combining():
    """[first, last, class] of the marks that tokenizers reorders."""
    out = []
    for c in POINTS:
        k = unicode.combining(chr(c))
        if k == 0:
            continue
        # Beside a mark of another class, one of the two orders is the canonical one.
        low, high = "q\u0334" + chr(c), "q" + chr(c) + "\u0334"
        other_low, other_high = "q\u0345" + chr(c), "q" + chr(c) + "\u0345"
        known = nfc(low) == nfc(high) if k != 1 else nfc(other_low) == nfc(other_high)
        if not known:
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == k:
            out[-1][1] = c
        else:
            out.append([c, c, k])
    return out


def decompositions():
    """[point, first, second or 0], one step, without Hangul."""
    out = []
    for c in POINTS:
        mapping = unicode.decomposition(chr(c))
        if not mapping or mapping[0] == "<" or c in HANGUL:
            continue
        parts = [int(p, 16) for p in mapping.split()]
        known = nfc(chr(c)) != chr(c) or nfc("".join(map(chr, parts))) == chr(c)
        if known:
            out.append([c] + parts + [0] * (2 - len(parts)))
    return out


def compositions(rows):
    """Indices into rows of the pairs that compose again, sorted by (first, second)."""
    pairs = [i for i, (c, a, b) in enumerate(rows) if b and nfc(chr(a) + chr(b)) == chr(c)]
    return sorted(pairs, key=lambda i: rows[i][1:])


def array(kind, name, cells):
    lines, line = [], "   "
    for cell in cells:
        if len(line) + len(cell) + 2 > 100:
            lines.append(line)
            line = "   "
        line += " " + cell + ","
    return f"inline constexpr {kind} {name}[] = {{\n" + "\n".join(lines + [line]) + "\n};\n"


def cells(rows):
    return ["{" + ", ".join(hex(v) if v > 9 else str(v) for v in row) + "}" for row in rows]


rows = decompositions()
text = f"""// Code point classes and NFC data. Written by make_unicode_tables.py (Unicode
// {unicode.unidata_version}, tokenizers {tokenizers.__version__}); do not edit.
#pragma once

#include <cstdint>

// clang-format off
namespace visplay::detail {{

struct CodePointRange {{
  char32_t first, last;
}};
struct CombiningRange {{
  char32_t first, last;
  std::uint8_t combining_class;
}};
/// One step of a canonical decomposition; second is 0 for a single one. Without Hangul.
struct Decomposition {{
  char32_t point, first, second;
}};

{array("CodePointRange", "letter_ranges", cells(general_category("L", chr(92) + "p{L}")))}
{array("CodePointRange", "number_ranges", cells(general_category("N", chr(92) + "p{N}")))}
/// The points of is_word that are not letters.
{array("CodePointRange", "word_ranges", cells(ranges(word_points() - in_class(chr(92) + "p{L}"))))}
{array("CombiningRange", "combining_ranges", cells(combining()))}
{array("Decomposition", "decompositions", cells(rows))}
/// Indices into decompositions of the pairs that compose, ordered by (first, second).
{array("std::uint16_t", "composition_order", [str(i) for i in compositions(rows)])}
}}  // namespace visplay::detail
"""
pathlib.Path(__file__).with_name("unicode_tables.ipp").write_text(text)
