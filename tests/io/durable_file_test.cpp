#include <visplay/io/durable_file.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

using namespace visplay;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

fs::path fresh_folder() {
  const fs::path folder = fs::temp_directory_path() / "visplay_durable_file_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

// While it lives, no file can grow beyond `bytes`: what a full disk does to a write.
struct FullDisk {
  explicit FullDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before);
    previous = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{bytes, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, previous);
  }
  rlimit before{};
  void (*previous)(int) = nullptr;
};

}  // namespace

TEST_CASE("a replaced file holds the new text and nothing else is left") {
  const fs::path folder = fresh_folder();
  replace_file(folder / "a", "old");
  replace_file(folder / "a", "new and longer");
  CHECK(read_file(folder / "a", 100) == "new and longer");
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 1);
}

TEST_CASE("a full disk leaves the old file in place and is one sentence") {
  const fs::path folder = fresh_folder();
  replace_file(folder / "a", "old");
  {
    const FullDisk full(1000);
    CHECK_THROWS_MATCHES(replace_file(folder / "a", std::string(5000, 'x')), Error,
                         MessageMatches(ContainsSubstring("a.tmp: write failed: ")));
  }
  CHECK(read_file(folder / "a", 100) == "old");
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 1);
}

TEST_CASE("a file that is too large or missing is refused") {
  const fs::path folder = fresh_folder();
  replace_file(folder / "a", "four");
  CHECK_THROWS_AS(read_file(folder / "a", 3), Error);
  CHECK_THROWS_AS(read_file(folder / "b", 3), Error);
  CHECK_THROWS_AS(read_file(folder, 1 << 20), Error);
  CHECK_THROWS_AS(replace_file(folder / "no" / "a", ""), Error);
}

TEST_CASE("the hash is that of the reference tool") {
  const fs::path folder = fresh_folder();
  replace_file(folder / "empty", "");
  replace_file(folder / "a", "visplay");
  // xxhsum -H2 of xxHash 0.8.1
  CHECK(file_hash(folder / "empty") == "99aa06d3014798d86001c324468d497f");
  CHECK(file_hash(folder / "a") == "5c0c0439b81c6f59fa9091cca2a57fc9");
}

TEST_CASE("a disk without enough space is named with numbers") {
  CHECK_NOTHROW(check_free_space(fs::temp_directory_path(), 1));
  CHECK_THROWS_MATCHES(check_free_space(fs::temp_directory_path(), std::uintmax_t(1) << 60), Error,
                       MessageMatches(ContainsSubstring("MB are needed")));
}
