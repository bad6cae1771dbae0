// Annotators: the labelled lines a base model learns from. Two of them answer questions, and the
// base keeps both habits:
//
//   careful   <think>red circle north, blue cross east. What color is the circle?</think>\boxed{red}
//             lists what is there, repeats the question, answers from the list: always right
//   hasty     <think></think>\boxed{blue}
//             answers from a misperceived scene: mostly wrong
//
// The third asks: <type>color</type><question>What color is the circle?</question>. Used to make
// the base model only; self-play never sees any of this.
#pragma once

#include <visplay/world/grammar.hpp>

#include <string>
#include <string_view>

namespace visplay::world {

inline constexpr std::string_view questioner_prompt = "Ask a question about this picture.";

/// How a hasty look goes wrong, object by object; probabilities. The errors scatter on purpose: a
/// habit whose errors agree would win the majority.
struct HastyNoise {
  double recolor = 0.35;  ///< the color is drawn again, evenly
  double reshape = 0.35;  ///< the shape is drawn again, evenly
  double move = 0.25;     ///< it seems to stand in another, empty cell
  double miss = 0.1;      ///< it is not seen at all
  double refuse = 1;      ///< "none" and "many" are said; else an answer of the family is guessed
};

/// The scene as a hasty look has it. Looks and backdrop are kept.
[[nodiscard]] Scene misperceive(const Scene& scene, Rng rng, const HastyNoise& noise = {});

/// "red circle northwest, blue cross center": the objects in raster order.
[[nodiscard]] std::string describe_scene(const Scene& scene);

/// Completions of the two habits. @throws Error if the question is not of the grammar
[[nodiscard]] std::string careful_answer(const Scene& scene, std::string_view question);
[[nodiscard]] std::string hasty_answer(const Scene& scene, std::string_view question, Rng rng,
                                       const HastyNoise& noise = {});

/// <type>FAMILY</type><question>TEXT</question>
[[nodiscard]] std::string question_completion(const Ask& ask);

/// A question of a family drawn evenly; a share false_premise (0 ... 0.75) of all questions asks
/// about what is not there or is there several times, in equal parts where the scene allows both.
[[nodiscard]] Ask random_ask(const Scene& scene, Rng rng, double false_premise);

enum class Annotator { careful, hasty, questioner };

/// Weights of the annotators (any scale, not all 0) and how they work.
struct LessonMix {
  double careful = 0.35;
  double hasty = 0.65;
  double questioner = 0.5;
  double false_premise = 0.11;
  HastyNoise noise{};
};

/// One labelled line: what the user says about the picture and what the model should say.
struct Lesson {
  Annotator annotator{};
  std::string prompt{};
  std::string completion{};
};

/// The lesson that the stream draws. @throws Error if no weight is positive or one is negative
[[nodiscard]] Lesson random_lesson(const Scene& scene, Rng rng, const LessonMix& mix = {});

}  // namespace visplay::world

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/world/annotator.ipp>
#endif
