#include <visplay/text/tags.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/hostile_text.hpp"

using namespace visplay;

TEST_CASE("the content between the tags is found, with everything inside it") {
  CHECK(*tag_content("so: <question>What is <b>it</b>?</question> end", "question") ==
        "What is <b>it</b>?");
  CHECK(*tag_content("<question></question>", "question") == "");
  CHECK(*tag_content("<question>\n a \n</question>", "question") == "\n a \n");
}

TEST_CASE("of several pairs the last counts, of nested ones the inner") {
  CHECK(*tag_content("<q>a</q><q>b</q>", "q") == "b");
  CHECK(*tag_content("<q>a<q>b</q>c</q>", "q") == "b");
}

TEST_CASE("a tag that is not closed, or not opened, is no pair") {
  CHECK_FALSE(tag_content("<q>a", "q"));
  CHECK_FALSE(tag_content("a</q>", "q"));
  CHECK_FALSE(tag_content("</q>a<q>", "q"));
  CHECK(*tag_content("<q>a</q><q>b", "q") == "a");
  CHECK(*tag_content("<q>a</q></q>", "q") == "a");
}

TEST_CASE("only the exact tag counts") {
  CHECK_FALSE(tag_content("<questions>a</questions>", "question"));
  CHECK_FALSE(tag_content("<Question>a</Question>", "question"));
  CHECK_FALSE(tag_content("<question a</question>", "question"));
  CHECK(*tag_content("<<q>a</q>", "q") == "a");
}

TEST_CASE("reasoning is what is thought, and nothing if nothing is") {
  CHECK(reasoning("<think> red circle north </think>\\boxed{red}") == "red circle north");
  CHECK(reasoning("<think></think>\\boxed{red}").empty());
  CHECK(reasoning("<think> \n </think>\\boxed{red}").empty());
  CHECK(reasoning("\\boxed{red}").empty());
}

TEST_CASE("a pair is found in any text, in time that grows with its length alone") {
  for (int seed = 0; seed < 2000; ++seed) {
    const std::string text = testing::random_markup(Rng(seed));
    if (const auto content = tag_content(text, "question")) {
      CHECK(text.find("<question>" + std::string(*content) + "</question>") != std::string::npos);
    }
  }
  for (const std::string& text : testing::hostile_megabytes())
    CHECK(testing::seconds([&] { (void)tag_content(text, "question"); }) < 2);
}
