#include <visplay/text/question_parser.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/hostile_text.hpp"

using namespace visplay;

namespace {
const TaggedQuestionParser paper{};
const TaggedQuestionParser official{TaggedQuestionParser::Form::type_question_answer};
}  // namespace

TEST_CASE("a question needs its tag and something inside; other tags are read where they stand") {
  const auto question =
      paper("<type>color</type><question> What color is the circle?\n</question>");
  REQUIRE(question);
  CHECK(question->text == "What color is the circle?");
  CHECK(question->type == "color");
  CHECK(question->answer.empty());
  CHECK(paper("<answer>5</answer><question>How many?</question><x>")->answer == "5");
  CHECK(paper("<question>Why?</question>")->type.empty());
}

TEST_CASE("what is not well formed is no question") {
  for (const char* text : {"", "What color is the circle?", "<question></question>",
                           "<question> \n </question>", "<question>What", "What</question>"}) {
    INFO(text);
    CHECK_FALSE(paper(text));
    CHECK_FALSE(official(text));
  }
}

TEST_CASE("the authors' form asks for type, question and answer in this order, anywhere") {
  const auto question = official(
      "Sure! <type>numerical</type> so <question>How many <b>red</b> ones, 3 / 4?</question>\n"
      "<answer> 3 </answer> done <type>");
  REQUIRE(question);
  CHECK(question->type == "numerical");
  CHECK(question->text == "How many <b>red</b> ones, 3 / 4?");  // unlike theirs, not "3/4"
  CHECK(question->answer == "3");
  CHECK_FALSE(official("<question>a</question><type>b</type><answer>c</answer>"));
  CHECK_FALSE(official("<type>b</type><question>a</question>"));
  CHECK_FALSE(official("<type>b</type><question>a</question><answer> </answer>"));
}

TEST_CASE("the authors' form takes the first that fits and allows blanks inside tags") {
  CHECK(official("<type>a</type><question>b</question><question>c</question><answer>d</answer>")
            ->text == "b");
  CHECK(official("< type >a< / type ><\nquestion>b</question ><answer>c</ answer>")->text == "b");
  CHECK_FALSE(official("<ty pe>a</type><question>b</question><answer>c</answer>"));
  // An opening tag inside the content belongs to the content, as in the regular expression.
  CHECK(official("<type>x<type>a</type><question>b</question><answer>d</answer>")->type ==
        "x<type>a");
}

TEST_CASE("any text is read without an error, in time that grows with its length alone") {
  for (int seed = 0; seed < 4000; ++seed) {
    const std::string text = testing::random_markup(Rng(seed));
    for (const auto& parse : {paper, official})
      if (const auto question = parse(text)) CHECK_FALSE(question->text.empty());
  }
  for (const std::string& text : testing::hostile_megabytes())
    for (const auto& parse : {paper, official})
      CHECK(testing::seconds([&] { (void)parse(text); }) < 2);
}
