// TimeLeft: how much of a run of unlike phases is done, and how long the rest takes.
//
//   TimeLeft left({{"questioner", 5, 3.}, {"label", 1, 20.}, {"reasoner", 40, 1.}});
//   left.step_done("questioner", 2.8);
//   left.seconds();     // of what remains
//
// A step costs what steps of its phase took so far; before the first of them, the guess of the
// plan times how wrong the guesses have been elsewhere.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

/// Part of a plan. Phases that come again in every iteration may be listed again or added up.
struct PlannedSteps {
  std::string phase{};
  int steps = 0;
  double guess = 1;  ///< cost of one step, in any unit; only ratios count
};

class TimeLeft {
 public:
  explicit TimeLeft(const std::vector<PlannedSteps>& plan = {}) {
    for (const auto& [phase, steps, guess] : plan) {
      phases_[phase].planned += steps;
      phases_[phase].guess = guess;
    }
  }

  /// A step of a phase took so many seconds. Steps beyond the plan extend it.
  void step_done(std::string_view phase, double seconds) {
    Phase& p = phases_[std::string(phase)];
    p.planned = std::max(p.planned, ++p.done);
    p.seconds += seconds;
  }

  /// Seconds that the remaining steps take; empty before the first step.
  [[nodiscard]] std::optional<double> seconds() const {
    const double scale = seconds_per_guess();
    if (scale <= 0) return std::nullopt;
    double left = 0;
    for (const auto& [name, p] : phases_) left += (p.planned - p.done) * p.step_seconds(scale);
    return left;
  }

  /// Share of the run's time that is done, in [0, 1].
  [[nodiscard]] double done() const {
    const auto left = seconds();
    double spent = 0;
    for (const auto& [name, p] : phases_) spent += p.seconds;
    return left && spent + *left > 0 ? spent / (spent + *left) : 0.;
  }

 private:
  struct Phase {
    int planned = 0, done = 0;
    double guess = 1, seconds = 0;
    [[nodiscard]] double step_seconds(double scale) const {
      return done > 0 ? seconds / done : guess * scale;
    }
  };
  [[nodiscard]] double seconds_per_guess() const {
    double seconds = 0, guessed = 0;
    for (const auto& [name, p] : phases_) {
      seconds += p.seconds;
      guessed += p.done * p.guess;
    }
    return guessed > 0 ? seconds / guessed : 0.;
  }

  std::map<std::string, Phase, std::less<>> phases_;
};

}  // namespace visplay
