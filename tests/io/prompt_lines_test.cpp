#include <visplay/io/prompt_lines.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/temp_folder.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

Image gray(int side) { return {side, side, std::vector<std::uint8_t>(3 * side * side, 77), ""}; }

}  // namespace

TEST_CASE("prompt lines name pictures relative to their file, one, several or none") {
  const test::TempFolder folder;
  const auto file = folder.write("data/lines.jsonl",
                                 R"({"image": "../a.png", "prompt": "p", "completion": "c"}
{"images": ["../a.png", "b.png"], "system": "s", "prompt": "", "completion": "", "more": 1}

{"prompt": "q", "completion": "d", "system": null})");
  write_png(folder / "a.png", gray(3));
  write_png(folder / "data/b.png", gray(4));
  const auto lines = read_prompt_lines(file);
  REQUIRE(lines.size() == 3);
  PromptLoader load;
  const auto first = load(lines[0]), second = load(lines[1]), third = load(lines[2]);
  CHECK(first.text == "p");
  CHECK(!first.system);
  CHECK(lines[0].completion == "c");
  REQUIRE(second.images.size() == 2);
  CHECK(second.images[0] == first.images[0]);  // one copy
  CHECK(second.images[1]->height == 4);
  CHECK(second.system == "s");
  CHECK(lines[1].source["more"] == 1);
  CHECK(third.images.empty());
}

TEST_CASE("a bad prompt line is refused with its file, line and reason") {
  const test::TempFolder folder;
  const auto refuses = [&](const char* line, const char* reason) {
    const auto file = folder.write("lines.jsonl", std::string("\n") + line);
    CHECK_THROWS_MATCHES(
        read_prompt_lines(file), Error,
        MessageMatches(ContainsSubstring("lines.jsonl:2") && ContainsSubstring(reason)));
  };
  refuses(R"({"completion": "c"})", "'prompt' is missing");
  refuses(R"({"prompt": "p"})", "'completion' is missing");
  refuses(R"({"prompt": 3, "completion": "c"})", "'prompt'");
  refuses(R"({"prompt": "p", "completion": "c", "image": "no.png"})", "no picture");
  refuses(R"({"prompt": "p", "completion": "c", "images": "no.png"})", "a list");
  refuses(R"({"prompt": "p", "completion": "c", "images": [1]})", "file names");
  refuses(R"({"prompt": "p", "completion": "c", "image": "a", "images": []})", "both");
}
