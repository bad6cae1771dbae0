#include <visplay/core/error.hpp>
#include <visplay/io/text_file.hpp>

#include <catch2/catch_test_macros.hpp>

#include <tests/support/tiny_checkpoint.hpp>

#include "support/temp_folder.hpp"

using namespace visplay;

TEST_CASE("a text file is read back whole, replaced whole, and bounded") {
  const test::TempFolder folder;
  const auto file = folder.path() / "a.txt";
  write_text_file(file, "one\r\ntwo");
  write_text_file(file, "three");
  CHECK(read_text_file(file, 5) == "three");
  CHECK_THROWS_AS(read_text_file(file, 4), Error);
  CHECK_THROWS_AS(read_text_file(folder.path() / "none", 4), Error);
  CHECK_THROWS_AS(read_text_file(folder.path(), 4096), Error);
  CHECK_THROWS_AS(write_text_file(folder.path() / "no" / "a.txt", "x"), Error);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
