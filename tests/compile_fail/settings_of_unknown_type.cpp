// error: describe: a member is neither described itself nor of a type that settings have
#include <visplay/core/describe.hpp>

struct Settings {
#ifdef ACCEPT
  int steps = 1;
#else
  const char* steps = "1";
#endif
};
void describe(auto& visit, visplay::OfType<Settings> auto& s) { visit("steps", s.steps, "of all"); }

auto fields(Settings& settings) { return visplay::fields_of(settings); }
