// What a benchmark declares beside its times, for benchmarks/report: the work of an iteration, from
// which its share of the machine's roof follows, and its largest difference from float64.
#pragma once

#include <visplay/core/simd_level.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>

namespace visplay {

/// Of one iteration. FLOP are those of the formula, a fused multiply-add being two; bytes are those
/// that have to come from memory and go back there, none for what stays in a cache.
struct Work {
  double flop = 0, read = 0, written = 0;
};

inline void declare(benchmark::State& state, const Work& work) {
  const auto rate = [&](const char* name, double value) {
    state.counters[name] = benchmark::Counter(value, benchmark::Counter::kIsIterationInvariantRate);
  };
  if (work.flop > 0) rate("FLOP", work.flop);
  if (work.read > 0) rate("read", work.read);
  if (work.written > 0) rate("written", work.written);
}

/// The larger one; NaN if one of them is.
inline double larger(double a, double b) { return a > b || std::isnan(a) ? a : b; }

/// A difference from the same formula in float64 and what is allowed. Of several, the one that comes
/// nearest to its bound stays.
inline void declare_error(benchmark::State& state, double error, double bound) {
  auto& counters = state.counters;
  const bool first = counters.find("error") == counters.end();
  const double share = error / bound;
  const double largest = first ? 0 : counters["error"].value / counters["error_bound"].value;
  if (first || larger(largest, share) == share)
    counters["error"] = error, counters["error_bound"] = bound;
}

/// A level of instruction set while it lives, if the processor has it; else the benchmark is skipped.
class AtLevel {
 public:
  AtLevel(benchmark::State& state, std::int64_t level)
      : runs_(SimdLevel(level) <= best_simd_level()) {
    if (runs_)
      set_simd_level(SimdLevel(level));
    else
      state.SkipWithError("this processor cannot run it");
  }
  ~AtLevel() { set_simd_level(best_simd_level()); }
  AtLevel(const AtLevel&) = delete;
  AtLevel& operator=(const AtLevel&) = delete;

  explicit operator bool() const { return runs_; }

 private:
  bool runs_;
};

}  // namespace visplay
