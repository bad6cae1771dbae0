#include <visplay/curriculum/archive.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

namespace {
std::vector<float> shares(const QuestionArchive& archive, std::vector<std::string_view> texts,
                          int threads = 1) {
  ThreadPool pool(threads);
  return archive.shares(texts, pool);
}
}  // namespace

TEST_CASE("a question pays for its like in the archive") {
  QuestionArchive archive;
  CHECK(shares(archive, {"What color is the circle?"}) == std::vector<float>{0});
  for (const char* text : {"What color is the circle?", "How many bars does the chart have?",
                           "What color is the circle?", "Where is the dog in this picture?"})
    archive.add(text);
  CHECK(shares(archive, {"What color is the circle?", "Who wrote the second book on it?", ""}) ==
        std::vector<float>{0.5f, 0, 0});
  CHECK(shares(archive, {}).empty());
}

TEST_CASE("the archive forgets the oldest") {
  QuestionArchive archive{.capacity = 3};
  for (const char* text : {"a", "b", "c", "d"}) archive.add(text);
  CHECK(archive.questions == std::vector<std::string>{"b", "c", "d"});
  archive.capacity = 1;
  archive.add("e");
  CHECK(archive.questions == std::vector<std::string>{"e"});
  archive.capacity = 0;
  CHECK_THROWS_AS(archive.add("f"), Error);
}

TEST_CASE("the earlier question is the hypothesis, as in a batch") {
  // All of the short one is in the long one, half of the long one in the short one: BLEU against the
  // longer reference is cut by its brevity, against the shorter one by its precision.
  const std::string brief = "is the circle left of the square", longer = brief + " or of the cross";
  const double forward = sentence_bleu(brief, longer), backward = sentence_bleu(longer, brief);
  REQUIRE(forward != backward);
  const double between = 1 - (forward + backward) / 2;
  QuestionArchive archive{.threshold = between, .questions = {brief}};
  CHECK(shares(archive, {longer})[0] == (forward > backward ? 1.f : 0.f));
}

TEST_CASE("what is put back is the same archive, on any number of threads") {
  QuestionArchive archive{.capacity = 5, .threshold = 0.4};
  for (int i = 0; i < 9; ++i) archive.add("how many bars are left of bar " + std::to_string(i));
  const QuestionArchive restored{archive.capacity, archive.threshold, archive.questions};
  CHECK(restored == archive);
  const std::vector<std::string_view> texts{"how many bars are left of bar 7", "what is that"};
  CHECK(shares(restored, texts) == shares(archive, texts, 2));
}
