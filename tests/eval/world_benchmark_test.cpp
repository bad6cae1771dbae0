#include <visplay/eval/world_benchmark.hpp>
#include <visplay/world/grammar.hpp>
#include <visplay/world/render.hpp>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "support/temp_folder.hpp"
#include "support/tiny_checkpoint.hpp"

using namespace visplay;
using namespace visplay::testing;

namespace {

// A scene made by hand: a red circle in the north, a blue cross in the center.
world::Scene two_objects() {
  world::Scene scene;
  scene.objects = {{world::Color::red, world::Shape::circle, world::Place::north, {}},
                   {world::Color::blue, world::Shape::cross, world::Place::center, {}}};
  return scene;
}

JudgedQuestion labelled(const std::string& image, const std::string& question,
                        const std::string& label, LabelVerdict verdict = LabelVerdict::kept) {
  auto picture = std::make_shared<Image>();
  picture->source = image;
  JudgedQuestion judged;
  judged.voted.asked = {picture, {.text = question}};
  judged.voted.label = {.answer = label, .votes = 4, .majority = 3};
  judged.verdict = verdict;
  return judged;
}

double value(const Metrics& metrics, std::string_view name) {
  const double* found = find_metric(metrics, name);
  REQUIRE(found != nullptr);
  return *found;
}

// NaN equals NaN in print.
std::string to_text(const Metrics& metrics) {
  std::string text;
  for (const auto& [name, value] : metrics) text += fmt::format("{} {}\n", name, value);
  return text;
}

}  // namespace

TEST_CASE("label_truth counts right labels among the kept, and the kinds of all questions") {
  const SceneTruth truth{{"a.png", two_objects()}};
  const std::vector<JudgedQuestion> questions{
      labelled("a.png", "What color is the circle?", "red"),    // right
      labelled("a.png", "What color is the cross?", "red"),     // wrong
      labelled("a.png", "Where is the green square?", "none"),  // right, a false premise
      labelled("a.png", "what color is the circle", "blue", LabelVerdict::easy),  // not kept
      labelled("a.png", "Why?", "red"),                                           // no truth: wrong
      labelled("elsewhere.png", "What color is the circle?", "blue")};            // unknown picture
  const auto metrics = label_truth(questions, truth);
  CHECK(value(metrics, metric::eval_label_accuracy) == 2 / 4.);
  CHECK(value(metrics, metric::eval_false_premise_share) == 1 / 5.);
  CHECK(value(metrics, metric::eval_ungrammatical_share) == 1 / 5.);
  CHECK(value(metrics, metric::eval_question_variety) > 3 / 5.);
}

TEST_CASE("without a known picture every share is zero") {
  for (const auto& [name, share] : label_truth({}, {})) CHECK(share == 0);
}

TEST_CASE("a random model knows nothing of the world, and says so twice alike") {
  const test::TempFolder folder;
  write_tiny_checkpoint("qwen", folder / "");
  const auto policy = load_policy(folder / "");
  const WorldBenchmark benchmark{
      .questions = 8, .reasoner = {.prompt = "{question}"}, .sampling = {.max_new_tokens = 8}};
  const auto metrics = benchmark(policy, Rng(1));
  CHECK(value(metrics, metric::eval_greedy) == 0);
  CHECK(value(metrics, metric::eval_careful) == 0);
  CHECK(std::isnan(value(metrics, metric::eval_careful_accuracy)));  // no careful answer to count
  for (const auto family : world::family_names)
    CHECK(value(metrics, eval_family_name(family)) == 0);
  CHECK(to_text(metrics) == to_text(benchmark(policy, Rng(1))));
}
