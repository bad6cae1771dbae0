#include <visplay/reward/diversity.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/golden.hpp"

#include <visplay/core/rng.hpp>

#include <algorithm>

using namespace visplay;

namespace {

QuestionSample asked(std::int64_t group, std::string text) {
  QuestionSample sample{.group = group};
  if (!text.empty()) sample.question = Question{.text = std::move(text)};
  return sample;
}

QuestionClusters clusters_of(const std::vector<QuestionSample>& batch, Diversity diversity = {}) {
  ThreadPool pool(2);
  return diversity.clusters(std::span<const QuestionSample>(batch), pool);
}

}  // namespace

TEST_CASE("clusters of questions are those of the authors' nltk and scikit-learn code") {
  const auto golden = testing::golden("clusters.json");
  REQUIRE(golden["questions"].size() >= 40);
  for (const auto& example : golden["questions"]) {
    std::vector<QuestionSample> batch;
    for (const auto& text : example["texts"]) batch.push_back(asked(7, text));
    const auto labels = example["labels"].get<std::vector<int>>();
    INFO(example.dump());
    const auto found = clusters_of(batch, {.scope = Diversity::Scope::batch});
    CHECK(found.cluster == labels);
    for (std::size_t i = 0; i < labels.size(); ++i)
      CHECK(found.share[i] ==
            float(double(std::ranges::count(labels, labels[i])) / double(labels.size())));
  }
}

TEST_CASE("a question pays for its like in its own group, of which all members count") {
  const std::vector<QuestionSample> batch{
      asked(1, "What color is the circle?"), asked(2, "What color is the circle?"),
      asked(1, "How many crosses are there?"), asked(1, "What color is the circle?"), asked(1, "")};
  const auto found = clusters_of(batch);
  CHECK(found.cluster == std::vector{0, 1, 2, 0, QuestionClusters::none});
  CHECK(found.share == std::vector<float>{0.5f, 1.f, 0.25f, 0.5f, 0.f});
}

TEST_CASE("over the whole batch groups do not matter, and malformed ones are alone") {
  const std::vector<QuestionSample> batch{asked(1, "What color is the circle?"),
                                          asked(2, "What color is the circle?"), asked(1, ""),
                                          asked(2, "")};
  const auto found = clusters_of(batch, {.scope = Diversity::Scope::batch});
  CHECK(found.cluster == std::vector{0, 0, 1, 2});
  CHECK(found.share == std::vector<float>{0.5f, 0.5f, 0.25f, 0.25f});
}

TEST_CASE("shares lie in (0, 1] and do not depend on the order of distinct questions") {
  std::vector<QuestionSample> batch;
  for (const int group : {1, 2})
    for (const char* text : {"What color is the circle?", "What color is the circle?",
                             "Is there a red cross?", "How many squares are there?",
                             "What shape is in the north?", "What color is the circle?"})
      batch.push_back(asked(group, text));
  Rng rng(5);
  for (int again = 0; again < 20; ++again) {
    const auto found = clusters_of(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const bool circle = batch[i].question->text == "What color is the circle?";
      CHECK(found.share[i] == (circle ? 0.5f : float(1. / 6)));
    }
    rng.shuffle(batch);
  }
}

TEST_CASE("an empty batch has no clusters") { CHECK(clusters_of({}).cluster.empty()); }
