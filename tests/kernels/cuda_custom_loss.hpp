// A loss of a user's own, as cuda_custom_loss.cu brings it to a GPU.
#pragma once

#include <visplay/loss/token_loss.hpp>

namespace visplay::testing {

/// -A log pi.
struct OwnReinforce {
  static constexpr std::string_view name = "own_reinforce";
  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return -t.log_prob * t.advantage;
  }
};

}  // namespace visplay::testing
