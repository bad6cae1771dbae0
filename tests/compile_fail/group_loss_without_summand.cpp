// error: Objective: a loss is a struct with a static name and T operator()(const TokenTerms<T>&) const (or that of a SequenceLoss or GroupLoss) for every T
#include <visplay/loss/objective.hpp>

struct Loss {
  static constexpr std::string_view name = "loss";
#ifdef ACCEPT
  template <class T>
  T summand(const visplay::TokenTerms<T>& t) const {
    return t.log_prob;
  }
#endif
  template <class T>
  T operator()(std::span<const visplay::SequenceTerms<T>> group) const {
    return -group.front().mean;
  }
};

visplay::Objective<Loss> objective;
