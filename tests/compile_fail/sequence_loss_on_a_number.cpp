// error: Objective: a loss is a struct with a static name and T operator()(const TokenTerms<T>&) const (or that of a SequenceLoss or GroupLoss) for every T
#include <visplay/loss/objective.hpp>

struct Loss {
  static constexpr std::string_view name = "loss";
  template <class T>
  T summand(const visplay::TokenTerms<T>& t) const {
    return t.log_prob;
  }
  template <class T>
#ifdef ACCEPT
  T operator()(const visplay::SequenceTerms<T>& sequence) const {
    return -sequence.mean;
  }
#else
  T operator()(T mean) const {
    return -mean;
  }
#endif
};

visplay::Objective<Loss> objective;
