// AnswerGrader: decides whether two answers mean the same. Graders are values with one call
// operator; what they say must not depend on anything but the two texts.
#pragma once

#include <concepts>
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

}  // namespace visplay
