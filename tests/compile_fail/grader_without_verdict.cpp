// error: a grader is a struct with a call Verdict (std::string_view answer, std::string_view reference) const
#include <visplay/grade/majority_vote.hpp>

struct Grader {
#ifdef ACCEPT
  visplay::Verdict operator()(std::string_view a, std::string_view b) const {
    return a == b ? visplay::Verdict::same : visplay::Verdict::different;
  }
#else
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
#endif
};

auto label(std::span<const visplay::Vote> votes) { return visplay::majority_vote(votes, Grader{}); }
