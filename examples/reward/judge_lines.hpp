// Lines of questions with their votes in, lines with rewards and labels out.
//
//   {"group": "cat.png", "text": "<question>Is it red?</question>",
//    "votes": ["\\boxed{yes}", {"text": "I am not", "finish_reason": "length"}]}
//
// All lines are one call of the reward: groups share clusters only in official mode.
#pragma once

#include "options.hpp"

#include <visplay/curriculum/archive.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/parse_vote.hpp>
#include <visplay/io/json_lines.hpp>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

struct JudgedLines {
  std::vector<Json> groups{};  ///< as they were written
  std::vector<QuestionSample> samples{};
};

namespace detail {

inline Vote vote_of(const Json& vote, std::string_view key, const std::string& where) {
  if (vote.is_string()) return parse_vote(vote.get<std::string>(), FinishReason::stop);
  check(vote.is_object(), "{}: expected a text or an object in '{}', got {}", where, key,
        vote.type_name());
  const auto reason = json_field_or<std::string>(vote, "finish_reason", where, "stop");
  check(reason == "stop" || reason == "length",
        "{}: expected a finish_reason of stop or length, got '{}'", where, reason);
  return parse_vote(json_field<std::string>(vote, "text", where),
                    reason == "length" ? FinishReason::length : FinishReason::stop);
}

inline std::vector<Vote> votes_of(const Json& line, const std::string& key,
                                  const std::string& where) {
  const auto votes = line.find(key);
  check(votes != line.end(), "{}: '{}' is missing", where, key);
  check(votes->is_array(), "{}: expected '{}' to be a list, got {}", where, key,
        votes->type_name());
  std::vector<Vote> read;
  for (const Json& vote : *votes) read.push_back(vote_of(vote, key, where));
  return read;
}

/// A float as the shortest decimal that is the same float: 0.7, not 0.699999988079071.
inline double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double decimal = 0;
  std::from_chars(text, end, decimal);
  return decimal;
}

}  // namespace detail

/// @throws Error, with file and line, for a line that is not as above
[[nodiscard]] inline JudgedLines read_judged_lines(const std::filesystem::path& file,
                                                   const ModeRules& rules) {
  const bool blind_needed = rules.questioner.blind_weight > 0;
  JudgedLines lines;
  std::map<std::string, std::int64_t> numbers;
  for_each_json_line(file, [&](const Json& line, const std::string& where) {
    const auto group = line.find("group");
    check(group != line.end(), "{}: 'group' is missing", where);
    check(group->is_string() || group->is_number_integer(),
          "{}: expected 'group' to be a text or an integer, got {}", where, group->type_name());
    const auto number = numbers.try_emplace(write_json(*group), std::int64_t(numbers.size()));
    const auto text = json_field<std::string>(line, "text", where);
    const auto votes = detail::votes_of(line, "votes", where);
    auto sample = judged(rules, number.first->second, rules.parse(text), std::span(votes), Exact{});
    check(!blind_needed || line.contains("blind_votes"),
          "{}: 'blind_votes' is missing, and questioner.blind_weight is above 0", where);
    if (line.contains("blind_votes")) {
      const auto blind = detail::votes_of(line, "blind_votes", where);
      sample.blind_share = majority_vote(std::span(blind), Exact{}).confidence();
    }
    lines.groups.push_back(*group);
    lines.samples.push_back(std::move(sample));
  });
  return lines;
}

/// Texts of the `question` fields of a file; lines whose field is null are passed over.
/// @throws Error, with file and line, for a line without the field
[[nodiscard]] inline QuestionArchive read_archive(const std::filesystem::path& file) {
  QuestionArchive archive{.capacity = std::size_t(1) << 20};
  for_each_json_line(file, [&](const Json& line, const std::string& where) {
    if (line.contains("question") && line["question"].is_null()) return;
    archive.add(json_field<std::string>(line, "question", where));
  });
  return archive;
}

inline void put_archive_shares(const QuestionArchive& archive, std::span<QuestionSample> samples) {
  std::vector<std::string_view> texts;
  std::vector<QuestionSample*> asked;
  for (QuestionSample& sample : samples)
    if (sample.question) {
      texts.push_back(sample.question->text);
      asked.push_back(&sample);
    }
  ThreadPool alone(1);
  const auto shares = archive.shares(texts, alone);
  for (std::size_t i = 0; i < asked.size(); ++i) asked[i]->archive_share = shares[i];
}

/// One object per sample, in order, with the fields of contracts.md 6.
[[nodiscard]] inline std::vector<OrderedJson> reward_lines(const ModeRules& rules,
                                                           const JudgedLines& lines) {
  const std::span<const QuestionSample> samples(lines.samples);
  const RewardTable table = rules.questioner(samples);
  const bool official = rules.mode == Mode::official;
  ThreadPool alone(1);
  const auto clusters =
      Diversity{official ? Diversity::Scope::batch : Diversity::Scope::group}.clusters(samples,
                                                                                       alone);
  const auto difficulty = score(
      Difficulty{official ? Difficulty::Shape::smaller_share : Difficulty::Shape::tent}, samples);
  std::vector<OrderedJson> out;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const QuestionSample& s = samples[i];
    const PseudoLabel& label = s.label;
    const LabelVerdict verdict = rules.band(label);
    const bool has_label = label.exists();
    OrderedJson terms = OrderedJson::object();
    for (const auto& term : table.terms) terms[term.name] = detail::shortest(term.scores[i]);
    OrderedJson line{
        {"group", lines.groups[i]},
        {"well_formed", s.question.has_value()},
        {"question", s.question ? OrderedJson(s.question->text) : OrderedJson()},
        {"votes",
         {{"parsed", label.votes - label.unparsed - label.truncated},
          {"unparsed", label.unparsed},
          {"truncated", label.truncated}}},
        {"label", has_label ? OrderedJson(label.answer) : OrderedJson()},
        {"label_ok", s.question && verdict == LabelVerdict::kept},
        {"why", s.question ? name_of(verdict) : "malformed"},
        {"confidence", detail::shortest(float(s.confidence))},
        {"label_confidence", detail::shortest(float(rules.band.confidence(label)))},
        {"margin",
         label.votes ? detail::shortest(float(double(label.majority - label.second) / label.votes))
                     : 0.},
        {"difficulty", detail::shortest(difficulty.scores[i])}};
    const bool clustered = clusters.cluster[i] != QuestionClusters::none;
    line["cluster"] = clustered ? OrderedJson(clusters.cluster[i]) : OrderedJson();
    line["cluster_share"] = detail::shortest(clusters.share[i]);
    line["terms"] = std::move(terms);
    line["reward"] = detail::shortest(table.total[i]);
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace visplay
