#include <visplay/core/error.hpp>
#include <visplay/io/image_source.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/temp_folder.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

const Image grey{.height = 1, .width = 2, .pixels = std::vector<std::uint8_t>(6, 77), .source = ""};

void check_refused(const std::filesystem::path& source, const std::string& reason) {
  CHECK_THROWS_MATCHES(list_images(source), Error, MessageMatches(ContainsSubstring(reason)));
}

}  // namespace

TEST_CASE("a folder gives its PNG, JPEG and WebP files, those of subfolders too, sorted") {
  const test::TempFolder temp;
  for (const auto name :
       {"b.png", "a/z.JPG", "a/y.jpeg", "a/x.WebP", "c.txt", "d.png.part", "B.png"})
    temp.write(name, "");
  std::vector<std::string> names;
  for (const auto& path : list_images(temp / ""))
    names.push_back(path.lexically_relative(temp / "").generic_string());
  CHECK(names == std::vector<std::string>{"B.png", "a/x.WebP", "a/y.jpeg", "a/z.JPG", "b.png"});
}

TEST_CASE("a list gives its images in its order, relative to itself") {
  const test::TempFolder temp;
  std::filesystem::create_directories(temp / "pictures");
  write_png(temp / "pictures/two.png", grey);
  write_png(temp / "one.png", grey);
  const auto list = temp.write("list.jsonl",
                               "{\"image\": \"pictures/two.png\", \"other\": 3}\n\n"
                               "{\"image\": \"one.png\"}\n");
  const ImageSource images(list);
  REQUIRE(images.size() == 2);
  CHECK(images.paths()[0] == temp / "pictures/two.png");
  CHECK(images.load(1)->pixels == grey.pixels);
  CHECK_THROWS_AS(images.load(2), Error);
}

TEST_CASE("a source without images says so in one line") {
  const test::TempFolder temp;
  std::filesystem::create_directories(temp / "empty");
  check_refused(temp / "empty", "found none");
  check_refused(temp / "nowhere", "no such folder or file");
  check_refused(temp.write("none.jsonl", "\n"), "found none");
  check_refused(temp.write("broken.jsonl", "{\"image\": \n"), "broken.jsonl:1");
  check_refused(temp.write("list.jsonl", "[1]\n"), "list.jsonl:1");
  check_refused(temp.write("field.jsonl", "{\"picture\": \"a\"}\n"), "'image' is missing");
  check_refused(temp.write("number.jsonl", "{\"image\": 3}\n"), "number.jsonl:1");
  check_refused(temp.write("gone.jsonl", "{\"image\": \"gone.png\"}\n"), "gone.png");
  check_refused(temp.write("single.png", ""), "got one image");
}
