// The exception types that leave the library for wrong use or a broken environment. A message is
// one sentence: what, where, expected, got. Model output never throws; it is counted.
//
//   check(out.size() == batch.size(), "difficulty: expected {} scores, got {}", batch.size(), n);
#pragma once

#include <visplay/core/macros.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace visplay {

/// Wrong use, bad data or a broken environment. Programs end with exit code 1.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A wrong flag, key or value of the configuration. Programs end with exit code 2.
struct UsageError : Error {
  using Error::Error;
};

namespace detail {

// Their names are what the compiler says of a call of check().
void a_sentence_has_a_pair_of_braces_for_each_argument();
void a_sentence_has_no_braces_but_pairs();

/// A sentence with a {} for each argument, as the compiler has counted.
template <class... Args>
struct Sentence {
  // NOLINTNEXTLINE(google-explicit-constructor): written as a literal
  consteval Sentence(const char* literal) : text(literal) {
    std::size_t places = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '{' && text[i] != '}') continue;
      if (text.substr(i, 2) != "{}") a_sentence_has_no_braces_but_pairs();
      ++places, ++i;
    }
    if (places != sizeof...(Args)) a_sentence_has_a_pair_of_braces_for_each_argument();
  }
  std::string_view text;
};

/// What a sentence says. Of our own: programs may see another fmt than the library, such as libtorch's.
using SentencePart =
    std::variant<bool, char, std::int64_t, std::uint64_t, float, double, std::string_view>;

template <class T>
SentencePart part_of(const T& value) {
  if constexpr (std::same_as<T, bool> || std::same_as<T, char> || std::floating_point<T>)
    return value;
  else if constexpr (std::signed_integral<T>)
    return std::int64_t(value);
  else if constexpr (std::unsigned_integral<T>)
    return std::uint64_t(value);
  else
    return std::string_view(value);
}

[[nodiscard]] std::string sentence_of(std::string_view text,
                                      std::initializer_list<SentencePart> parts);

}  // namespace detail

/// Throws E with the sentence unless ok. Writes it only then.
/// @param args  numbers, truth values, characters or strings
template <std::derived_from<Error> E = Error, class... Args>
void check(bool ok, std::type_identity_t<detail::Sentence<Args...>> sentence, const Args&... args) {
  if (!ok) [[unlikely]]
    throw E(detail::sentence_of(sentence.text, {detail::part_of(args)...}));
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/core/error.ipp>
#endif
