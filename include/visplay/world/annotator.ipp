// Bodies of annotator.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/world/annotator.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace visplay::world {

namespace detail {

VISPLAY_INLINE Ask parse_or_throw(std::string_view question) {
  const std::optional<Ask> ask = parse(question);
  check(ask.has_value(), "annotator: expected a question of the grammar, got '{}'",
        question.substr(0, 80));
  return *ask;
}

VISPLAY_INLINE Place other_empty_place(const std::vector<Object>& objects, Place current,
                                       Rng& rng) {
  std::vector<Place> empty;
  for (int place = 0; place < 9; ++place)
    if (std::ranges::find(objects, Place(place), &Object::place) == objects.end())
      empty.push_back(Place(place));
  return empty.empty() ? current : empty[rng.below(empty.size())];
}

}  // namespace detail

VISPLAY_INLINE Scene misperceive(const Scene& scene, Rng rng, const HastyNoise& noise) {
  Scene seen = scene;
  std::erase_if(seen.objects, [&](const Object&) { return rng.chance(noise.miss); });
  for (Object& object : seen.objects) {
    if (rng.chance(noise.recolor)) object.color = Color(rng.below(color_names.size()));
    if (rng.chance(noise.reshape)) object.shape = Shape(rng.below(shape_names.size()));
    if (rng.chance(noise.move))
      object.place = detail::other_empty_place(seen.objects, object.place, rng);
  }
  sort_by_place(seen.objects);
  return seen;
}

VISPLAY_INLINE std::string describe_scene(const Scene& scene) {
  std::string text;
  for (const Object& object : scene.objects)
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", name_of(object.color),
                        name_of(object.shape), name_of(object.place));
  return text;
}

VISPLAY_INLINE std::string careful_answer(const Scene& scene, std::string_view question) {
  const Truth truth = truth_of(scene, detail::parse_or_throw(question));
  return fmt::format("<think>{}. {}</think>\\boxed{{{}}}", describe_scene(scene), question,
                     truth.answer);
}

VISPLAY_INLINE std::string hasty_answer(const Scene& scene, std::string_view question, Rng rng,
                                        const HastyNoise& noise) {
  const Ask ask = detail::parse_or_throw(question);
  Truth truth = truth_of(misperceive(scene, rng.fork("misperceive"), noise), ask);
  if (truth.status != TruthStatus::answered && !rng.chance(noise.refuse)) {
    const std::vector<std::string> answers = answers_of(ask.family);
    truth.answer = answers[rng.below(answers.size())];
  }
  return fmt::format("<think></think>\\boxed{{{}}}", truth.answer);
}

VISPLAY_INLINE std::string question_completion(const Ask& ask) {
  return fmt::format("<type>{}</type><question>{}</question>", name_of(ask.family), text_of(ask));
}

VISPLAY_INLINE Ask random_ask(const Scene& scene, Rng rng, double false_premise) {
  check(0 <= false_premise && false_premise <= 0.75,
        "annotator: expected a false-premise share in 0 ... 0.75, got {}", false_premise);
  check(!scene.objects.empty(), "annotator: expected a scene with objects, got none");
  for (std::uint64_t attempt = 0; attempt < 64; ++attempt) {
    const auto family = Family(rng.below(family_names.size()));
    const bool always_answered = family == Family::count || family == Family::exists;
    Premise premise = Premise::holds;
    // Six of the eight families can fail, so each of them fails 8 / 6 times as often.
    if (!always_answered && rng.chance(false_premise * 8 / 6))
      premise = rng.chance(0.5) ? Premise::absent : Premise::several;
    auto ask = random_question(scene, rng.fork("ask", attempt), family, {.premise = premise});
    if (!ask && premise == Premise::several)
      ask = random_question(scene, rng.fork("ask", attempt), family, {.premise = Premise::absent});
    if (ask) return *ask;
  }
  return {.family = Family::color_at, .place = scene.objects.front().place};
}

VISPLAY_INLINE Lesson random_lesson(const Scene& scene, Rng rng, const LessonMix& mix) {
  const double total = mix.careful + mix.hasty + mix.questioner;
  check(mix.careful >= 0 && mix.hasty >= 0 && mix.questioner >= 0 && total > 0,
        "annotator: expected weights >= 0, not all 0, got careful {}, hasty {}, questioner {}",
        mix.careful, mix.hasty, mix.questioner);
  const Ask ask = random_ask(scene, rng.fork("ask"), mix.false_premise);
  const double at = rng.uniform(0, total);
  if (at < mix.questioner)
    return {Annotator::questioner, std::string(questioner_prompt), question_completion(ask)};
  const std::string question = text_of(ask);
  if (at < mix.questioner + mix.careful)
    return {Annotator::careful, question, careful_answer(scene, question)};
  return {Annotator::hasty, question, hasty_answer(scene, question, rng.fork("hasty"), mix.noise)};
}

}  // namespace visplay::world
