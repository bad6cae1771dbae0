// error: Objective: a correction is a struct with a static name and T operator()(const TokenTerms<T>&) const for every T
#include <visplay/loss/objective.hpp>

struct Halve {
  static constexpr std::string_view name = "halve";
  template <class Terms>
#ifdef ACCEPT
  auto operator()(const Terms& t) const {
    return decltype(t.weight)(0.5f);
  }
#else
  float operator()(const Terms&) const {
    return 0.5f;
  }
#endif
};

visplay::Objective<visplay::ClippedSurrogate, visplay::K3, Halve> objective;
