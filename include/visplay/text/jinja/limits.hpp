// Limits of a chat template, and the budget that holds a rendering to them. A template comes with a
// model and is not trusted: whatever it does ends within these bounds, or in one clear error.
#pragma once

#include <visplay/core/error.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay::jinja {

struct Limits {
  std::size_t max_source = std::size_t(256) << 10;  ///< bytes of a template
  std::size_t max_output = std::size_t(16) << 20;   ///< bytes of any text, the rendered one too
  std::int64_t max_steps = 2'000'000;  ///< nodes evaluated, items listed, 64 bytes of text each
  int max_depth = 200;                 ///< nesting of a template, of values and of macro calls
};

/// What a rendering has used so far. All work and all memory of it is proportional to steps.
class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  /// @throws Error when the steps are used up
  void spend(std::size_t steps = 1) {
    used_ += std::int64_t(steps);
    check(used_ <= limits_.max_steps, "expected at most {} steps, got more", limits_.max_steps);
  }

  /// @throws Error if no text may be so long
  void check_size(std::size_t bytes) const {
    check(bytes <= limits_.max_output, "expected a text of at most {} bytes, got {}",
          limits_.max_output, bytes);
  }

  /// For reading or making so many bytes of text. Call it before the text is made.
  /// @throws Error if no text may be so long, or the steps are used up
  void spend_text(std::size_t bytes) {
    check_size(bytes);
    spend(bytes / 64 + 1);
  }

  /// @throws Error if values may not be nested so deeply
  void check_nesting(int depth) const {
    check(depth <= limits_.max_depth, "expected at most {} levels of nesting, got more",
          limits_.max_depth);
  }

  /// Counts a level of evaluation while it exists.
  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) {
      budget_.spend();
      budget_.check_nesting(budget_.level_ + 1);
      ++budget_.level_;
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --budget_.level_; }

   private:
    Budget& budget_;
  };

 private:
  Limits limits_;
  std::int64_t used_ = 0;
  int level_ = 0;
};

}  // namespace visplay::jinja
