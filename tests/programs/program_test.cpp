// Runs the program of examples/common/program.hpp in child processes, as a user sees it.
#include "../../examples/common/program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

struct Greeting {
  std::string name = "world";
  int times = 1;
};
void describe(auto& visit, OfType<Greeting> auto& g) {
  visit("name", g.name, "whom to greet");
  visit("times", g.times, "how often", between(1, 3));
}

struct Outcome {
  int code = 0;
  std::string out, err;
};

std::string text_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The greeting program with those arguments; `body` may throw or wait for a signal.
template <class Body>
Outcome greet(std::vector<std::string> arguments, const Body& body, int signal = 0) {
  const fs::path folder = fs::temp_directory_path();
  const auto out = folder / "visplay_program_out", err = folder / "visplay_program_err";
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
    std::vector<char*> argv{const_cast<char*>("greet")};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    const ProgramInfo info{.name = "greet", .summary = "says hello"};
    const int code = run_program(int(argv.size()), argv.data(), info, Greeting{}, body);
    std::fflush(stdout);
    ::_exit(code);
  }
  if (signal != 0) {
    ::usleep(200'000);
    ::kill(child, signal);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), text_of_file(out),
          text_of_file(err)};
}

int hello(const Resolved<Greeting>& resolved) {
  for (int i = 0; i < resolved.config.times; ++i)
    std::printf("hello %s\n", resolved.config.name.c_str());
  return 0;
}

}  // namespace

TEST_CASE("a program reads flags, config file and environment") {
  CHECK(greet({}, hello).out == "hello world\n");
  const fs::path file = fs::temp_directory_path() / "visplay_program.yaml";
  std::ofstream(file) << "name: file\ntimes: 2\n";
  CHECK(greet({"--config", file.string()}, hello).out == "hello file\nhello file\n");
  CHECK(greet({"--config=" + file.string(), "--times", "1"}, hello).out == "hello file\n");
  ::setenv("VISPLAY_NAME", "environment", 1);
  ::setenv("VISPLAY_OF_ANOTHER_PROGRAM", "x", 1);
  CHECK(greet({"--config", file.string(), "--times=1"}, hello).out == "hello environment\n");
  ::unsetenv("VISPLAY_NAME");
  ::unsetenv("VISPLAY_OF_ANOTHER_PROGRAM");
}

TEST_CASE("help and version go to standard output and end with 0") {
  const auto help = greet({"--help"}, hello);
  CHECK(help.code == 0);
  CHECK_THAT(help.out, ContainsSubstring("greet: says hello") && ContainsSubstring("--times 1"));
  const auto version = greet({"--times", "9", "--version"}, hello);
  CHECK(version.code == 0);
  CHECK_THAT(version.out, ContainsSubstring("greet "));
}

TEST_CASE("wrong usage ends with 2 and one line, failure with 1 and one line") {
  const auto usage = greet({"--times", "9"}, hello);
  CHECK(usage.code == 2);
  CHECK(usage.out.empty());
  CHECK(usage.err == "greet: times: expected an integer, from 1 to 3, got '9' (flag)\n");
  CHECK(greet({"--tmes", "1"}, hello).code == 2);
  CHECK(greet({"--config"}, hello).code == 2);
  CHECK(greet({"--config", "/no/such.yaml"}, hello).code == 2);

  const auto failed = greet({}, [](const auto&) -> int { throw Error("no model here"); });
  CHECK(failed.code == 1);
  CHECK(failed.err == "greet: no model here\n");
  const auto foreign =
      greet({}, [](const auto&) -> int { throw std::runtime_error("what\n  a stack trace"); });
  CHECK(foreign.code == 1);
  CHECK(foreign.err == "greet: what\n");
  const auto memory = greet({}, [](const auto&) -> int { throw std::bad_alloc(); });
  CHECK(memory.code == 1);
  CHECK(memory.err == "greet: out of memory\n");
}

TEST_CASE("a signal lets the step finish and ends with 128 plus its number") {
  const auto work = [](const auto&) -> int {
    while (stop_requested() == 0) ::usleep(1000);
    std::puts("step finished");
    return stop_code();
  };
  const auto interrupted = greet({}, work, SIGINT);
  CHECK(interrupted.code == 130);
  CHECK(interrupted.out == "step finished\n");
  CHECK(greet({}, work, SIGTERM).code == 143);
}

TEST_CASE("output that cannot be written is a failure") {
  const auto full = greet({}, [](const auto& resolved) {
    ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO);
    return hello(resolved);
  });
  CHECK(full.code == 1);
  CHECK(full.err == "greet: standard output cannot be written\n");
}

TEST_CASE("the data folder named in the environment must be there") {
  ::setenv("VISPLAY_DATA", "/no/such/folder", 1);
  CHECK_THROWS_AS(data_folder(), Error);
  ::setenv("VISPLAY_DATA", "/tmp", 1);
  CHECK(data_folder() == "/tmp");
  ::unsetenv("VISPLAY_DATA");
}
