// Answers that make graders slow, deep or large: towers of powers, nests, long sums, wide products,
// many atoms, large numbers, almost-units and almost-sets; each at several lengths up to 4 KiB, where
// looking into an answer ends.
#pragma once

#include <visplay/core/rng.hpp>

#include <array>
#include <string>
#include <vector>

namespace visplay::testing {

inline std::string repeated(const std::string& piece, std::size_t bytes,
                            const std::string& end = "") {
  std::string text;
  while (text.size() + piece.size() + end.size() <= bytes) text += piece;
  return text + end;
}

inline std::string nested(const std::string& opening, const std::string& core,
                          const std::string& closing, std::size_t bytes) {
  std::string text = core;
  while (text.size() + opening.size() + closing.size() <= bytes) text = opening + text + closing;
  return text;
}

inline std::vector<std::string> hostile_answers() {
  std::vector<std::string> answers{
      "9^9^9^9",
      "9**9**9",
      "9^{9^{9^{9}}}",
      "x-9^9^9^9",
      "2^{1000}",
      "(2^{400})^{400}",
      "1000000!",
      "98!/97!",
      "(((98!)!)!)!",
      "\\binom{128}{64}",
      "\\binom{10^9}{10^8}",
      "\\sqrt{10^{150}+1}",
      "\\sqrt{18446744073709551557}",
      "\\sqrt{340282366920938463463374607431768211297}",
      "\\ln(999999000001)",
      "\\sqrt[12]{2^{11}3^7 5^5 7^3}",
      "1e150",
      "1e151",
      "1e999999999",
      "10^{-150}",
      "10^{-1000000}",
      "(x+y+z+a+b+c)^{40}",
      "(x+1)^{64}",
      "(x+1)^{95}",
      "(x+y)^{30}",
      "(1+\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7)^{8}",
      "\\frac{1}{\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7+\\sqrt{11}+\\sqrt{13}}",
      "\\frac{1}{1+\\sqrt[3]{2}+\\sqrt[5]{3}}",
      "\\frac{x^{40}-1}{x^{30}-1}",
      "\\frac{(x+y)^7(x-z)^5}{(x+y)^5(x+z)^6}",
      "\\frac{x^9+3x^4y^5-z}{y^7x^3+5x-z^2}",
      "\\frac{(123456789x+987654321)^9}{(987654321x-123456789)^8}",
      "x^{x^{x^{x^{x}}}}",
      "((x^{1/2}+1)^{1/3}+1)^{1/5}",
      "\\sin(\\sin(\\sin(\\sin(\\sin x))))",
      "\\pm\\pm\\pm\\pm 1",
      "x_{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
      "\\frac\\frac\\frac\\frac",
      "^^^^",
      "____",
      "{{{{",
      "}}}}",
      "\\\\\\\\",
      "\\text{\\text{\\text{",
      "$$$$$",
      "1,,,2",
      "((((1,2),3),4),5)",
      "0.\\overline{999999999999999999}",
      "\\sqrt[999999999999]{2}",
      "\\begin{pmatrix}",
      "\\in\\in\\in"};
  for (const std::size_t bytes : {200u, 1000u, 4096u}) {
    for (const char* piece :
         {"9",       "1+",     "x+",      "x*",          "9^",        "-",
          "+-",      "(",      "[",       "{",           "|",         "\\frac",
          "\\frac{", "\\sqrt", "\\sqrt{", "1,",          "1 and ",    "x=",
          "x<",      " ",      "1 ",      "\\text{",     "\\mathbf{", "\\left(",
          "m ",      "m/",     "5 m ",    "(x+1)",       "(x+y)",     "\\sqrt2+",
          "\\sqrt3", "\\sin ", "\\pm1,",  "\\cup",       "\\{",       "\\begin{pmatrix}",
          "1&",      "\\\\",   "abc",     "a b ",        "the ",      "A,",
          "A and ",  "**",     "$",       "1/",          "1/x+",      "x^2+",
          "2^x",     "x_1",    "!",       "°",           "²",         "½",
          "%",       "1,000",  "\\in ",   "\xff",        "{,}",       "\\frac{1}{x+",
          "e^{",     "\\log_", "|x",      "\\overline{", "is ",       "(A) ",
          ". "})
      for (const char* end : {"", "1", "x", ")"}) answers.push_back(repeated(piece, bytes, end));
    for (const auto& [opening, core, closing] :
         std::vector<std::array<const char*, 3>>{{"(", "1", ")"},
                                                 {"{", "x", "}"},
                                                 {"[", "1,2", "]"},
                                                 {"\\{", "1,2", "\\}"},
                                                 {"\\sqrt{", "2", "}"},
                                                 {"\\frac{1}{1+", "x", "}"},
                                                 {"\\frac{1}{1+", "1", "}"},
                                                 {"(x+", "1", ")^2"},
                                                 {"|", "x", "|"},
                                                 {"\\text{", "a", "}"},
                                                 {"\\boxed{", "1", "}"},
                                                 {"\\mathbf{", "1", "}"},
                                                 {"2^{", "2", "}"},
                                                 {"(", "x", ")!"},
                                                 {"(1,", "2", ")"},
                                                 {"**", "a", "**"},
                                                 {"$", "1", "$"},
                                                 {"\\sin(", "x", ")"},
                                                 {"\"", "a", "\""},
                                                 {"-(", "x", ")"}})
      answers.push_back(nested(opening, core, closing, bytes));
  }
  return answers;
}

/// A few random pieces of notation, or an answer with some of its bytes changed.
inline std::string random_answer(Rng& rng) {
  static const std::vector<std::string> pieces{"1",
                                               "2",
                                               "37",
                                               "0.5",
                                               "x",
                                               "y",
                                               "n",
                                               "e",
                                               "i",
                                               "+",
                                               "-",
                                               "*",
                                               "/",
                                               "^",
                                               "_",
                                               "=",
                                               "<",
                                               ",",
                                               ";",
                                               " ",
                                               "(",
                                               ")",
                                               "[",
                                               "]",
                                               "{",
                                               "}",
                                               "\\{",
                                               "\\}",
                                               "|",
                                               "!",
                                               "%",
                                               "°",
                                               "\\frac",
                                               "\\frac{1}{2}",
                                               "\\sqrt",
                                               "\\sqrt{2}",
                                               "\\pi",
                                               "\\infty",
                                               "\\sin",
                                               "\\ln",
                                               "\\log_2",
                                               "\\pm",
                                               "\\cup",
                                               "\\in ",
                                               "\\text{cm}",
                                               "\\text{",
                                               "\\begin{pmatrix}",
                                               "\\end{pmatrix}",
                                               "&",
                                               "\\\\",
                                               " and ",
                                               "cm",
                                               " m",
                                               "$",
                                               "A",
                                               "(B)",
                                               "**",
                                               "1,000",
                                               "e5",
                                               "x^2",
                                               "²",
                                               "½",
                                               "\\left(",
                                               "\\right)",
                                               "\xc3",
                                               "\\",
                                               "."};
  std::string text;
  for (std::uint64_t n = 1 + rng.below(12); n > 0; --n)
    text +=
        rng.chance(0.03) ? std::string(1, char(rng.below(256))) : pieces[rng.below(pieces.size())];
  return text;
}

}  // namespace visplay::testing
