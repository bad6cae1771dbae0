// AnswerGrader: decides whether two answers mean the same. Graders are values with one call
// operator; what they say must not depend on anything but the two texts.
//
// CanonicalGrader: one that maps each answer to a key, so that answers are the same exactly if their
// keys are equal. Such a relation is reflexive, symmetric and transitive by construction, and m votes
// are sorted into classes with m keys instead of m * m comparisons.
//
//   Numeric{}.canonical("1 1/2")             // "=3/2"
//   Numeric{}.canonical("red")               // "?red": no opinion; the key is the text itself
//   Numeric{}("1.5", "1 1/2")                // Verdict::same
//
// The first byte of a key says what it is about (KeyKind). A meaning has one key, whichever grader
// wrote it: that is what lets FirstDecisive chain graders and stay transitive.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace visplay {

enum class Verdict { same, different, undecided };  // undecided: this grader has no opinion

constexpr std::string_view name_of(Verdict verdict) {
  constexpr std::string_view names[] = {"same", "different", "undecided"};
  return names[int(verdict)];
}

template <class G>
concept AnswerGrader = requires(const G& grade, std::string_view answer,
                                std::string_view reference) {
  { grade(answer, reference) } -> std::same_as<Verdict>;
};

/// `canonical` is total, never throws for what the answer holds, and agrees with the call operator:
/// the verdict is `same` exactly if the keys are equal.
template <class G>
concept CanonicalGrader = AnswerGrader<G> && requires(const G& grade, std::string_view answer) {
  { grade.canonical(answer) } -> std::same_as<std::string>;
};

/// True; a type that is no grader is refused with a sentence. For templates that take one.
template <class G>
consteval bool checked_grader() {
  static_assert(AnswerGrader<G>,
                "a grader is a struct with a call Verdict (std::string_view answer, "
                "std::string_view reference) const");
  return true;
}

/// A longer answer (bytes) is not looked into: it is the same as its equal, else undecided.
inline constexpr std::size_t longest_graded = 4096;

/// The first byte of a key.
enum class KeyKind : char {
  value = '=',     ///< a number, expression, set, ... in a form that only its equals have
  symbolic = '~',  ///< an expression with parts taken as they stand, such as \sin x
  choice = 'c',    ///< letters of options
  text = 't',      ///< words
  unopened = '?',  ///< no opinion, or too long: the answer byte for byte
};

constexpr KeyKind kind_of(std::string_view key) {
  return key.empty() ? KeyKind::unopened : KeyKind(key[0]);
}

/// The key of an answer that a grader has no opinion on.
[[nodiscard]] inline std::string unopened(std::string_view answer) {
  std::string key(1, char(KeyKind::unopened));
  return key.append(answer);
}

/// What two keys of one grader say. Unequal ones are undecided if a grader did not look into one of
/// the answers, or if both are expressions and one has parts taken as they stand: \sin 0 may be 0.
[[nodiscard]] constexpr Verdict verdict_of(std::string_view a, std::string_view b) {
  if (a == b) return Verdict::same;
  const KeyKind kinds[] = {kind_of(a), kind_of(b)};
  int symbolic = 0;
  int values = 0;
  for (const KeyKind kind : kinds) {
    if (kind == KeyKind::unopened) return Verdict::undecided;
    symbolic += kind == KeyKind::symbolic;
    values += kind == KeyKind::value;
  }
  return symbolic > 0 && symbolic + values == 2 ? Verdict::undecided : Verdict::different;
}

/// The verdict of a grader with keys. Equal answers have equal keys: they need not be looked into.
template <class G>
[[nodiscard]] Verdict verdict_by_keys(const G& grade, std::string_view answer,
                                      std::string_view reference) {
  if (answer == reference) return Verdict::same;
  return verdict_of(grade.canonical(answer), grade.canonical(reference));
}

}  // namespace visplay
