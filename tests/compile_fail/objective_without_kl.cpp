// error: Objective: a KL is a struct with a static name and T operator()(const TokenTerms<T>&) const for every T
#include <visplay/loss/objective.hpp>

struct Kl {
  static constexpr std::string_view name = "kl";
#ifdef ACCEPT
  template <class T>
  T operator()(const visplay::TokenTerms<T>& t) const {
    return t.log_prob - t.ref_log_prob;
  }
#else
  double operator()(double log_prob, double ref) const { return log_prob - ref; }
#endif
};

visplay::Objective<visplay::ClippedSurrogate, Kl> objective;
