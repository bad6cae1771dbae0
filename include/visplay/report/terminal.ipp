// Bodies of report/terminal.hpp.
#pragma once

#include <visplay/report/terminal.hpp>

#include <visplay/report/screen_text.hpp>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace visplay {
namespace detail {

enum class CellForm { fixed2, fixed3, fixed4, share, rate, count };

// A column of the table of steps. Its value is the first of `names` that the step reports.
struct StepColumn {
  std::string_view heading, short_heading;
  int width, short_width;
  int rank;  // columns of the highest rank go first where the terminal is narrow
  CellForm form;
  std::array<metric::Name, 2> names;
};

VISPLAY_INLINE std::span<const StepColumn> step_columns() {
  using F = CellForm;
  static constexpr std::array<StepColumn, 11> columns{{
      {"reward", "reward", 6, 6, 0, F::fixed3, {metric::reward, ""}},
      {"difficulty", "diff", 10, 5, 1, F::fixed3, {metric::questioner_difficulty, ""}},
      {"repeats", "rep", 7, 4, 5, F::share, {metric::questioner_cluster_share, ""}},
      {"valid", "valid", 5, 5, 1, F::share, {metric::questioner_valid, metric::label_valid}},
      {"confidence",
       "conf",
       10,
       4,
       1,
       F::fixed2,
       {metric::questioner_confidence, metric::label_confidence}},
      {"kept", "kept", 5, 4, 4, F::share, {metric::label_kept_share, ""}},
      {"careful", "care", 7, 4, 6, F::share, {metric::reasoner_careful, ""}},
      {"entropy", "entr", 7, 5, 2, F::fixed3, {metric::entropy, ""}},
      {"KL", "KL", 6, 6, 2, F::fixed4, {metric::kl, ""}},
      {"clipped", "clip", 7, 5, 2, F::share, {metric::clip_region, ""}},
      {"tokens/s", "tok/s", 8, 5, 3, F::rate, {metric::tokens_per_second, ""}},
  }};
  return columns;
}

// A column of the closing table.
struct SummaryColumn {
  std::string_view heading;
  CellForm form;
  metric::Name name;
};

VISPLAY_INLINE std::span<const SummaryColumn> summary_columns() {
  using F = CellForm;
  static constexpr std::array<SummaryColumn, 12> columns{{
      {"greedy", F::share, metric::eval_greedy},
      {"sampled", F::share, metric::eval_sampled},
      {"careful", F::share, metric::eval_careful},
      {"hallucination", F::share, metric::eval_hallucination},
      {"compositional", F::share, metric::eval_compositional},
      {"difficulty", F::fixed3, metric::questioner_difficulty},
      {"valid", F::share, metric::label_valid},
      {"confidence", F::fixed2, metric::label_confidence},
      {"labels kept", F::count, metric::label_kept},
      {"labels right", F::share, metric::eval_label_accuracy},
      {"agreement", F::share, metric::reasoner_agreement},
      {"tokens/s", F::rate, metric::tokens_per_second},
  }};
  return columns;
}

VISPLAY_INLINE std::string cell_text(double value, CellForm form) {
  if (!std::isfinite(value)) return "";
  switch (form) {
    case CellForm::fixed2:
      return fmt::format("{:.2f}", value);
    case CellForm::fixed3:
      return fmt::format("{:.3f}", value);
    case CellForm::fixed4:
      return fmt::format("{:.4f}", value);
    case CellForm::share:
      return value > 0 && value < 0.0995 ? fmt::format("{:.1f}%", 100 * value)
                                         : fmt::format("{:.0f}%", 100 * value);
    case CellForm::rate:
      return value < 9999.5 ? fmt::format("{:.0f}", value) : fmt::format("{:.1f}k", value / 1000);
    case CellForm::count:
      return fmt::format("{:.0f}", value);
  }
  return "";
}

VISPLAY_INLINE std::string step_cell(const StepColumn& column, const Metrics& metrics) {
  for (const metric::Name name : column.names)
    if (const double* value = name.empty() ? nullptr : find_metric(metrics, name))
      return cell_text(*value, column.form);
  return "";
}

// "Questioner" of "questioner".
VISPLAY_INLINE std::string phase_title(std::string_view phase) {
  std::string title(phase);
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') title[0] = char(title[0] - 'a' + 'A');
  return title;
}

constexpr std::string_view dim = "2", green = "32", yellow = "33", cyan = "36";

VISPLAY_INLINE std::string_view phase_color(std::string_view phase) {
  return phase == "questioner" ? cyan : phase == "reasoner" ? green : yellow;
}

// "red 6, blue 1, unparsed 1": answers by number of votes, the first voted first among equals.
VISPLAY_INLINE std::string tally(const QuestionRecord& record) {
  std::vector<std::pair<std::string, int>> counts;
  for (const auto& vote : record.votes) {
    const std::string name = vote.kind == VoteKind::parsed
                                 ? screen_line(vote.answer)
                                 : fmt::format("({})", name_of(vote.kind));
    const auto seen = std::ranges::find(counts, name, &std::pair<std::string, int>::first);
    if (seen == counts.end())
      counts.emplace_back(name, 1);
    else
      ++seen->second;
  }
  std::ranges::stable_sort(counts, std::greater{}, &std::pair<std::string, int>::second);
  std::string text;
  for (const auto& [name, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
  return text.empty() ? "none" : text;
}

VISPLAY_INLINE std::string verdict(const QuestionRecord& record) {
  const std::string label = record.label.empty() ? "no label" : screen_line(record.label);
  return fmt::format("{}, confidence {:.2f}: {}", label, record.confidence,
                     record.kept ? "kept" : screen_line(record.reason));
}

constexpr int iteration_width = 9, short_iteration_width = 4, phase_width = 10, step_width = 9,
              short_step_width = 7, time_width = 6;

}  // namespace detail

VISPLAY_INLINE TerminalStyle terminal_style(std::FILE* out) {
  const bool live = ::isatty(::fileno(out)) == 1;
  return {.live = live, .color = live, .unicode = live};
}

VISPLAY_INLINE Terminal::~Terminal() { end_phase(); }

VISPLAY_INLINE int Terminal::width() const {
  winsize size{};
  const int fd = style_.live ? ::fileno(out_) : -1;
  if (fd >= 0 && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return style_.width;
}

VISPLAY_INLINE std::string Terminal::paint(std::string_view text, std::string_view code) const {
  return style_.color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

VISPLAY_INLINE void Terminal::put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

VISPLAY_INLINE void Terminal::facts(std::span<const std::pair<std::string, std::string>> rows) {
  end_phase();
  int name_width = 0;
  for (const auto& [name, text] : rows) name_width = std::max(name_width, columns_of(name));
  std::string out = "\n";
  for (const auto& [name, text] : rows)
    out += fmt::format("  {}  {}\n", paint(fitted(name, name_width), detail::dim), text);
  put(out + "\n");
}

// One line of the table: the cells of three fixed columns, of the chosen ones, and the time.
VISPLAY_INLINE std::string Terminal::table_line(const std::array<std::string, 3>& first,
                                                const std::function<std::string(int)>& cell,
                                                std::string_view time) const {
  using namespace detail;
  const std::string gap(std::size_t(gap_), ' ');
  std::string line = "  " + fitted(first[0], short_ ? short_iteration_width : iteration_width) +
                     gap + fitted(first[1], phase_width) + gap +
                     fitted(first[2], short_ ? short_step_width : step_width);
  for (const int i : columns_) {
    const StepColumn& column = step_columns()[std::size_t(i)];
    line += gap + fitted(cell(i), short_ ? column.short_width : column.width, true);
  }
  return line + gap + fitted(time, time_width, true);
}

VISPLAY_INLINE std::string Terminal::heading() const {
  const auto name = [&](int i) {
    const auto& column = detail::step_columns()[std::size_t(i)];
    return std::string(short_ ? column.short_heading : column.heading);
  };
  return table_line({short_ ? "iter" : "iteration", "phase", "step"}, name, "time");
}

VISPLAY_INLINE std::string Terminal::row(const StepView& view) const {
  const auto value = [&](int i) {
    return detail::step_cell(detail::step_columns()[std::size_t(i)], view.metrics);
  };
  const std::string phase = detail::phase_title(view.phase);
  std::string line =
      table_line({fmt::format("{}{}{}", view.iteration, short_ ? "/" : " of ", view.iterations),
                  phase, fmt::format("{}/{}", view.step, view.steps)},
                 value, duration_text(phase_seconds_));
  if (const auto at = line.find(phase); !phase.empty() && at != std::string::npos)
    line.replace(at, phase.size(), paint(phase, detail::phase_color(view.phase)));
  return line;
}

VISPLAY_INLINE std::string Terminal::progress() const {
  const double left = running_->seconds_left.value_or(NAN), seconds = running_->seconds;
  const double done = std::isfinite(left) && seconds + left > 0 ? seconds / (seconds + left) : 0;
  const int bar = std::clamp(width() - 60, 10, 40);
  const int full = std::clamp(int(std::lround(done * bar)), 0, bar);
  std::string line = "  ", text;
  for (int i = 0; i < full; ++i) text += style_.unicode ? "\u2501" : "=";
  line += paint(text, detail::green);
  text.clear();
  for (int i = full; i < bar; ++i) text += style_.unicode ? "\u2500" : "-";
  line += paint(text, detail::dim) +
          fmt::format("  {:.0f}%  {} so far", 100 * done, duration_text(seconds));
  return std::isfinite(left) ? line + ", about " + duration_text(left) + " left" : line;
}

VISPLAY_INLINE std::vector<std::string> Terminal::question_lines() const {
  const auto line = [&](std::string_view name, const std::string& text, std::string_view color) {
    const std::string cut = shortened(text, std::max(width() - 14, 10));
    return fmt::format("  {}  {}", paint(fitted(name, 8), detail::dim),
                       color.empty() ? cut : paint(cut, color));
  };
  const QuestionRecord& q = *question_;
  const std::string image = q.image.empty() ? "" : "  (" + screen_line(q.image) + ")";
  return {line("question", screen_line(q.question) + image, ""),
          line("votes", detail::tally(q), ""),
          line("verdict", detail::verdict(q), q.kept ? detail::green : detail::yellow)};
}

VISPLAY_INLINE void Terminal::clear_frame() {
  if (frame_lines_ > 0) put(fmt::format("\x1b[{}A\r\x1b[J", frame_lines_));
  frame_lines_ = 0;
}

VISPLAY_INLINE void Terminal::repaint() {
  std::vector<std::string> lines{row(*running_), ""};
  if (question_) {
    for (std::string& line : question_lines()) lines.push_back(std::move(line));
    lines.emplace_back();
  }
  lines.push_back(progress());
  std::string out = frame_lines_ > 0 ? fmt::format("\x1b[{}A\r", frame_lines_) : "";
  for (const std::string& line : lines) out += line + "\x1b[K\n";
  put(out + "\x1b[J");
  frame_lines_ = int(lines.size());
}

VISPLAY_INLINE void Terminal::step(const StepView& view) {
  const bool same_phase =
      running_ && running_->phase == view.phase && running_->iteration == view.iteration;
  if (!same_phase) {
    end_phase();
    question_.reset();
  }
  running_ = view;
  for (const auto& [name, value] : view.metrics)
    if (std::isfinite(value)) {
      sums_[name].first += value;
      ++sums_[name].second;
    }
  if (const double* seconds = find_metric(view.metrics, metric::time_step))
    phase_seconds_ += *seconds;
  if (!style_.live) return plain_step(view);
  if (columns_.empty()) {
    choose_columns();
    put(paint(heading(), detail::dim) + "\n");
  }
  repaint();
}

VISPLAY_INLINE void Terminal::choose_columns() {
  const auto all = detail::step_columns();
  columns_.resize(all.size());
  std::iota(columns_.begin(), columns_.end(), 0);
  const auto fits = [&] { return columns_of(heading()) <= width(); };
  short_ = false;
  gap_ = 2;
  if (fits()) return;
  short_ = true;
  if (fits()) return;
  gap_ = 1;
  while (!fits() && columns_.size() > 1)
    columns_.erase(
        std::ranges::max_element(columns_, {}, [&](int i) { return all[std::size_t(i)].rank; }));
}

VISPLAY_INLINE void Terminal::plain_step(const StepView& view) {
  std::string line = fmt::format("iteration {}/{}  {}  step {}/{}", view.iteration, view.iterations,
                                 view.phase, view.step, view.steps);
  for (const auto& column : detail::step_columns())
    if (const std::string cell = detail::step_cell(column, view.metrics); !cell.empty())
      line += fmt::format("  {} {}", column.heading, cell);
  if (view.seconds_left) line += fmt::format("  {} left", duration_text(*view.seconds_left));
  put(line + "\n");
}

VISPLAY_INLINE void Terminal::question(const QuestionRecord& record) {
  question_ = record;
  if (style_.live && running_) return repaint();
  put(fmt::format("  question: {}  votes: {}  verdict: {}\n", screen_line(record.question),
                  detail::tally(record), detail::verdict(record)));
}

VISPLAY_INLINE void Terminal::note(std::string_view text) {
  if (running_ && running_->step >= running_->steps) end_phase();
  clear_frame();
  put(fmt::format("  {}\n", paint(text, detail::dim)));
  if (style_.live && running_) repaint();
}

VISPLAY_INLINE StepView Terminal::phase_means() const {
  StepView means = *running_;
  means.metrics.clear();
  for (const auto& [name, sum] : sums_) means.metrics.push_back({name, sum.first / sum.second});
  return means;
}

VISPLAY_INLINE void Terminal::end_phase() {
  if (!running_) return;
  if (style_.live) {
    clear_frame();
    put(row(phase_means()) + "\n");
  }
  running_.reset();
  sums_.clear();
  phase_seconds_ = 0;
}

VISPLAY_INLINE void Terminal::summary(std::span<const IterationView> rows) {
  end_phase();
  std::string head = "  " + fitted("iteration", 9);
  std::vector<std::string> lines;
  for (const auto& view : rows) lines.push_back("  " + fitted(view.name, 9));
  for (const auto& column : detail::summary_columns()) {
    const auto value = [&](const IterationView& view) {
      return find_metric(view.metrics, column.name);
    };
    if (std::ranges::none_of(rows, value)) continue;
    const int columns = std::max(columns_of(column.heading), 6);
    if (columns_of(head) + 2 + columns > std::max(width(), 60)) break;
    head += "  " + fitted(column.heading, columns, true);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double* x = value(rows[i]);
      const bool accuracy = column.form == detail::CellForm::share;
      const std::string cell = !x         ? ""
                               : accuracy ? fmt::format("{:.1f}%", 100 * *x)
                                          : detail::cell_text(*x, column.form);
      lines[i] += "  " + fitted(cell, columns, true);
    }
  }
  std::string out = fmt::format("\n{}\n", paint(head, detail::dim));
  for (const std::string& line : lines) out += line + "\n";
  put(out);
}

}  // namespace visplay
