// error: a_sentence_has_a_pair_of_braces_for_each_argument
#include <visplay/core/error.hpp>

void expect(int got) {
#ifdef ACCEPT
  visplay::check(got == 3, "expected 3, got {}", got);
#else
  visplay::check(got == 3, "expected 3, got {}");
#endif
}
