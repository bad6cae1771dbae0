// Reads a Questioner's completion. What cannot be read is no question (std::nullopt), which is
// counted as not well formed; nothing throws.
//
//   TaggedQuestionParser parse;                           // paper and robust
//   parse("<type>color</type><question>What color is the circle?</question>")->text
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/data/question.hpp>

#include <concepts>
#include <optional>
#include <string_view>

namespace visplay {

template <class P>
concept QuestionParser = requires(const P& parse, std::string_view completion) {
  { parse(completion) } -> std::same_as<std::optional<Question>>;
};

/// Contents are trimmed; a demanded tag with nothing inside is not there. Linear in the text.
struct TaggedQuestionParser {
  enum class Form {
    /// The paper's gate (2511.15661, eq. 7): <question>, the last balanced one. <type> and <answer>
    /// are read where they stand, other text and tags are free.
    question,
    /// The authors' code (bruno686/VisPlay, cot_val.py, `match`): <type>, <question>, <answer> in
    /// this order, the first that fit, anywhere in the text; blanks inside a tag are allowed. Theirs
    /// also closes up blanks around "<", ">" and "/" inside the question; ours leaves it as it is.
    type_question_answer
  };
  Form form = Form::question;

  [[nodiscard]] std::optional<Question> operator()(std::string_view completion) const;
};
static_assert(QuestionParser<TaggedQuestionParser>);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/question_parser.ipp>
#endif
