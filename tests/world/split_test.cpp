#include <visplay/core/error.hpp>
#include <visplay/world/split.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace visplay;
using namespace visplay::world;

namespace {

using Counts = std::map<std::string, int>;

Counts count_by(const std::vector<TestItem>& items, auto&& key) {
  Counts counts;
  for (const TestItem& item : items) ++counts[std::string(key(item))];
  return counts;
}

Counts answers_in(const std::vector<TestItem>& items, Family family) {
  Counts counts;
  for (const TestItem& item : items)
    if (item.family == family) ++counts[item.answer];
  return counts;
}

std::string_view family_of(const TestItem& item) { return name_of(item.family); }

}  // namespace

TEST_CASE("every item's answer is the truth about its scene, one scene an item") {
  for (const TestKind kind : {TestKind::held_out, TestKind::hallucination, TestKind::false_premise,
                              TestKind::compositional}) {
    const auto items = test_items(kind, 240, test_seeds);
    REQUIRE(items.size() == 240);
    std::set<std::uint64_t> seeds;
    for (const TestItem& item : items) {
      CHECK(item.kind == kind);
      CHECK(item.scene_seed >= test_seeds);
      CHECK(truth_of(scene_of(item), item.question).answer == item.answer);
      CHECK(parse(item.question)->family == item.family);
      seeds.insert(item.scene_seed);
    }
    CHECK(seeds.size() == items.size());
  }
}

TEST_CASE("held-out items are balanced over families and over yes and no, with true premises") {
  const auto items = held_out(800, test_seeds);
  for (const auto& [family, count] : count_by(items, family_of)) CHECK(count == 100);
  CHECK(answers_in(items, Family::exists) == Counts{{"no", 50}, {"yes", 50}});
  CHECK(answers_in(items, Family::relation) == Counts{{"no", 50}, {"yes", 50}});
  for (const TestItem& item : items) {
    CHECK(truth_of(scene_of(item), item.question).status == TruthStatus::answered);
    for (const Object& object : scene_of(item).objects)
      CHECK_FALSE(is_unseen(object.color, object.shape));
  }
}

TEST_CASE("no answer of a held-out family is far more common than its fair share") {
  const auto items = held_out(4000, tuning_seeds);
  for (int f = 0; f < 8; ++f) {
    const Counts counts = answers_in(items, Family(f));
    const double fair = 500. / double(answers_of(Family(f)).size());
    for (const auto& [answer, count] : counts) {
      INFO(name_of(Family(f)) << " " << answer << " " << count);
      CHECK(count < (Family(f) == Family::count ? 3 : 1.4) * fair);
    }
  }
}

TEST_CASE("hallucination items ask about what is absent") {
  const auto items = hallucination(300, test_seeds);
  CHECK(count_by(items, family_of) == Counts{{"color", 100}, {"exists", 100}, {"where", 100}});
  for (const TestItem& item : items)
    CHECK(item.answer == (item.family == Family::exists ? "no" : "none"));
}

TEST_CASE("false-premise items are none or many, over the six families that can fail") {
  const auto items = false_premise(300, test_seeds);
  const Counts answers = count_by(items, [](const TestItem& item) { return item.answer; });
  CHECK(answers == Counts{{"many", 120}, {"none", 180}});
  CHECK(count_by(items, family_of).size() == 6);
}

TEST_CASE("compositional items ask about unseen pairs only") {
  const auto items = compositional(280, test_seeds);
  const Counts families = count_by(items, family_of);
  CHECK(families.size() == 7);
  for (const auto& [family, count] : families) CHECK(count == 40);
  CHECK(answers_in(items, Family::exists) == Counts{{"no", 20}, {"yes", 20}});
  for (const TestItem& item : items) {
    const Ask ask = *parse(item.question);
    if (item.family == Family::exists || item.family == Family::where)
      CHECK(is_unseen(*ask.target.color, *ask.target.shape));
    if (item.family == Family::color)
      CHECK(is_unseen(*color_named(item.answer), *ask.target.shape));
    if (item.family == Family::shape)
      CHECK(is_unseen(*ask.target.color, *shape_named(item.answer)));
  }
}

TEST_CASE("a longer set begins with the shorter one, and nothing is as easy as an empty one") {
  const auto few = held_out(50, test_seeds), more = held_out(90, test_seeds);
  CHECK(std::equal(few.begin(), few.end(), more.begin(), [](const TestItem& a, const TestItem& b) {
    return a.scene_seed == b.scene_seed && a.question == b.question;
  }));
  CHECK(held_out(0, test_seeds).empty());
  CHECK_THROWS_AS(held_out(-1, test_seeds), Error);
}
