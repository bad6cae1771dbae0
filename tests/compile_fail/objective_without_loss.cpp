// error: Objective: a loss is a struct with a static name and T operator()(const TokenTerms<T>&) const
#include <visplay/loss/objective.hpp>

struct Loss {
  static constexpr std::string_view name = "loss";
#ifdef ACCEPT
  template <class T>
  T operator()(const visplay::TokenTerms<T>& t) const {
    return -t.log_prob;
  }
#else
  double operator()(double log_prob) const { return -log_prob; }
#endif
};

visplay::Objective<Loss> objective;
