// Bodies of grammar.hpp: words to questions and back, truth, drawing questions.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/world/grammar.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace visplay::world {

namespace detail {

inline constexpr std::size_t longest_question = 200;  // bytes; the grammar's longest has 59
inline constexpr std::array<std::string_view, 4> relation_words{"left of", "right of", "above",
                                                                "below"};

/// The lower-case words of a text, without one final question mark.
VISPLAY_INLINE std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool open = false;
  const auto is_space = [](char c) { return c == ' ' || ('\t' <= c && c <= '\r'); };
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.ends_with('?')) text.remove_suffix(1);
  for (const char c : text) {
    if (is_space(c)) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    words.back() += 'A' <= c && c <= 'Z' ? char(c + ('a' - 'A')) : c;
  }
  return words;
}

VISPLAY_INLINE std::string plural_of(std::string_view noun) {
  return std::string(noun) + (noun.ends_with('s') ? "es" : "s");
}

/// Words still to be read. Each take_ function consumes what it recognises, or nothing.
struct WordReader {
  std::span<const std::string> rest;

  bool take(std::string_view phrase) {
    auto left = rest;
    while (!phrase.empty()) {
      const std::size_t end = std::min(phrase.find(' '), phrase.size());
      if (left.empty() || left.front() != phrase.substr(0, end)) return false;
      left = left.subspan(1);
      phrase.remove_prefix(std::min(end + 1, phrase.size()));
    }
    rest = left;
    return true;
  }
  std::optional<Color> take_color() {
    const auto color = rest.empty() ? std::nullopt : color_named(rest.front());
    if (color) rest = rest.subspan(1);
    return color;
  }
  std::optional<Place> take_place() {
    const auto place = rest.empty() ? std::nullopt : place_named(rest.front());
    if (place) rest = rest.subspan(1);
    return place;
  }
  std::optional<Target> take_target(bool plural = false) {
    Target target{.color = take_color()};
    for (const std::string_view name : shape_names)
      if (take(plural ? plural_of(name) : name)) {
        target.shape = shape_named(name);
        return target;
      }
    if (!take(plural ? "shapes" : "shape")) return std::nullopt;
    return target;
  }
  std::optional<Relation> take_relation() {
    for (std::size_t i = 0; i < relation_words.size(); ++i)
      if (take(relation_words[i])) return Relation(i);
    return std::nullopt;
  }
};

VISPLAY_INLINE std::optional<Ask> parse_color(WordReader& words) {
  const auto target = words.take_target();
  if (!target) return std::nullopt;
  if (*target != Target{} || !words.take("in the"))
    return Ask{.family = Family::color, .target = *target};
  const auto place = words.take_place();
  if (!place) return std::nullopt;
  return Ask{.family = Family::color_at, .place = *place};
}

VISPLAY_INLINE std::optional<Ask> parse_shape(WordReader& words) {
  if (words.take("in the")) {
    const auto place = words.take_place();
    if (!place) return std::nullopt;
    return Ask{.family = Family::shape_at, .place = *place};
  }
  const auto color = words.take_color();
  if (!color) return std::nullopt;
  return Ask{.family = Family::shape, .target = {.color = color}};
}

VISPLAY_INLINE std::optional<Ask> parse_about(WordReader& words, Family family) {
  const auto target = words.take_target(family == Family::count);
  if (!target || (family == Family::count && !words.take("are there"))) return std::nullopt;
  return Ask{.family = family, .target = *target};
}

VISPLAY_INLINE std::optional<Ask> parse_relation(WordReader& words) {
  const auto target = words.take_target();
  const auto relation = words.take_relation();
  if (!target || !relation || !words.take("the")) return std::nullopt;
  const auto other = words.take_target();
  if (!other) return std::nullopt;
  return Ask{.family = Family::relation, .target = *target, .other = *other, .relation = *relation};
}

VISPLAY_INLINE std::string phrase_of(const Target& target, bool plural = false) {
  const std::string_view noun = target.shape ? name_of(*target.shape) : "shape";
  const std::string last = plural ? plural_of(noun) : std::string(noun);
  return target.color ? fmt::format("{} {}", name_of(*target.color), last) : last;
}

VISPLAY_INLINE bool matches(const Object& object, const Target& target) {
  return (!target.color || *target.color == object.color) &&
         (!target.shape || *target.shape == object.shape);
}

/// What the target names: how many there are and one of them.
struct Found {
  int count = 0;
  const Object* object = nullptr;
};

template <class Predicate>
Found find(const Scene& scene, Predicate&& wanted) {
  Found found;
  for (const Object& object : scene.objects)
    if (wanted(object)) {
      ++found.count;
      found.object = &object;
    }
  return found;
}

VISPLAY_INLINE Found find_target(const Scene& scene, const Target& target) {
  return find(scene, [&](const Object& object) { return matches(object, target); });
}

/// What an answer speaks about: the object in the place asked about, or those the target names.
VISPLAY_INLINE Found find_subject(const Scene& scene, const Ask& ask) {
  if (ask.family == Family::color_at || ask.family == Family::shape_at)
    return find(scene, [&](const Object& object) { return object.place == ask.place; });
  return find_target(scene, ask.target);
}

VISPLAY_INLINE bool stands(Relation relation, Place a, Place b) {
  switch (relation) {
    case Relation::left_of:
      return column_of(a) < column_of(b);
    case Relation::right_of:
      return column_of(a) > column_of(b);
    case Relation::above:
      return row_of(a) < row_of(b);
    case Relation::below:
      return row_of(a) > row_of(b);
  }
  return false;
}

VISPLAY_INLINE Truth answered(std::string_view answer) {
  return {TruthStatus::answered, std::string(answer)};
}

/// Does the question name, or mean, only pairs of this kind? For unseen, one such pair is enough.
VISPLAY_INLINE bool concerns(const Scene& scene, const Ask& ask, Pairs pairs) {
  if (pairs == Pairs::any) return true;
  const auto unseen = [&](const Target& target, const Found& found) {
    if (target.color && target.shape) return is_unseen(*target.color, *target.shape);
    return found.count == 1 && is_unseen(found.object->color, found.object->shape);
  };
  bool about_unseen = unseen(ask.target, find_subject(scene, ask));
  if (ask.family == Family::relation)
    about_unseen |= unseen(ask.other, find_target(scene, ask.other));
  return about_unseen == (pairs == Pairs::unseen);
}

VISPLAY_INLINE std::vector<Target> every_pair() {
  std::vector<Target> pairs;
  for (std::size_t color = 0; color < color_names.size(); ++color)
    for (std::size_t shape = 0; shape < shape_names.size(); ++shape)
      pairs.push_back({Color(color), Shape(shape)});
  return pairs;
}

/// The questions that compare two present pairs, and (if `absent`) one present and one absent pair.
VISPLAY_INLINE std::vector<Ask> every_relation(const Scene& scene, bool absent) {
  std::vector<Target> pairs = every_pair();
  const auto gone = std::stable_partition(pairs.begin(), pairs.end(), [&](const Target& pair) {
    return find_target(scene, pair).count > 0;
  });
  const auto present = std::span(pairs.begin(), gone);
  const auto partners = absent ? std::span(pairs) : present;
  std::vector<Ask> asks;
  for (const Target& a : present)
    for (const Target& b : partners)
      for (int relation = 0; a != b && relation < 4; ++relation) {
        asks.push_back(
            {.family = Family::relation, .target = a, .other = b, .relation = Relation(relation)});
        asks.push_back(
            {.family = Family::relation, .target = b, .other = a, .relation = Relation(relation)});
      }
  return asks;
}

/// All questions of a family that the generators write.
VISPLAY_INLINE std::vector<Ask> every_question(const Scene& scene, Family family, bool absent) {
  std::vector<Ask> asks;
  const auto add_targets = [&](bool colors, bool shapes) {
    for (std::size_t c = 0; colors && c < color_names.size(); ++c)
      asks.push_back({.family = family, .target = {.color = Color(c)}});
    for (std::size_t s = 0; shapes && s < shape_names.size(); ++s)
      asks.push_back({.family = family, .target = {.shape = Shape(s)}});
  };
  switch (family) {
    case Family::color:
      add_targets(false, true);
      break;
    case Family::shape:
      add_targets(true, false);
      break;
    case Family::count:
      add_targets(true, true);
      break;
    case Family::color_at:
    case Family::shape_at:
      for (std::size_t p = 0; p < place_names.size(); ++p)
        asks.push_back({.family = family, .place = Place(p)});
      break;
    case Family::exists:
    case Family::where:
      for (const Target& pair : every_pair()) asks.push_back({.family = family, .target = pair});
      break;
    case Family::relation:
      return every_relation(scene, absent);
  }
  return asks;
}

VISPLAY_INLINE bool has_premise(const Truth& truth, Family family, Premise premise) {
  if (family == Family::exists || family == Family::count) {
    if (premise == Premise::several) return false;
    return premise == Premise::holds || truth.answer == "no" || truth.answer == "0";
  }
  constexpr TruthStatus status[] = {TruthStatus::answered, TruthStatus::false_premise,
                                    TruthStatus::ambiguous};
  return truth.status == status[int(premise)];
}

}  // namespace detail

VISPLAY_INLINE std::optional<Ask> parse(std::string_view question) {
  if (question.size() > detail::longest_question) return std::nullopt;
  const std::vector<std::string> all = detail::words_of(question);
  detail::WordReader words{all};
  std::optional<Ask> ask;
  if (words.take("what color is the"))
    ask = detail::parse_color(words);
  else if (words.take("what shape is"))
    ask = detail::parse_shape(words);
  else if (words.take("how many"))
    ask = detail::parse_about(words, Family::count);
  else if (words.take("is there a") || words.take("is there an"))
    ask = detail::parse_about(words, Family::exists);
  else if (words.take("where is the"))
    ask = detail::parse_about(words, Family::where);
  else if (words.take("is the"))
    ask = detail::parse_relation(words);
  return words.rest.empty() ? ask : std::nullopt;
}

VISPLAY_INLINE std::string text_of(const Ask& ask) {
  const std::string target = detail::phrase_of(ask.target, ask.family == Family::count);
  const std::string_view place = name_of(ask.place);
  switch (ask.family) {
    case Family::color:
      return fmt::format("What color is the {}?", target);
    case Family::color_at:
      return fmt::format("What color is the shape in the {}?", place);
    case Family::shape:
      return fmt::format("What shape is {}?", name_of(ask.target.color.value_or(Color::red)));
    case Family::shape_at:
      return fmt::format("What shape is in the {}?", place);
    case Family::count:
      return fmt::format("How many {} are there?", target);
    case Family::exists:
      return fmt::format("Is there {} {}?", target.starts_with('o') ? "an" : "a", target);
    case Family::where:
      return fmt::format("Where is the {}?", target);
    case Family::relation:
      return fmt::format("Is the {} {} the {}?", target,
                         detail::relation_words[std::size_t(ask.relation)],
                         detail::phrase_of(ask.other));
  }
  return {};
}

VISPLAY_INLINE Truth truth_of(const Scene& scene, const Ask& ask) {
  const detail::Found subject = detail::find_subject(scene, ask);
  if (ask.family == Family::exists) return detail::answered(subject.count > 0 ? "yes" : "no");
  if (ask.family == Family::count) return detail::answered(std::to_string(subject.count));
  detail::Found other{.count = 1};
  if (ask.family == Family::relation) other = detail::find_target(scene, ask.other);
  if (subject.count == 0 || other.count == 0) return {TruthStatus::false_premise, "none"};
  if (subject.count > 1 || other.count > 1) return {TruthStatus::ambiguous, "many"};
  switch (ask.family) {
    case Family::color:
    case Family::color_at:
      return detail::answered(name_of(subject.object->color));
    case Family::shape:
    case Family::shape_at:
      return detail::answered(name_of(subject.object->shape));
    case Family::where:
      return detail::answered(name_of(subject.object->place));
    default:
      break;
  }
  const bool holds = detail::stands(ask.relation, subject.object->place, other.object->place);
  return detail::answered(holds ? "yes" : "no");
}

VISPLAY_INLINE Truth truth_of(const Scene& scene, std::string_view question) {
  const std::optional<Ask> ask = parse(question);
  return ask ? truth_of(scene, *ask) : Truth{};
}

VISPLAY_INLINE std::vector<std::string> answers_of(Family family) {
  switch (family) {
    case Family::color:
    case Family::color_at:
      return {color_names.begin(), color_names.end()};
    case Family::shape:
    case Family::shape_at:
      return {shape_names.begin(), shape_names.end()};
    case Family::where:
      return {place_names.begin(), place_names.end()};
    case Family::count:
      return {"0", "1", "2", "3", "4", "5"};
    case Family::exists:
    case Family::relation:
      return {"yes", "no"};
  }
  return {};
}

VISPLAY_INLINE std::optional<Ask> random_question(const Scene& scene, Rng rng, Family family,
                                                  const QuestionOptions& options) {
  struct Candidate {
    Ask ask;
    std::string answer;
  };
  std::vector<Candidate> candidates;
  std::vector<std::string> answers;  // that occur, in order of first appearance
  const bool absent = options.premise == Premise::absent;
  for (const Ask& ask : detail::every_question(scene, family, absent)) {
    Truth truth = truth_of(scene, ask);
    if (!options.answer.empty() && truth.answer != options.answer) continue;
    if (!detail::has_premise(truth, family, options.premise)) continue;
    if (!detail::concerns(scene, ask, options.about)) continue;
    if (std::ranges::find(answers, truth.answer) == answers.end()) answers.push_back(truth.answer);
    candidates.push_back({ask, std::move(truth.answer)});
  }
  if (candidates.empty()) return std::nullopt;
  const std::string& answer = answers[rng.below(answers.size())];
  std::erase_if(candidates, [&](const Candidate& candidate) { return candidate.answer != answer; });
  return candidates[rng.below(candidates.size())].ask;
}

}  // namespace visplay::world
