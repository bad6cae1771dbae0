// Golden values of tests/golden, and files beside the repo that only some machines have.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace visplay::testing {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(VISPLAY_SOURCE_DIR) / "tests" / "golden" / name;
}

/// Keep the result in a variable: a range-for over a part of a temporary dangles.
inline nlohmann::json golden(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(golden_path(name)));
}

/// A file in ../shared beside the repo; tests skip, and say so, where it does not exist.
inline std::filesystem::path shared_path(const std::string& name) {
  return std::filesystem::path(VISPLAY_SOURCE_DIR) / ".." / "shared" / name;
}

}  // namespace visplay::testing
