// error: FirstDecisive: a grader of a chain also has std::string canonical(std::string_view answer) const
#include <visplay/grade/first_decisive.hpp>

struct Grader {
#ifdef ACCEPT
  std::string canonical(std::string_view answer) const { return visplay::unopened(answer); }
#endif
  visplay::Verdict operator()(std::string_view, std::string_view) const {
    return visplay::Verdict::undecided;
  }
};

visplay::FirstDecisive<Grader, visplay::Choice> chain;
