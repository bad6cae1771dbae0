// LabelledQuestion: what the Reasoner is trained on. An image, a question about it, and what the
// votes said.
#pragma once

#include <visplay/data/image.hpp>
#include <visplay/data/pseudo_label.hpp>
#include <visplay/data/question.hpp>

namespace visplay {

struct LabelledQuestion {
  ImagePtr image{};
  Question question{};
  PseudoLabel label{};
};

}  // namespace visplay
