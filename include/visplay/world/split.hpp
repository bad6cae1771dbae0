// Test sets with known answers, made from world seeds, never from a Questioner.
//
//   for (const world::TestItem& item : world::held_out(1000, world::test_seeds))
//     ... world::render(world::scene_of(item)) ... item.question ... item.answer ...
//
// Every item has a scene of its own, from first_seed on. Families take turns, so a set is balanced
// over them to within one; inside exists and relation "yes" and "no" take turns.
#pragma once

#include <visplay/world/grammar.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace visplay::world {

enum class TestKind { held_out, hallucination, false_premise, compositional };
inline constexpr std::array<std::string_view, 4> test_kind_names{"held_out", "hallucination",
                                                                 "false_premise", "compositional"};
constexpr std::string_view name_of(TestKind kind) { return test_kind_names[int(kind)]; }

struct TestItem {
  std::uint64_t scene_seed = 0;
  std::string question{};
  std::string answer{};
  Family family{};
  TestKind kind{};
};

/// What the item is about. Compositional scenes hold an unseen pair, the others none.
[[nodiscard]] Scene scene_of(const TestItem& item);

/// All eight families, premises that hold.
[[nodiscard]] std::vector<TestItem> held_out(int count, std::uint64_t first_seed);
/// exists, where and color of something absent: the right answers are "no" and "none".
[[nodiscard]] std::vector<TestItem> hallucination(int count, std::uint64_t first_seed);
/// The six families that can fail: absent ("none") in each, several ("many") in color, shape, where
/// and relation, in ten turns of equal share.
[[nodiscard]] std::vector<TestItem> false_premise(int count, std::uint64_t first_seed);
/// All families but count, each question about an unseen pair, premises that hold.
[[nodiscard]] std::vector<TestItem> compositional(int count, std::uint64_t first_seed);

/// The set of that kind. @throws Error for count < 0, as do the four above
[[nodiscard]] std::vector<TestItem> test_items(TestKind kind, int count, std::uint64_t first_seed);

}  // namespace visplay::world

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/world/split.ipp>
#endif
