#include <visplay/report/terminal.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;

namespace {

// What a Terminal wrote.
std::string written(const TerminalStyle& style, const std::function<void(Terminal&)>& use) {
  char* data = nullptr;
  std::size_t size = 0;
  std::FILE* out = ::open_memstream(&data, &size);
  {
    Terminal screen(out, style);
    use(screen);
  }
  std::fclose(out);
  std::string text(data, size);
  std::free(data);
  return text;
}

// The lines a terminal shows after that output: cursor up, carriage return, clearing.
std::vector<std::string> shown(const std::string& output) {
  std::vector<std::string> lines(1);
  std::size_t row = 0, column = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    if (output[i] == '\x1b') {
      const std::size_t end = output.find_first_of("ABCDJKm", i);
      const int number = std::atoi(output.c_str() + i + 2);
      if (output[end] == 'A') row -= std::size_t(number);
      if (output[end] == 'K') lines[row].resize(column);
      if (output[end] == 'J') {
        lines[row].resize(column);
        lines.resize(row + 1);
      }
      i = end;
    } else if (output[i] == '\n') {
      if (++row == lines.size()) lines.emplace_back();
      column = 0;
    } else if (output[i] == '\r') {
      column = 0;
    } else {
      lines[row].resize(std::max(lines[row].size(), column + 1), ' ');
      lines[row][column++] = output[i];
    }
  }
  return lines;
}

StepView step_of(const std::string& phase, int step, double reward) {
  return {.iteration = 1,
          .iterations = 3,
          .phase = phase,
          .step = step,
          .steps = 4,
          .metrics = {{std::string(metric::reward), reward},
                      {std::string(metric::kl), 0.0021},
                      {std::string(metric::tokens_per_second), 13'240},
                      {std::string(metric::time_step), 30}},
          .seconds = 30. * step,
          .seconds_left = 95};
}

QuestionRecord sample_question() {
  return {.iteration = 1,
          .phase = "questioner",
          .step = 1,
          .image = "7.png",
          .question = "What \x1b[2J color?",
          .votes = {{"", VoteKind::parsed, "blue"},
                    {"", VoteKind::parsed, "red"},
                    {"", VoteKind::truncated, ""},
                    {"", VoteKind::parsed, "red"}},
          .label = "red",
          .confidence = 0.5,
          .kept = true,
          .reason = "kept"};
}

}  // namespace

TEST_CASE("piped output is one plain line per step") {
  const std::string text = written({}, [](Terminal& screen) {
    screen.step(step_of("questioner", 1, 0.4));
    screen.step(step_of("reasoner", 1, 0.5));
  });
  CHECK(
      text ==
      "iteration 1/3  questioner  step 1/4  reward 0.400  KL 0.0021  tokens/s 13.2k  1m 35s "
      "left\n"
      "iteration 1/3  reasoner  step 1/4  reward 0.500  KL 0.0021  tokens/s 13.2k  1m 35s left\n");
}

TEST_CASE("a question is shown with its votes and verdict, and its text cannot move the cursor") {
  const std::string text =
      written({}, [](Terminal& screen) { screen.question(sample_question()); });
  CHECK(text ==
        "  question: What ?[2J color?  votes: red 2, blue 1, (truncated) 1  verdict: red, "
        "confidence 0.50: kept\n");
}

TEST_CASE("a live table keeps one row per phase, the running one repainted") {
  const TerminalStyle style{.live = true, .color = true, .width = 150};
  const std::string text = written(style, [](Terminal& screen) {
    screen.step(step_of("questioner", 1, 0.2));
    screen.question(sample_question());
    screen.step(step_of("questioner", 2, 0.4));
    screen.note("a note in between");
    screen.step(step_of("reasoner", 1, 0.5));
  });
  const auto lines = shown(text);
  REQUIRE(lines.size() == 5);  // the last one is the empty line of the cursor
  CHECK_THAT(lines[0], ContainsSubstring("iteration  phase       step") &&
                           ContainsSubstring("reward  difficulty"));
  CHECK(lines[1] == "  a note in between");
  CHECK_THAT(lines[2], ContainsSubstring("1 of 3     Questioner  2/4") &&
                           ContainsSubstring("0.300") && ContainsSubstring("1m 00s"));
  CHECK_THAT(lines[3], ContainsSubstring("Reasoner    1/4") && ContainsSubstring("0.500"));
}

TEST_CASE("while a phase runs, its last question and the progress stand below the table") {
  const TerminalStyle style{.live = true, .width = 150};
  std::vector<std::string> lines;
  char* data = nullptr;
  std::size_t size = 0;
  std::FILE* out = ::open_memstream(&data, &size);
  {
    Terminal screen(out, style);
    screen.step(step_of("questioner", 1, 0.2));
    screen.question(sample_question());
    screen.step(step_of("questioner", 2, 0.4));
    std::fflush(out);
    lines = shown(std::string(data, size));
  }
  std::fclose(out);
  std::free(data);
  REQUIRE(lines.size() == 9);
  CHECK_THAT(lines[1], ContainsSubstring("0.400"));
  CHECK(lines[3] == "  question  What ?[2J color?  (7.png)");
  CHECK(lines[4] == "  votes     red 2, blue 1, (truncated) 1");
  CHECK(lines[5] == "  verdict   red, confidence 0.50: kept");
  CHECK_THAT(lines[7], ContainsSubstring("39%  1m 00s so far, about 1m 35s left"));
}

TEST_CASE("no line is wider than the terminal, however narrow") {
  for (const int width : {60, 80, 100, 120, 200}) {
    CAPTURE(width);
    const TerminalStyle style{.live = true, .width = width};
    const std::string text = written(style, [](Terminal& screen) {
      screen.step(step_of("questioner", 1, 0.2));
      auto question = sample_question();
      question.question = std::string(500, 'x');
      screen.question(question);
      screen.summary(std::vector<IterationView>{{"base", {{"eval/greedy_accuracy", 0.5}}}});
    });
    for (const std::string& line : shown(text)) CHECK(line.size() <= std::size_t(width));
  }
}

TEST_CASE("the summary has a column for each metric that any iteration has") {
  const std::string text = written({}, [](Terminal& screen) {
    screen.summary(
        std::vector<IterationView>{{"base", {{"eval/greedy_accuracy", 0.392}}},
                                   {"1", {{"eval/greedy_accuracy", 0.665}, {"label/kept", 612}}}});
  });
  CHECK(text ==
        "\n"
        "  iteration  greedy  labels kept\n"
        "  base        39.2%             \n"
        "  1           66.5%          612\n");
}
