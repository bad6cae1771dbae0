#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/report/jsonl.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

using namespace visplay;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

fs::path fresh_path() {
  const fs::path path = fs::temp_directory_path() / "visplay_jsonl_test.jsonl";
  fs::remove(path);
  return path;
}

std::string text_of_file(const fs::path& path) { return read_file(path, 1 << 20); }

}  // namespace

TEST_CASE("a line of metrics keeps the order of its names and writes numbers in one way") {
  const Metrics metrics{{"reward", 0.1}, {"kl", 1e-7}, {"label/kept", 612}, {"entropy", NAN}};
  CHECK(
      write_json(metrics_record(2, "reasoner", 7, metrics)) ==
      R"({"iteration":2,"phase":"reasoner","step":7,"reward":0.1,"kl":1e-07,"label/kept":612,"entropy":null})");
}

TEST_CASE("a question is written with all its votes") {
  const QuestionRecord question{
      .iteration = 1,
      .phase = "label",
      .step = 0,
      .image = "a.png",
      .question = "How many?",
      .votes = {{"\\boxed{2}", VoteKind::parsed, "2"}, {"hm", VoteKind::unparsed, ""}},
      .label = "2",
      .confidence = 0.5,
      .kept = false,
      .reason = "margin"};
  CHECK(write_json(question_record(question)) ==
        R"({"iteration":1,"phase":"label","step":0,"image":"a.png","question":"How many?",)"
        R"("votes":[{"text":"\\boxed{2}","kind":"parsed","answer":"2"},)"
        R"({"text":"hm","kind":"unparsed","answer":""}],)"
        R"("label":"2","confidence":0.5,"kept":false,"reason":"margin"})");
}

TEST_CASE("a resumed log is cut back to what the checkpoint committed") {
  const fs::path path = fresh_path();
  LogPosition committed;
  {
    JsonlLog log(path);
    log.write({{"step", 1}});
    committed = log.position();
    log.write({{"step", 2}});
  }
  std::ofstream(path, std::ios::app) << R"({"step":)";  // half a line of a killed process
  {
    JsonlLog log(path, committed);
    log.write({{"step", 3}});
  }
  CHECK(text_of_file(path) == "{\"step\":1}\n{\"step\":3}\n");
}

TEST_CASE("a log that does not begin with what was committed is refused") {
  const fs::path path = fresh_path();
  LogPosition committed;
  {
    JsonlLog log(path);
    log.write({{"step", 1}});
    committed = log.position();
  }
  std::ofstream(path) << "{\"step\":7}\n";
  CHECK_THROWS_MATCHES(JsonlLog(path, committed), Error,
                       MessageMatches(ContainsSubstring("does not begin with")));
  std::ofstream(path) << "{}";
  CHECK_THROWS_MATCHES(JsonlLog(path, committed), Error,
                       MessageMatches(ContainsSubstring("shorter than the 11")));
  CHECK_THROWS_AS(JsonlLog("/no/such/folder/log.jsonl"), Error);
}

TEST_CASE("a full disk never leaves half a line") {
  const fs::path path = fresh_path();
  JsonlLog log(path);
  log.write({{"step", 1}});
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{30, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  CHECK_THROWS_MATCHES(log.write({{"text", std::string(100, 'x')}}), Error,
                       MessageMatches(ContainsSubstring("write failed")));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, previous);
  log.write({{"step", 2}});
  CHECK(text_of_file(path) == "{\"step\":1}\n{\"step\":2}\n");
}
