// Bodies of split.hpp: each kind is a list of what its items ask for in turn.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/world/split.hpp>

#include <span>

namespace visplay::world {

namespace detail {

/// What item i of a set asks for: turn i % turns.size(); scenes that do not allow it are passed.
struct Turn {
  Family family;
  Premise premise = Premise::holds;
  std::string_view answer{};
};

VISPLAY_INLINE SceneOptions scenes_of(TestKind kind) {
  return {.pairs = kind == TestKind::compositional ? Pairs::unseen : Pairs::seen};
}

VISPLAY_INLINE std::vector<TestItem> items_by_turns(TestKind kind, std::span<const Turn> turns,
                                                    int count, std::uint64_t seed) {
  check(count >= 0, "test items: expected a count >= 0, got {}", count);
  const SceneOptions options = scenes_of(kind);
  std::vector<TestItem> items;
  items.reserve(std::size_t(count));
  while (items.size() < std::size_t(count)) {
    const Turn& turn = turns[items.size() % turns.size()];
    const Scene scene = make_scene(seed++, options);
    const auto ask =
        random_question(scene, Rng(scene.seed).fork("test", std::uint64_t(kind)), turn.family,
                        {.premise = turn.premise, .about = options.pairs, .answer = turn.answer});
    if (!ask) continue;
    items.push_back({.scene_seed = scene.seed,
                     .question = text_of(*ask),
                     .answer = truth_of(scene, *ask).answer,
                     .family = turn.family,
                     .kind = kind});
  }
  return items;
}

}  // namespace detail

VISPLAY_INLINE Scene scene_of(const TestItem& item) {
  return make_scene(item.scene_seed, detail::scenes_of(item.kind));
}

VISPLAY_INLINE std::vector<TestItem> held_out(int count, std::uint64_t first_seed) {
  using enum Premise;
  static constexpr detail::Turn turns[] = {{Family::color}, {Family::color_at},
                                           {Family::shape}, {Family::shape_at},
                                           {Family::count}, {Family::exists, holds, "yes"},
                                           {Family::where}, {Family::relation, holds, "yes"},
                                           {Family::color}, {Family::color_at},
                                           {Family::shape}, {Family::shape_at},
                                           {Family::count}, {Family::exists, holds, "no"},
                                           {Family::where}, {Family::relation, holds, "no"}};
  return detail::items_by_turns(TestKind::held_out, turns, count, first_seed);
}

VISPLAY_INLINE std::vector<TestItem> hallucination(int count, std::uint64_t first_seed) {
  static constexpr detail::Turn turns[] = {{Family::exists, Premise::absent},
                                           {Family::where, Premise::absent},
                                           {Family::color, Premise::absent}};
  return detail::items_by_turns(TestKind::hallucination, turns, count, first_seed);
}

VISPLAY_INLINE std::vector<TestItem> false_premise(int count, std::uint64_t first_seed) {
  using enum Premise;
  static constexpr detail::Turn turns[] = {{Family::color, absent},    {Family::color, several},
                                           {Family::color_at, absent}, {Family::shape, several},
                                           {Family::where, several},   {Family::shape_at, absent},
                                           {Family::shape, absent},    {Family::where, absent},
                                           {Family::relation, absent}, {Family::relation, several}};
  return detail::items_by_turns(TestKind::false_premise, turns, count, first_seed);
}

VISPLAY_INLINE std::vector<TestItem> compositional(int count, std::uint64_t first_seed) {
  using enum Premise;
  static constexpr detail::Turn turns[] = {{Family::color},
                                           {Family::color_at},
                                           {Family::shape},
                                           {Family::shape_at},
                                           {Family::exists, holds, "yes"},
                                           {Family::where},
                                           {Family::relation, holds, "yes"},
                                           {Family::color},
                                           {Family::color_at},
                                           {Family::shape},
                                           {Family::shape_at},
                                           {Family::exists, holds, "no"},
                                           {Family::where},
                                           {Family::relation, holds, "no"}};
  return detail::items_by_turns(TestKind::compositional, turns, count, first_seed);
}

VISPLAY_INLINE std::vector<TestItem> test_items(TestKind kind, int count,
                                                std::uint64_t first_seed) {
  switch (kind) {
    case TestKind::held_out:
      return held_out(count, first_seed);
    case TestKind::hallucination:
      return hallucination(count, first_seed);
    case TestKind::false_premise:
      return false_premise(count, first_seed);
    case TestKind::compositional:
      return compositional(count, first_seed);
  }
  return {};
}

}  // namespace visplay::world
