// visplay_reward: the lines it reads and writes, and what it says of lines that it cannot read.
#include "../../examples/reward/judge_lines.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/golden.hpp"

#include <fstream>
#include <map>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Catch::Matchers::WithinAbs;

namespace {

// Eight questions about one image that are not like each other, the first with these votes.
constexpr const char* subjects[] = {
    "What color is the small circle?",       "How many bars does this chart have?",
    "Who stands behind that old man?",       "Where do both roads finally meet again?",
    "Which animal sleeps near her house?",   "When did their train leave our station?",
    "Does it rain outside right now today?", "Why would anybody buy such shoes?"};

std::filesystem::path file_of(const std::string& text) {
  const auto path = std::filesystem::temp_directory_path() / "visplay_reward_test.jsonl";
  std::ofstream(path) << text;
  return path;
}

std::string completion_of(const std::string& question) {
  return "<type>any</type><question>" + question + "</question><answer>A</answer>";
}

/// Words as in testing::votes_of: "-" has no box, "~" was cut off before one.
Json votes_json(std::string_view words) {
  Json votes = Json::array();
  for (std::string_view word; !(word = take_word(words)).empty();)
    if (word == "~")
      votes.push_back({{"text", "and so on"}, {"finish_reason", "length"}});
    else if (word == "-")
      votes.push_back("I cannot say");
    else
      votes.push_back("\\boxed{" + std::string(word) + "}");
  return votes;
}

std::string group_lines(std::string_view words, bool missing_tag = false) {
  std::string lines;
  for (int i = 0; i < 8; ++i) {
    Json line{
        {"group", "image.png"}, {"text", completion_of(subjects[i])}, {"votes", Json::array()}};
    if (i == 0) line["votes"] = votes_json(words);
    if (i == 0 && missing_tag) line["text"] = subjects[0];
    lines += line.dump() + "\n";
  }
  return lines;
}

std::vector<OrderedJson> judge(Mode mode, const std::string& text,
                               const std::vector<std::string>& flags = {}) {
  std::vector<std::string> arguments{"--mode", std::string(name_of(mode)), "--data",
                                     file_of(text).string()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const auto options = load_reward_options({.arguments = arguments});
  return reward_lines(options.rules, read_judged_lines(options.data, options.rules));
}

}  // namespace

TEST_CASE("the worked examples come out in all three modes") {
  struct Example {
    const char* votes;
    double paper, official, robust;  // rewards; official's without its share, 1/8
    const char *paper_why, *official_why, *robust_why;
  };
  const Example examples[] = {
      {"A A A A A A A A A A", 0, 0, 0, "easy", "easy", "easy"},
      {"A A A A A B B B B B", .875, .5, .875, "kept", "kept", "tied"},
      {"A A A A A A A B B B", .475, .3, .475, "kept", "kept", "kept"},
      {"A A A A A - - - - -", .875, .5, 0, "kept", "easy", "unparsed"},
      {"A A A B B B C C C C", .675, .4, .675, "kept", "kept", "tied"},
      {"A B C D E F G H I J", .075, .1, .075, "hard", "hard", "hard"},
      {"A A A B B - - - - -", .475, .5, 0, "kept", "unparsed", "unparsed"},
      {"- - - - - - - - - ~", 0, 0, 0, "no_answer", "no_answer", "no_answer"},
  };
  for (const Example& e : examples) {
    INFO(e.votes);
    const std::map<Mode, std::pair<double, std::string>> expected{
        {Mode::paper, {e.paper, e.paper_why}},
        {Mode::official, {e.official - 0.125, e.official_why}},
        {Mode::robust, {e.robust, e.robust_why}}};
    for (const auto& [mode, wanted] : expected) {
      INFO(name_of(mode));
      const auto line = judge(mode, group_lines(e.votes)).at(0);
      CHECK_THAT(line["reward"].get<double>(), WithinAbs(wanted.first, 1e-6));
      CHECK(line["why"] == wanted.second);
      CHECK(line["label_ok"] == (wanted.second == "kept"));
      CHECK(line["cluster_share"] == 0.125);
    }
  }
  CHECK(judge(Mode::paper, group_lines("A B", true))[0]["reward"] == 0);
  CHECK(judge(Mode::robust, group_lines("A B", true))[0]["reward"] == 0);
  CHECK(judge(Mode::official, group_lines("A B", true))[0]["reward"] == -1.125);
}

TEST_CASE("a line has its fields, in this order") {
  const auto line = judge(Mode::official, group_lines("A A A B B - - - - ~")).at(0);
  std::vector<std::string> keys;
  for (const auto& [key, value] : line.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"group", "well_formed", "question", "votes", "label",
                                         "label_ok", "why", "confidence", "label_confidence",
                                         "margin", "difficulty", "cluster", "cluster_share",
                                         "terms", "reward"});
  CHECK(line["group"] == "image.png");
  CHECK(line["question"] == subjects[0]);
  CHECK(line["votes"] == OrderedJson{{"parsed", 5}, {"unparsed", 4}, {"truncated", 1}});
  CHECK(line["label"] == "A");
  CHECK(line["confidence"] == 0.5);
  CHECK(line["label_confidence"] == 0.6);
  CHECK(line["margin"] == 0.1);
  CHECK(line["difficulty"] == 0.5);
  CHECK(line["cluster"] == 0);
  CHECK(write_json(line["terms"]) == R"({"format":1.0,"difficulty":0.5,"diversity":0.125})");
}

TEST_CASE("what is malformed says so, and has a cluster in official mode alone") {
  for (const Mode mode : {Mode::paper, Mode::official, Mode::robust}) {
    const auto line = judge(mode, group_lines("A A A", true)).at(0);
    CHECK(line["well_formed"] == false);
    CHECK(line["question"].is_null());
    CHECK(line["label_ok"] == false);
    CHECK(line["why"] == "malformed");
    CHECK(line["cluster"].is_null() == (mode != Mode::official));
    CHECK(line["cluster_share"] == (mode == Mode::official ? 0.125 : 0.));
  }
}

TEST_CASE("groups keep apart, except in official mode, and ids count up over the file") {
  std::string lines;
  for (const char* group : {"\"a\"", "7", "\"7\"", "7"})
    lines += R"({"group": )" + std::string(group) + R"(, "votes": [], "text": ")" +
             completion_of(subjects[1]) + "\"}\n\n";
  const auto paper = judge(Mode::paper, lines), official = judge(Mode::official, lines);
  REQUIRE(paper.size() == 4);
  const int clusters[] = {0, 1, 2, 1};
  const OrderedJson groups[] = {"a", 7, "7", 7};  // as they were written
  for (int i = 0; i < 4; ++i) {
    CHECK(paper[i]["cluster"] == clusters[i]);
    CHECK(official[i]["cluster"] == 0);
    CHECK(paper[i]["cluster_share"] == 1);
    CHECK(paper[i]["group"] == groups[i]);
  }
}

TEST_CASE("the keys of the loop change the arithmetic") {
  const auto lines = group_lines("A A A A A A A B B B");
  CHECK_THAT(
      judge(Mode::paper, lines, {"--questioner.diversity_weight", "2"})[0]["reward"].get<double>(),
      WithinAbs(0.35, 1e-6));
  CHECK(judge(Mode::paper, lines, {"--label.high", "0.6"})[0]["why"] == "easy");
  CHECK(judge(Mode::paper, lines, {"--label.low", "0.75"})[0]["why"] == "hard");
  CHECK(judge(Mode::robust, lines, {"--label.margin", "0.4"})[0]["why"] == "tied");
  const auto unparsed = group_lines("A A A A A B - - - -");
  CHECK(judge(Mode::robust, unparsed)[0]["reward"] == 0);
  CHECK(judge(Mode::robust, unparsed, {"--label.max-unparsed", "0.4"})[0]["reward"] == 0.875);
}

TEST_CASE("blind votes are a price in robust mode") {
  Json line{{"group", 1},
            {"text", completion_of(subjects[0])},
            {"votes", votes_json("A A B B")},
            {"blind_votes", votes_json("A A A -")}};
  const std::vector<std::string> flags{"--questioner.blind_weight", "0.5",
                                       "--questioner.diversity_weight", "0"};
  const auto judged = judge(Mode::robust, line.dump(), flags).at(0);
  CHECK(judged["terms"]["blind"] == 0.75);
  CHECK(judged["reward"] == 0.625);
  line.erase("blind_votes");
  CHECK_THROWS_MATCHES(judge(Mode::robust, line.dump(), flags), Error,
                       MessageMatches(ContainsSubstring(":1: 'blind_votes' is missing")));
}

TEST_CASE("earlier questions are an archive") {
  const auto path = std::filesystem::temp_directory_path() / "visplay_reward_archive.jsonl";
  std::ofstream(path) << R"({"question": ")" << subjects[0] << "\"}\n{\"question\": null}\n"
                      << R"({"question": ")" << subjects[1] << "\"}\n";
  auto lines = JudgedLines{};
  lines.samples.resize(2);
  lines.samples[0].question = Question{.text = subjects[0]};
  put_archive_shares(read_archive(path), lines.samples);
  CHECK(lines.samples[0].archive_share == 0.5f);
  CHECK(lines.samples[1].archive_share == 0);
}

TEST_CASE("a line that cannot be read is named with its number") {
  const std::string good =
      Json{{"group", 1}, {"text", "x"}, {"votes", Json::array()}}.dump() + "\n";
  const std::pair<std::string, std::string> wrong[] = {
      {"{", ":2:"},
      {"[1]", ":2: expected a JSON object, got array"},
      {R"({"text": "x", "votes": []})", ":2: 'group' is missing"},
      {R"({"group": 1.5, "text": "x", "votes": []})", ":2: expected 'group' to be"},
      {R"({"group": 1, "votes": []})", ":2: 'text' is missing"},
      {R"({"group": 1, "text": "x"})", ":2: 'votes' is missing"},
      {R"({"group": 1, "text": "x", "votes": "A"})", ":2: expected 'votes' to be a list"},
      {R"({"group": 1, "text": "x", "votes": [3]})", ":2: expected a text or an object in 'votes'"},
      {R"({"group": 1, "text": "x", "votes": [{"finish_reason": "stop"}]})",
       ":2: 'text' is missing"},
      {R"({"group": 1, "text": "x", "votes": [{"text": "", "finish_reason": "eos"}]})",
       ":2: expected a finish_reason of stop or length, got 'eos'"}};
  for (const auto& [line, message] : wrong)
    CHECK_THROWS_MATCHES(judge(Mode::paper, good + line), Error,
                         MessageMatches(ContainsSubstring(message)));
}

TEST_CASE("wrong settings are usage errors") {
  const auto load = [](std::vector<std::string> arguments) {
    return load_reward_options({.arguments = std::move(arguments)});
  };
  CHECK_THROWS_AS(load({}), UsageError);
  CHECK_THROWS_AS(load({"--data", "x", "--mode", "papr"}), UsageError);
  CHECK_THROWS_AS(load({"--data", "x", "--label.low", "0.9"}), UsageError);
  CHECK_THROWS_AS(load({"--data", "x", "--questioner.blind_weight", "1"}), UsageError);
  CHECK_THROWS_AS(load({"--data", "x", "--mode", "robust", "--questioner.archive_weight", "1"}),
                  UsageError);
  CHECK(load({"--data", "x", "--mode", "official"}).rules.band.low == 0.3);
  CHECK(load({"--data", "x", "--mode", "robust", "--label.max_unparsed", "0.6"})
            .rules.questioner.max_unparsed == 0.6);
}
