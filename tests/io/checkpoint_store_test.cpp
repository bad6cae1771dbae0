#include <visplay/core/error.hpp>
#include <visplay/io/checkpoint_store.hpp>
#include <visplay/io/durable_file.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace visplay;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

fs::path fresh_folder() {
  const fs::path folder = fs::temp_directory_path() / "visplay_checkpoint_store_test";
  fs::remove_all(folder);
  return folder / "run" / "checkpoints";
}

// A checkpoint of three files in the layout of a run, its content a function of n.
void write_state(const fs::path& folder, int n) {
  for (const char* name :
       {"questioner/model.safetensors", "reasoner/model.safetensors", "trainer/state.json"}) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << name << std::string(std::size_t(1000 + n), char('a' + n % 26));
  }
}

void commit(CheckpointStore& store, int n) {
  store.commit({.name = "iteration-0" + std::to_string(n), .sequence = n},
               [n](const fs::path& folder) { write_state(folder, n); });
}

bool holds_state(const fs::path& folder, int n) {
  const auto name = "trainer/state.json";
  return read_file(folder / name, 10'000) ==
         name + std::string(std::size_t(1000 + n), char('a' + n % 26));
}

struct Killed {};  // not an Error: nothing in the library may catch it

}  // namespace

TEST_CASE("a commit is found again with everything that was written") {
  const fs::path folder = fresh_folder();
  CheckpointStore store(folder);
  CHECK_FALSE(store.latest_complete());
  commit(store, 1);
  commit(store, 2);
  const auto latest = store.latest_complete();
  REQUIRE(latest);
  CHECK(latest->name == "iteration-02");
  CHECK(latest->sequence == 2);
  CHECK(holds_state(latest->folder, 2));
  CHECK(read_file(folder / "LATEST", 100) == "iteration-02\n");
  CHECK(store.complete().front().name == "iteration-01");
}

TEST_CASE("a kill before any step of a commit leaves the last complete checkpoint to resume from") {
  // Fail at the first step, the second ... until a commit goes through (as SQLite is tested).
  bool went_through = false;
  for (int fatal_step = 0; !went_through; ++fatal_step) {
    REQUIRE(fatal_step < 50);
    CAPTURE(fatal_step);
    const fs::path folder = fresh_folder();
    {
      CheckpointStore store(folder);
      commit(store, 1);
      int step = 0;
      bool renamed = false;
      store.before_step = [&](std::string_view name) {
        if (step++ == fatal_step) throw Killed{};
        renamed = renamed || name == "rename";
      };
      try {
        commit(store, 2);
        went_through = true;
      } catch (const Killed&) {
      }
      const auto latest = store.latest_complete();
      REQUIRE(latest);
      CHECK(holds_state(latest->folder, renamed ? 2 : 1));
    }
    // The next process cleans up and commits again.
    CheckpointStore store(folder);
    if (store.latest_complete()->sequence == 1) commit(store, 2);
    CHECK(holds_state(store.latest_complete()->folder, 2));
    for (const auto& entry : fs::directory_iterator(folder))
      CHECK(entry.path().extension() != ".tmp");
  }
}

TEST_CASE("a failure while writing leaves no checkpoint of that name") {
  CheckpointStore store(fresh_folder());
  commit(store, 1);
  CHECK_THROWS_AS(store.commit({.name = "iteration-02", .sequence = 2},
                               [](const fs::path& folder) {
                                 write_state(folder, 2);
                                 throw Error("disk full");
                               }),
                  Error);
  CHECK(store.latest_complete()->sequence == 1);
  commit(store, 2);
  CHECK(store.latest_complete()->sequence == 2);
}

TEST_CASE("damage of any kind makes the checkpoint before it the latest") {
  const fs::path folder = fresh_folder();
  CheckpointStore store(folder);
  commit(store, 1);
  commit(store, 2);
  const fs::path broken = folder / "iteration-02", file = broken / "reasoner/model.safetensors";
  std::string reason;
  SECTION("a truncated file") {
    fs::resize_file(file, 100);
    reason = "expected 1028 bytes, got 100";
  }
  SECTION("a changed byte") {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(500);
    stream.put('!');
    reason = "not what was committed";
  }
  SECTION("a missing file") {
    fs::remove(file);
    reason = "is missing";
  }
  SECTION("a missing manifest") {
    fs::remove(broken / "MANIFEST.json");
    reason = "has no MANIFEST.json";
  }
  SECTION("a truncated manifest") {
    fs::resize_file(broken / "MANIFEST.json", 60);
    reason = "not JSON";
  }
  SECTION("a manifest that points outside") {
    std::ofstream(broken / "MANIFEST.json")
        << R"({"format":1,"name":"iteration-02","sequence":2,"files":[{"path":"../LATEST"}]})";
    reason = "leaves the folder";
  }
  SECTION("a manifest of another checkpoint") {
    fs::copy_file(folder / "iteration-01/MANIFEST.json", broken / "MANIFEST.json",
                  fs::copy_options::overwrite_existing);
    reason = "is of another checkpoint";
  }
  const auto defect = CheckpointStore::defect(broken);
  REQUIRE(defect);
  CHECK_THAT(*defect, ContainsSubstring(reason));
  CHECK(store.latest_complete()->name == "iteration-01");
  commit(store, 2);  // replaces the damaged one
  CHECK(holds_state(store.latest_complete()->folder, 2));
}

TEST_CASE("a complete checkpoint is never overwritten") {
  CheckpointStore store(fresh_folder());
  commit(store, 1);
  CHECK_THROWS_MATCHES(commit(store, 1), Error,
                       MessageMatches(ContainsSubstring("exists and is complete")));
  CHECK(holds_state(store.latest_complete()->folder, 1));
}

TEST_CASE("pruning keeps the newest complete checkpoints and does not count damaged ones") {
  const fs::path folder = fresh_folder();
  CheckpointStore store(folder);
  for (int n = 1; n <= 4; ++n) commit(store, n);
  fs::resize_file(folder / "iteration-04/trainer/state.json", 3);
  store.prune(2);
  const auto left = store.complete();
  REQUIRE(left.size() == 2);
  CHECK(left[0].name == "iteration-02");
  CHECK(left[1].name == "iteration-03");
}

TEST_CASE("a process killed at any moment leaves a complete checkpoint") {
  const fs::path folder = fresh_folder();
  {
    CheckpointStore store(folder);
    commit(store, 1);
  }
  for (int attempt = 0; attempt < 12; ++attempt) {
    const auto before = CheckpointStore(folder).latest_complete()->sequence;
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        CheckpointStore store(folder);
        for (auto n = before + 1;; ++n)
          store.commit({.name = "step-" + std::to_string(n), .sequence = n},
                       [n](const fs::path& f) { write_state(f, int(n)); });
      } catch (...) {
        ::_exit(1);
      }
    }
    ::usleep(useconds_t(1000 + 3700 * attempt));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    const auto latest = CheckpointStore(folder).latest_complete();
    REQUIRE(latest);
    CHECK(latest->sequence >= before);
    CHECK(holds_state(latest->folder, int(latest->sequence)));
  }
}

TEST_CASE("a place where no folder can be made is one sentence") {
  const fs::path file = fs::temp_directory_path() / "visplay_no_folder";
  std::ofstream(file) << "a file";
  CHECK_THROWS_MATCHES(CheckpointStore(file / "checkpoints"), Error,
                       MessageMatches(ContainsSubstring("cannot be made: Not a directory")));
  CheckpointStore store(fresh_folder());
  CHECK_THROWS_AS(store.commit({.name = "../x"}, [](const fs::path&) {}), Error);
  CHECK_THROWS_MATCHES(
      store.commit({.name = "huge", .bytes = std::uintmax_t(1) << 60}, [](const fs::path&) {}),
      Error, MessageMatches(ContainsSubstring("MB are needed")));
}
