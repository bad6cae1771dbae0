// The question grammar and its truth, a program over the scene and the question's text.
//
//   world::truth_of(scene, "What color is the circle?")   {answered, "red"}
//
//   color     What color is the circle?            color_at  What color is the shape in the north?
//   shape     What shape is red?                   shape_at  What shape is in the north?
//   count     How many circles are there?          exists    Is there a red circle?
//   where     Where is the red circle?             relation  Is the red circle left of the blue cross?
//
// A target is a color, a shape or both ("the red circle", "the red shape", "the circle"). One that
// is not there makes the answer "none", several make it "many"; any other text is ungrammatical.
// Case, spacing and the question mark do not matter. Answers are one lower-case word.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/world/scene.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace visplay::world {

enum class Family : std::uint8_t {
  color,
  color_at,
  shape,
  shape_at,
  count,
  exists,
  where,
  relation
};
inline constexpr std::array<std::string_view, 8> family_names{
    "color", "color_at", "shape", "shape_at", "count", "exists", "where", "relation"};
constexpr std::string_view name_of(Family family) { return family_names[int(family)]; }

enum class Relation : std::uint8_t { left_of, right_of, above, below };

/// What a question speaks about: the objects of this color and shape, each if given.
struct Target {
  std::optional<Color> color{};
  std::optional<Shape> shape{};
  bool operator==(const Target&) const = default;
};

/// A question of the grammar, parsed. Fields that its family does not use keep their defaults.
struct Ask {
  Family family = Family::color;
  Target target{};
  Target other{};  ///< what a relation compares with
  Place place = Place::center;
  Relation relation = Relation::left_of;
  bool operator==(const Ask&) const = default;
};

/// Nothing if the text is not of the grammar.
[[nodiscard]] std::optional<Ask> parse(std::string_view question);
/// The question's text as the generators write it; parse(text_of(ask)) == ask.
[[nodiscard]] std::string text_of(const Ask& ask);

enum class TruthStatus {
  answered,
  false_premise,  ///< what it asks about is not there: "none"
  ambiguous,      ///< it asks about one thing and there are several: "many"
  ungrammatical   ///< no truth: the answer is empty
};

struct Truth {
  TruthStatus status = TruthStatus::ungrammatical;
  std::string answer{};
  bool operator==(const Truth&) const = default;
};

[[nodiscard]] Truth truth_of(const Scene& scene, const Ask& ask);
[[nodiscard]] Truth truth_of(const Scene& scene, std::string_view question);

/// All answers a question of this family can have, without "none" and "many".
[[nodiscard]] std::vector<std::string> answers_of(Family family);

/// What a question takes for granted: it holds, its target is absent, or there are several. For
/// exists and count "absent" means the answers "no" and "0", and "several" never happens.
enum class Premise { holds, absent, several };

struct QuestionOptions {
  Premise premise = Premise::holds;
  /// Which color-shape pairs it may be about, named or meant. Questions about unseen pairs stay out
  /// of training: in its pictures the answer would always be the same.
  Pairs about = Pairs::seen;
  std::string_view answer{};  ///< only questions with this answer, if not empty
};

/// A question of the family about the scene; its answer is drawn first, evenly over those that
/// occur, then the question. Nothing if the scene allows none.
[[nodiscard]] std::optional<Ask> random_question(const Scene& scene, Rng rng, Family family,
                                                 const QuestionOptions& options = {});

}  // namespace visplay::world

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/world/grammar.ipp>
#endif
