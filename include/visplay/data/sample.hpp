// Samples: what rewards look at, one per completion, in the order of the completions. A reward names
// the fields it reads (HasConfidence, HasQuestion ...); any struct with those fields will do.
#pragma once

#include <visplay/data/pseudo_label.hpp>
#include <visplay/data/question.hpp>
#include <visplay/data/vote.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace visplay {

/// One completion of the Questioner.
struct QuestionSample {
  std::int64_t group = 0;              ///< which image: questions of one image compare themselves
  std::optional<Question> question{};  ///< none: not well formed
  PseudoLabel label{};                 ///< what the frozen Reasoner's votes say; none asked: empty
  double confidence = 0;               ///< c in [0, 1]; label.confidence() but for official mode
  float archive_share = 0;    ///< share of the archive's questions in its cluster, in [0, 1]
  float blind_share = 0;      ///< confidence of the votes cast without the image, in [0, 1]
  double answer_entropy = 0;  ///< of the parsed votes' classes, nats, >= 0
  double own_share = 0;       ///< share of the votes for the <answer> it gave itself, in [0, 1]
  bool own_is_label = false;  ///< its own <answer> is the label
};

/// One completion of the Reasoner.
struct AnswerSample {
  std::int64_t group = 0;    ///< which question
  Vote vote{};               ///< what the completion answers
  std::string label{};       ///< the pseudo-label's answer
  double confidence = 1;     ///< c of that label, in [0, 1]
  double answer_share = 0;   ///< share of the question's votes for this very answer, in [0, 1]
  bool well_formed = false;  ///< reasoning tags, then the box (ReasoningFormat)
  bool truncated = false;    ///< the length limit ended it, whether or not an answer came first
  std::int64_t length = 0;   ///< tokens, the end token included
};

}  // namespace visplay
