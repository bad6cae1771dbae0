// The conformance suite of rollout engines: run it on your own in a Catch2 test.
//
//   #include "conformance/engine.hpp"
//   TEST_CASE("my engine keeps the contract") { conformance::check_engine(engine, prompts); }
//
// What it shows: one group per prompt, in order, with n completions; the same Rng gives the same
// completions and another one others; what a prompt is answered does not depend on the prompts after
// it; no prompts, no groups; nothing is longer than max_new_tokens; wrong parameters are a UsageError.
// Prompts are compared by their texts.
#pragma once

#include <visplay/rollout/engine.hpp>

#include <catch2/catch_test_macros.hpp>

#include <span>
#include <string>
#include <vector>

namespace visplay::conformance {

namespace detail {
inline std::vector<std::string> texts_of(const std::vector<RolloutGroup>& groups) {
  std::vector<std::string> texts;
  for (const auto& group : groups)
    for (const auto& completion : group.completions) texts.push_back(completion.text);
  return texts;
}
}  // namespace detail

/// @param prompts  two or more that the engine does not answer the same way every time
template <class Engine>
void check_engine(Engine& engine, std::span<const Prompt> prompts, SamplingParams params = {}) {
  static_assert(RolloutEngine<Engine>,
                "a rollout engine is a struct with std::vector<RolloutGroup> "
                "generate(std::span<const Prompt>, const SamplingParams&, Rng)");
  REQUIRE(prompts.size() >= 2);
  params.n = 6;
  const auto groups = engine.generate(prompts, params, Rng(3));
  REQUIRE(groups.size() == prompts.size());
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    CHECK(groups[p].prompt.text == prompts[p].text);
    CHECK(groups[p].completions.size() == std::size_t(params.n));
    for (const auto& completion : groups[p].completions) {
      CHECK(completion.token_ids.size() <= std::size_t(params.max_new_tokens));
      CHECK(completion.log_probs.size() == completion.token_ids.size());
    }
  }
  const auto texts = detail::texts_of(groups);
  CHECK(detail::texts_of(engine.generate(prompts, params, Rng(3))) == texts);
  CHECK(detail::texts_of(engine.generate(prompts, params, Rng(4))) != texts);
  const auto fewer =
      detail::texts_of(engine.generate(prompts.first(prompts.size() - 1), params, Rng(3)));
  CHECK(std::vector(texts.begin(), texts.begin() + std::ptrdiff_t(fewer.size())) == fewer);
  CHECK(engine.generate({}, params, Rng(3)).empty());
  params.n = 0;
  CHECK_THROWS_AS(engine.generate(prompts, params, Rng(3)), UsageError);
}

}  // namespace visplay::conformance
