#include <visplay/core/error.hpp>
#include <visplay/world/annotator.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <set>

using namespace visplay;
using namespace visplay::world;

namespace {

const Scene two{.seed = 0,
                .objects = {{Color::red, Shape::circle, Place::northwest},
                            {Color::blue, Shape::cross, Place::center}}};

std::string boxed(const std::string& completion) {
  const auto open = completion.find("\\boxed{") + 7;
  return completion.substr(open, completion.size() - open - 1);
}

}  // namespace

TEST_CASE("a careful annotator says what it sees, then answers") {
  CHECK(careful_answer(two, "What color is the circle?") ==
        "<think>red circle northwest, blue cross center. What color is the circle?</think>"
        "\\boxed{red}");
  CHECK(careful_answer(two, "Where is the green circle?") ==
        "<think>red circle northwest, blue cross center. Where is the green circle?</think>"
        "\\boxed{none}");
}

TEST_CASE("a hasty annotator without noise is right, and says nothing before its answer") {
  const HastyNoise sharp{.recolor = 0, .reshape = 0, .move = 0, .miss = 0};
  CHECK(hasty_answer(two, "What color is the circle?", Rng(1), sharp) ==
        "<think></think>\\boxed{red}");
}

TEST_CASE("a hasty look errs as often as its parameters say") {
  int objects = 0, missed = 0, recolored = 0, reshaped = 0, moved = 0;
  constexpr int looks = 20000;
  for (int i = 0; i < looks; ++i) {
    const Scene seen = misperceive(
        {.seed = 0, .objects = {{Color::red, Shape::circle, Place::north}}}, Rng(std::uint64_t(i)));
    missed += seen.objects.empty();
    for (const Object& object : seen.objects) {
      ++objects;
      recolored += object.color != Color::red;
      reshaped += object.shape != Shape::circle;
      moved += object.place != Place::north;
    }
  }
  const auto share = [](int count, int of) { return double(count) / of; };
  CHECK(std::abs(share(missed, looks) - 0.1) < 0.011);
  // Drawn again, five of six colors and four of five shapes differ from before.
  CHECK(std::abs(share(recolored, objects) - 0.35 * 5 / 6) < 0.018);
  CHECK(std::abs(share(reshaped, objects) - 0.35 * 4 / 5) < 0.018);
  CHECK(std::abs(share(moved, objects) - 0.25) < 0.018);
}

TEST_CASE("a hasty look never puts two objects in one place") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const Scene seen = misperceive(make_scene(seed), Rng(seed), {.move = 1});
    std::set<Place> places;
    for (const Object& object : seen.objects) places.insert(object.place);
    CHECK(places.size() == seen.objects.size());
  }
}

TEST_CASE("an annotator that does not refuse guesses an answer of the family") {
  std::set<std::string> said;
  for (std::uint64_t i = 0; i < 500; ++i)
    said.insert(boxed(hasty_answer(two, "Where is the green triangle?", Rng(i), {.refuse = 0})));
  CHECK_FALSE(said.contains("none"));
  CHECK(said.size() == place_names.size());
}

TEST_CASE("hasty answers are right far less often than careful ones and scatter") {
  int right = 0, most_common_right = 0;
  constexpr int questions = 600;
  for (std::uint64_t seed = 0; seed < questions; ++seed) {
    const Scene scene = make_scene(seed);
    const Ask ask = random_ask(scene, Rng(seed), 0);
    const std::string question = text_of(ask), truth = truth_of(scene, ask).answer;
    CHECK(boxed(careful_answer(scene, question)) == truth);
    std::map<std::string, int> votes;
    for (std::uint64_t i = 0; i < 8; ++i)
      ++votes[boxed(hasty_answer(scene, question, Rng(seed).fork("vote", i)))];
    right += votes[truth];
    int most = 0;
    for (const auto& [answer, count] : votes) most = std::max(most, count);
    most_common_right += votes[truth] == most;
  }
  const double accuracy = right / (8. * questions);
  CHECK((0.3 < accuracy && accuracy < 0.6));
  CHECK(most_common_right > right / 8);  // the errors do not agree with each other
}

TEST_CASE("question lines name their family, and families and false premises have their shares") {
  CHECK(question_completion({.family = Family::color, .target = {.shape = Shape::circle}}) ==
        "<type>color</type><question>What color is the circle?</question>");
  std::map<Family, int> families;
  std::map<std::string, int> answers;
  constexpr int lines = 16000;
  int refused = 0;
  for (std::uint64_t seed = 0; seed < lines; ++seed) {
    const Scene scene = make_scene(seed);
    const Ask ask = random_ask(scene, Rng(seed).fork("line"), 0.11);
    ++families[ask.family];
    refused += truth_of(scene, ask).status != TruthStatus::answered;
  }
  CHECK(std::abs(double(refused) / lines - 0.11) < 0.012);
  for (int f = 0; f < 8; ++f) CHECK(std::abs(8. * families[Family(f)] / lines - 1) < 0.12);
}

TEST_CASE("lessons come in the shares of the mix") {
  std::map<Annotator, int> lessons;
  constexpr int count = 4000;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Lesson lesson =
        random_lesson(make_scene(i), Rng(i), {.careful = 1, .hasty = 2, .questioner = 1});
    ++lessons[lesson.annotator];
    const bool asks = lesson.completion.starts_with("<type>");
    const bool hasty = lesson.completion.starts_with("<think></think>");
    CHECK(asks == (lesson.annotator == Annotator::questioner));
    CHECK(hasty == (lesson.annotator == Annotator::hasty));
    CHECK((lesson.prompt == questioner_prompt) == asks);
  }
  CHECK(std::abs(lessons[Annotator::hasty] - count / 2) < 160);
  CHECK(std::abs(lessons[Annotator::careful] - count / 4) < 140);
}

TEST_CASE("wrong use is one sentence") {
  CHECK_THROWS_AS(careful_answer(two, "Hello?"), Error);
  CHECK_THROWS_AS(random_lesson(two, Rng(1), {.careful = 0, .hasty = 0, .questioner = 0}), Error);
  CHECK_THROWS_AS(random_lesson(two, Rng(1), {.careful = -1}), Error);
  CHECK_THROWS_AS(random_ask(two, Rng(1), 0.9), Error);
  CHECK_THROWS_AS(random_ask({}, Rng(1), 0.1), Error);
}
