#include <visplay/world/grammar.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <map>
#include <set>

using namespace visplay;
using namespace visplay::world;

namespace {

Scene scene_of(const std::vector<Object>& objects) { return {.seed = 0, .objects = objects}; }

/// A red circle northwest, a blue cross center, two green squares in the southern corners.
Scene small_scene() {
  return scene_of({{Color::red, Shape::circle, Place::northwest},
                   {Color::blue, Shape::cross, Place::center},
                   {Color::green, Shape::square, Place::southwest},
                   {Color::green, Shape::square, Place::southeast}});
}

std::string answer(std::string_view question) { return truth_of(small_scene(), question).answer; }

}  // namespace

TEST_CASE("truths agree with a second truth program over 1,200 questions") {
  // tests/golden/make/world_truth.py
  std::ifstream file(VISPLAY_SOURCE_DIR "/tests/golden/world_truth.json");
  const auto golden = nlohmann::json::parse(file);
  std::vector<Scene> scenes;
  for (const auto& objects : golden["scenes"]) {
    scenes.emplace_back();
    for (const auto& o : objects)
      scenes.back().objects.push_back({*color_named(o["color"].get<std::string>()),
                                       *shape_named(o["shape"].get<std::string>()),
                                       *place_named(o["place"].get<std::string>())});
  }
  REQUIRE(golden["cases"].size() == 1200);
  for (const auto& item : golden["cases"]) {
    const auto question = item["question"].get<std::string>();
    INFO(question);
    CHECK(truth_of(scenes[item["scene"].get<std::size_t>()], question).answer == item["answer"]);
  }
}

TEST_CASE("each family is answered from the scene") {
  CHECK(answer("What color is the circle?") == "red");
  CHECK(answer("What color is the shape in the center?") == "blue");
  CHECK(answer("What shape is blue?") == "cross");
  CHECK(answer("What shape is in the southeast?") == "square");
  CHECK(answer("How many squares are there?") == "2");
  CHECK(answer("How many red shapes are there?") == "1");
  CHECK(answer("Is there a blue cross?") == "yes");
  CHECK(answer("Is there an orange cross?") == "no");
  CHECK(answer("Where is the red circle?") == "northwest");
  CHECK(answer("Is the red circle left of the blue cross?") == "yes");
  CHECK(answer("Is the red circle below the blue cross?") == "no");
}

TEST_CASE("an absent target makes the answer none, several make it many, none first") {
  const auto truth = [](std::string_view question) { return truth_of(small_scene(), question); };
  const Truth none{TruthStatus::false_premise, "none"}, many{TruthStatus::ambiguous, "many"};
  CHECK(truth("What color is the triangle?") == none);
  CHECK(truth("What shape is in the north?") == none);
  CHECK(truth("Where is the green square?") == many);
  CHECK(truth("What color is the shape?") == many);
  CHECK(truth("Is the green square above the red circle?") == many);
  CHECK(truth("Is the green square above the red diamond?") == none);
  CHECK(truth("How many triangles are there?") == Truth{TruthStatus::answered, "0"});
}

TEST_CASE("a relation compares columns or rows, and the same one is neither left nor right") {
  const Scene scene = scene_of(
      {{Color::red, Shape::circle, Place::north}, {Color::blue, Shape::cross, Place::south}});
  for (const auto side : {"left of", "right of"})
    CHECK(truth_of(scene, std::string("Is the red circle ") + side + " the blue cross?").answer ==
          "no");
  CHECK(truth_of(scene, "Is the red circle above the blue cross?").answer == "yes");
}

TEST_CASE("a text outside the grammar has no truth") {
  for (const std::string question :
       {"", "?", "What color is the?", "What color is the pink circle?", "Is there a red?",
        "How many circle are there?", "Where is the red circle? Where?", "What shape is",
        "Is the red circle left the blue cross?", "What color is the circle in the north?",
        "Is there a circle red?", "How many circles", "What color is the shape in the sky?",
        "\xFF\xFE\x80 circle", "What color is the circle??"}) {
    INFO(question);
    CHECK(truth_of(small_scene(), question) == Truth{});
  }
  CHECK_FALSE(parse(std::string(1'000'000, 'a')));
}

TEST_CASE("case, spacing and the question mark do not matter") {
  CHECK(answer("  what COLOR\tis the  circle ") == "red");
  CHECK(answer("What color is the circle ?") == "red");
}

TEST_CASE("generated questions parse back to themselves and keep what was asked for") {
  std::map<Family, int> made;
  for (std::uint64_t seed = 0; seed < 300; ++seed)
    for (int f = 0; f < 8; ++f)
      for (const Premise premise : {Premise::holds, Premise::absent, Premise::several}) {
        const Scene scene = make_scene(seed);
        const auto ask = random_question(scene, Rng(seed), Family(f), {.premise = premise});
        if (!ask) continue;
        ++made[Family(f)];
        const std::string text = text_of(*ask);
        INFO(text);
        REQUIRE(parse(text) == ask);
        const Truth truth = truth_of(scene, text);
        const bool exists_or_count = Family(f) == Family::exists || Family(f) == Family::count;
        if (premise == Premise::holds) CHECK(truth.status == TruthStatus::answered);
        if (premise == Premise::absent)
          CHECK(truth.answer == (Family(f) == Family::exists  ? "no"
                                 : Family(f) == Family::count ? "0"
                                                              : "none"));
        if (premise == Premise::several) {
          CHECK(truth.answer == "many");
          CHECK_FALSE(exists_or_count);
        }
      }
  for (int f = 0; f < 8; ++f) CHECK(made[Family(f)] > 300);
}

TEST_CASE("questions about seen pairs never name an unseen one, and the other way round") {
  for (std::uint64_t seed = 0; seed < 300; ++seed)
    for (const Family family : {Family::exists, Family::where, Family::relation}) {
      const auto unseen = [](const Target& t) { return is_unseen(*t.color, *t.shape); };
      const bool relation = family == Family::relation;
      if (const auto ask = random_question(make_scene(seed), Rng(seed), family)) {
        CHECK_FALSE(unseen(ask->target));
        if (relation) CHECK_FALSE(unseen(ask->other));
      }
      const Scene scene = make_scene(seed, {.pairs = Pairs::unseen});
      if (const auto ask = random_question(scene, Rng(seed), family, {.about = Pairs::unseen}))
        CHECK((unseen(ask->target) || (relation && unseen(ask->other))));
    }
}

TEST_CASE("yes and no come equally often, and an answer asked for is kept") {
  int yes = 0, asked = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Scene scene = make_scene(seed);
    const auto ask = random_question(scene, Rng(seed), Family::exists);
    REQUIRE(ask);
    yes += truth_of(scene, *ask).answer == "yes";
    if (const auto two = random_question(scene, Rng(seed), Family::count, {.answer = "2"})) {
      ++asked;
      CHECK(truth_of(scene, *two).answer == "2");
    }
  }
  CHECK(std::abs(yes - 1000) < 112);  // five standard deviations
  CHECK(asked > 500);
}

TEST_CASE("every truth is an answer of its family, none or many") {
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    for (int f = 0; f < 8; ++f) {
      const Scene scene = make_scene(seed);
      const auto ask = random_question(scene, Rng(seed), Family(f));
      if (!ask) continue;
      const auto answers = answers_of(Family(f));
      CHECK(std::ranges::find(answers, truth_of(scene, *ask).answer) != answers.end());
    }
}
