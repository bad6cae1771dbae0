// Question: what a Questioner's completion says, once parsed.
#pragma once

#include <string>

namespace visplay {

struct Question {
  std::string text{};  ///< content of <question>, trimmed; not empty
  std::string type{};  ///< content of <type>; empty if there was none
  std::string
      answer{};  ///< content of <answer>; empty if there was none (official mode asks for it)
};

}  // namespace visplay
