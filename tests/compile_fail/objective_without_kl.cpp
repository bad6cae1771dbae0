// error: Objective: a KL is a struct with a static name and T operator()(const TokenTerms<T>&) const for every T
#include <visplay/loss/objective.hpp>

struct Part {
  static constexpr std::string_view name = "part";
  template <class T>
#ifdef ACCEPT
  T operator()(const visplay::TokenTerms<T>& t) const {
    return t.log_prob - t.ref_log_prob;
  }
#else
  T operator()(T log_prob, T ref_log_prob) const {
    return log_prob - ref_log_prob;
  }
#endif
};

visplay::Objective<visplay::ClippedSurrogate, Part> objective;
