// error: an advantage estimator is a struct with a static name and a call (GroupedSpan rewards, std::span<float> out) const
#include <visplay/advantage/skip_unscored.hpp>

struct Estimator {
  static constexpr std::string_view name = "estimator";
#ifdef ACCEPT
  void operator()(visplay::GroupedSpan, std::span<float>) const {}
#else
  void operator()(std::span<const float>, std::span<float>) const {}
#endif
};

visplay::SkipUnscored<Estimator> estimator;
