// Losses of a user's own, as cuda_custom_loss.cu brings them to a GPU.
#pragma once

#include <visplay/loss/sequence_loss.hpp>
#include <visplay/loss/token_loss.hpp>

#include <string_view>

namespace visplay::testing {

/// -A log pi.
struct OwnReinforce {
  static constexpr std::string_view name = "own_reinforce";
  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return -t.log_prob * t.advantage;
  }
};

/// -A times the mean of log pi.
struct OwnSequence {
  static constexpr std::string_view name = "own_sequence";
  template <class T>
  VISPLAY_HD T summand(const TokenTerms<T>& t) const {
    return t.log_prob;
  }
  template <class T>
  VISPLAY_HD T operator()(const SequenceTerms<T>& s) const {
    return -s.mean * s.advantage;
  }
};

}  // namespace visplay::testing
