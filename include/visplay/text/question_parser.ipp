// Reading a question: the paper's form with tag_content, the authors' with a scanner of its own.
#pragma once

#include <visplay/text/question_parser.hpp>
#include <visplay/text/tags.hpp>
#include <visplay/text/whitespace.hpp>

#include <string>

namespace visplay {
namespace detail {

/// Bytes of the tag <name> or </name> that text starts with, blanks allowed between its parts; 0 if
/// it starts with none.
VISPLAY_INLINE std::size_t leading_tag(std::string_view text, std::string_view name, bool closing) {
  std::string_view rest = text;
  const auto take = [&rest](std::string_view piece) {
    while (const std::size_t bytes = leading_space(rest)) rest.remove_prefix(bytes);
    if (!rest.starts_with(piece)) return false;
    rest.remove_prefix(piece.size());
    return true;
  };
  const bool fits = take("<") && (!closing || take("/")) && take(name) && take(">");
  return fits ? text.size() - rest.size() : 0;
}

/// Takes text up to and with the first such tag off it and returns what stood before the tag.
VISPLAY_INLINE std::optional<std::string_view> take_until_tag(std::string_view& text,
                                                              std::string_view name, bool closing) {
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string_view::npos; ++at) {
    if (const std::size_t bytes = leading_tag(text.substr(at), name, closing)) {
      const std::string_view before = text.substr(0, at);
      text.remove_prefix(at + bytes);
      return before;
    }
  }
  return std::nullopt;
}

/// The regular expression <type>(.*?)</type>.*?<question>(.*?)</question>.*?<answer>(.*?)</answer>,
/// searched for: shortest matches from the left are the first tags that follow each other.
VISPLAY_INLINE std::optional<Question> type_question_answer(std::string_view text) {
  std::string_view content[3];
  constexpr std::string_view names[3] = {"type", "question", "answer"};
  for (int i = 0; i < 3; ++i) {
    if (!take_until_tag(text, names[i], false)) return std::nullopt;
    const auto inside = take_until_tag(text, names[i], true);
    if (!inside || trim(*inside).empty()) return std::nullopt;
    content[i] = trim(*inside);
  }
  return Question{.text = std::string(content[1]),
                  .type = std::string(content[0]),
                  .answer = std::string(content[2])};
}

}  // namespace detail

VISPLAY_INLINE std::optional<Question> TaggedQuestionParser::operator()(
    std::string_view completion) const {
  if (form == Form::type_question_answer) return detail::type_question_answer(completion);
  const auto content = [&](std::string_view tag) {
    return std::string(trim(tag_content(completion, tag).value_or(std::string_view{})));
  };
  Question question{
      .text = content("question"), .type = content("type"), .answer = content("answer")};
  if (question.text.empty()) return std::nullopt;
  return question;
}

}  // namespace visplay
