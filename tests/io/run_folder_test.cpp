#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/run_folder.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace visplay;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Open = RunFolder::Open;

namespace {

fs::path fresh_path() {
  const fs::path folder = fs::temp_directory_path() / "visplay_run_folder_test";
  fs::remove_all(folder);
  return folder / "runs" / "a";
}

}  // namespace

TEST_CASE("a new run folder is made with its parents, also where an empty folder is") {
  const fs::path path = fresh_path();
  { CHECK(fs::is_directory(RunFolder(path, Open::fresh).path())); }
  CHECK_NOTHROW(RunFolder(path, Open::fresh));
}

TEST_CASE("a folder that holds a run is continued only on request") {
  const fs::path path = fresh_path();
  {
    const RunFolder run(path, Open::fresh);
    replace_file(run.config(), "seed: 1\n");
  }
  CHECK_THROWS_MATCHES(RunFolder(path, Open::fresh), UsageError,
                       MessageMatches(ContainsSubstring("give --resume to continue it")));
  CHECK_NOTHROW(RunFolder(path, Open::resume));
  CHECK_THROWS_MATCHES(RunFolder(path / "b", Open::resume), UsageError,
                       MessageMatches(ContainsSubstring("there is no run folder")));
}

TEST_CASE("two processes cannot hold one run folder") {
  const fs::path path = fresh_path();
  {
    const RunFolder run(path, Open::fresh);
    CHECK_THROWS_MATCHES(RunFolder(path, Open::resume), Error,
                         MessageMatches(ContainsSubstring("in use by another process (pid " +
                                                          std::to_string(::getpid()) + " on ")));
  }
  CHECK_NOTHROW(RunFolder(path, Open::resume));
}

TEST_CASE("a run folder that cannot be written is one sentence") {
  const fs::path path = fresh_path();
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "a file";
  CHECK_THROWS_MATCHES(RunFolder(path, Open::fresh), Error,
                       MessageMatches(ContainsSubstring("cannot be made: ")));
  CHECK_THROWS_AS(RunFolder("/proc/visplay/run", Open::fresh), Error);
}

TEST_CASE("the next free run folder counts up") {
  const fs::path parent = fresh_path().parent_path();
  CHECK(next_run_folder(parent) == parent / "001");
  fs::create_directories(parent / "001");
  CHECK(next_run_folder(parent) == parent / "002");
}
