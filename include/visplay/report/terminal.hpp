// Terminal: what people watch. A table whose running row, last question and progress bar repaint in
// place; one plain line per step where the output is piped.
//
//   Terminal screen(stdout, terminal_style(stdout));
//   screen.facts({{"model", "embedded"}, {"run", "runs/001"}});
//   screen.step({.iteration = 1, .iterations = 3, .phase = "questioner", .step = 2, .steps = 5,
//                .metrics = metrics, .seconds_left = left.seconds()});
//   screen.question(record);
//   screen.summary(per_iteration);
//
// The row of a finished phase stays and shows the means of its steps. Metrics are found by their
// names (core/metrics.hpp); one that a phase does not report leaves its cell empty.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/core/metrics.hpp>
#include <visplay/report/jsonl.hpp>

#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace visplay {

struct TerminalStyle {
  bool live = false;     ///< repaint in place; else plain lines
  bool color = false;    ///< ANSI colors, few
  bool unicode = false;  ///< lines and dots beyond ASCII
  int width = 100;       ///< columns, where the terminal does not say
};

/// Live where `out` is a terminal. What the environment says (NO_COLOR, TERM=dumb, LANG) is for
/// the program to put in.
[[nodiscard]] TerminalStyle terminal_style(std::FILE* out);

struct StepView {
  int iteration = 0, iterations = 0;
  std::string phase{};
  int step = 0, steps = 0;
  Metrics metrics{};
  double seconds = 0;                    ///< since the start
  std::optional<double> seconds_left{};  ///< of the whole run
};

struct IterationView {
  std::string name{};  ///< "base", "1", "2"
  Metrics metrics{};
};

class Terminal {
 public:
  Terminal(std::FILE* out, const TerminalStyle& style) : out_(out), style_(style) {}
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Aligned "name  text" lines between blank lines: what the run is, or where its results are.
  void facts(std::span<const std::pair<std::string, std::string>> rows);
  void step(const StepView& view);
  /// The question shown below the table from now on, with its votes and verdict.
  void question(const QuestionRecord& record);
  /// A line that stays: a checkpoint written, an alarm.
  void note(std::string_view text);
  /// Ends the table. One row per iteration, one column for each summary metric that any row has.
  void summary(std::span<const IterationView> rows);
  /// Makes the running row the last of its phase. step() of another phase does so by itself.
  void end_phase();

 private:
  void put(std::string_view text);
  void repaint();
  void clear_frame();
  [[nodiscard]] int width() const;
  [[nodiscard]] std::string paint(std::string_view text, std::string_view code) const;
  [[nodiscard]] std::string table_line(const std::array<std::string, 3>& first,
                                       const std::function<std::string(int)>& cell,
                                       std::string_view time) const;
  [[nodiscard]] std::string row(const StepView& view) const;
  [[nodiscard]] std::string heading() const;
  [[nodiscard]] std::string progress() const;
  [[nodiscard]] std::vector<std::string> question_lines() const;
  [[nodiscard]] StepView phase_means() const;
  void plain_step(const StepView& view);
  void choose_columns();

  std::FILE* out_;
  TerminalStyle style_;
  std::optional<StepView> running_{};
  std::map<std::string, std::pair<double, int>, std::less<>> sums_{};  // of the running phase
  double phase_seconds_ = 0;
  std::optional<QuestionRecord> question_{};
  std::vector<int> columns_{};  // indices of the columns that fit, chosen at the first step
  bool short_ = false;          // headings and gaps for a narrow terminal
  int gap_ = 2;
  int frame_lines_ = 0;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/report/terminal.ipp>
#endif
