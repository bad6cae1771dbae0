// What every program does the same way: --help, --version, --config, flags as keys, exit codes, one
// line on stderr, and stopping cleanly on SIGINT and SIGTERM.
//
//   int main(int argc, char** argv) {
//     const ProgramInfo info{.name = "visplay_generate", .summary = "Completions of a prompt ..."};
//     return run_program(argc, argv, info, GenerateOptions{}, [](const auto& resolved) {
//       generate(resolved.config);
//       return 0;
//     });
//   }
//
// Exit codes: what the body returns; 1 for data and environment (Error and anything else that is
// thrown), 2 for usage and config (UsageError), 128 + signal for a body that returns stop_code().
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/core/error.hpp>
#include <visplay/io/yaml_config.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#ifndef VISPLAY_VERSION
#define VISPLAY_VERSION "unversioned"
#endif

extern "C" char** environ;

namespace visplay {

struct ProgramInfo {
  std::string_view name{};
  std::string_view summary{};       ///< one or more lines, for the top of --help
  std::string_view examples{};      ///< lines of use, shown below the summary
  bool strict_environment = false;  ///< refuse VISPLAY_ names that are no key of this program
};

namespace detail {

inline volatile std::sig_atomic_t stop_signal_number = 0;

// The first signal asks for a stop; SA_RESETHAND lets the second one end the process at once.
inline void watch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { stop_signal_number = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// libtorch's messages go on with a stack trace; only the first line says what happened.
inline std::string first_line(std::string_view message) {
  return std::string(message.substr(0, message.find('\n')));
}

inline std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const auto equals = text.find('='); equals != std::string_view::npos)
      variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

inline bool is_key_in_environment(std::string_view name, const std::vector<Field>& fields) {
  const std::vector<std::pair<std::string, std::string>> one{{std::string(name), ""}};
  try {
    return !environment_settings(one, fields, {}).empty();
  } catch (const UsageError&) {
    return false;
  }
}

inline void print_help(const ProgramInfo& info, const std::vector<Field>& fields) {
  std::printf("%s: %s\n\nUsage: %s [--config FILE] [--KEY VALUE ...]\n",
              std::string(info.name).c_str(), std::string(info.summary).c_str(),
              std::string(info.name).c_str());
  if (!info.examples.empty()) std::printf("%s\n", std::string(info.examples).c_str());
  std::printf(
      "\n  --config FILE  YAML with the keys below; may be given several times, later files win\n"
      "  --help         print this\n"
      "  --version      print the version\n\n"
      "Keys, with their defaults. A key of a file is the same without the dashes; in the\n"
      "environment it is VISPLAY_KEY with two underscores for a dot. Flags beat the environment,\n"
      "the environment beats files.\n\n%s",
      help_of(fields).c_str());
}

}  // namespace detail

/// The signal that asked the program to stop, or 0. Loops look at it between steps.
[[nodiscard]] inline int stop_requested() { return detail::stop_signal_number; }

/// The exit code of a program that was asked to stop and did: 130 or 143.
[[nodiscard]] inline int stop_code() { return 128 + detail::stop_signal_number; }

/// Runs the body and turns what it throws into one line on stderr and an exit code.
inline int run_guarded(std::string_view name, const std::function<int()>& body) {
  const auto fail = [name](int code, const std::string& message) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", std::string(name).c_str(), message.c_str());
    return code;
  };
  try {
    const int code = body();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return fail(1, "standard output cannot be written");
    return code;
  } catch (const UsageError& error) {
    return fail(2, detail::first_line(error.what()));
  } catch (const std::bad_alloc&) {
    return fail(1, "out of memory");
  } catch (const std::exception& error) {
    return fail(1, detail::first_line(error.what()));
  }
}

/// Arguments and environment as sources of a config; --config FILE is taken out of the arguments.
/// Empty if --help or --version was asked for, which it then has printed.
/// @throws UsageError  --config without a file
[[nodiscard]] inline std::optional<ConfigSources> program_sources(
    int argc, char** argv, const ProgramInfo& info, const std::vector<Field>& fields) {
  ConfigSources sources;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") return detail::print_help(info, fields), std::nullopt;
    if (word == "--version")
      return std::printf("%s %s\n", std::string(info.name).c_str(), VISPLAY_VERSION), std::nullopt;
    if (word.starts_with("--config="))
      sources.files.emplace_back(word.substr(9));
    else if (word == "--config" && i + 1 < argc)
      sources.files.emplace_back(argv[++i]);
    else if (word == "--config")
      throw UsageError("--config: a file is missing");
    else
      sources.arguments.push_back(word);
  }
  sources.environment = detail::process_environment();
  if (!info.strict_environment)
    std::erase_if(sources.environment,
                  [&](const auto& e) { return !detail::is_key_in_environment(e.first, fields); });
  return sources;
}

/// A whole program of a described options struct: body(const Resolved<Options>&) -> exit code.
template <Described Options, class Body>
int run_program(int argc, char** argv, const ProgramInfo& info, const Options& defaults,
                const Body& body) {
  detail::watch_stop_signals();
  return run_guarded(info.name, [&] {
    Options shown = defaults;
    const auto sources = program_sources(argc, argv, info, fields_of(shown));
    return sources ? int(body(resolve_config<Options>(*sources, defaults))) : 0;
  });
}

/// The folder with the embedded model and the demo's config: VISPLAY_DATA, else ../share/visplay
/// beside the executable, else the source tree that the program was built in.
/// @throws Error  none of them is there
[[nodiscard]] inline std::filesystem::path data_folder() {
  namespace fs = std::filesystem;
  std::error_code failure;
  if (const char* named = std::getenv("VISPLAY_DATA"); named != nullptr && *named != '\0') {
    check(fs::is_directory(named, failure), "VISPLAY_DATA: {} is not a folder", named);
    return named;
  }
  std::vector<fs::path> places;
  if (const auto self = fs::read_symlink("/proc/self/exe", failure); !failure)
    places.push_back(self.parent_path().parent_path() / "share" / "visplay");
#ifdef VISPLAY_SOURCE_DATA
  places.emplace_back(VISPLAY_SOURCE_DATA);
#endif
  for (const auto& place : places)
    if (fs::is_directory(place, failure)) return place;
  throw Error("the program's data (the embedded model) is not installed; set VISPLAY_DATA to it");
}

}  // namespace visplay
