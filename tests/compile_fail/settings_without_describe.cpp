// error: describe: settings are a struct T with void describe(auto& visit, OfType<T> auto& settings) in the namespace of T
#include <visplay/core/describe.hpp>

namespace trainer {
struct Settings {
  int steps = 1;
};
#ifdef ACCEPT
void describe(auto& visit, visplay::OfType<Settings> auto& s) { visit("steps", s.steps, "of all"); }
#endif
}  // namespace trainer

auto fields(trainer::Settings& settings) { return visplay::fields_of(settings); }
