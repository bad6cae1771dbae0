#include <visplay/rollout/scripted_engine.hpp>

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace visplay;

TEST_CASE("every prompt gets its n completions, each with randomness of its own") {
  ScriptedEngine engine{[](const Prompt& prompt, Rng rng) {
    return Completion{.text = prompt.text + std::to_string(rng.below(1'000'000))};
  }};
  const std::vector<Prompt> prompts{{.text = "a"}, {.text = "b"}};
  const auto groups = engine.generate(prompts, {.n = 3}, Rng(1));
  REQUIRE(groups.size() == 2);
  for (std::size_t p = 0; p < 2; ++p) {
    REQUIRE(groups[p].completions.size() == 3);
    CHECK(groups[p].prompt.text == prompts[p].text);
    CHECK(groups[p].completions[0].text[0] == prompts[p].text[0]);
  }
  CHECK(groups[0].completions[0].text != groups[0].completions[1].text);
  CHECK(engine.generate(prompts, {.n = 3}, Rng(1))[1].completions[2].text ==
        groups[1].completions[2].text);
  CHECK(engine.generate(prompts, {.n = 3}, Rng(2))[1].completions[2].text !=
        groups[1].completions[2].text);
  CHECK(engine.generate({}, {}, Rng(1)).empty());
}

TEST_CASE("sampling parameters out of range are named") {
  CHECK_NOTHROW(validate({}));
  CHECK_NOTHROW(validate({.temperature = 0}));
  CHECK_THROWS_AS(validate({.temperature = -1}), UsageError);
  CHECK_THROWS_AS(validate({.temperature = std::numeric_limits<double>::quiet_NaN()}), UsageError);
  CHECK_THROWS_AS(validate({.top_p = 0}), UsageError);
  CHECK_THROWS_AS(validate({.top_p = 1.5}), UsageError);
  CHECK_THROWS_AS(validate({.top_k = -1}), UsageError);
  CHECK_THROWS_AS(validate({.max_new_tokens = 0}), UsageError);
  CHECK_THROWS_AS(validate({.n = 0}), UsageError);
}
