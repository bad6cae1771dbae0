// The tiny random checkpoints of tests/golden/tiny_*: files committed, weights made from a rule.
//
//   write_tiny_checkpoint("qwen", folder);   // an HF folder with weights in an existing folder
//
// The rule is stated in tests/golden/make/tiny_checkpoints.py. Digest: tests/golden/make/
// model_parity.py.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_writer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/golden.hpp"

namespace visplay::testing {

/// The 64-bit numbers behind a tensor of the rule.
class RuleBits {
 public:
  RuleBits(std::uint64_t seed, std::string_view name) {
    for (const char c : std::to_string(seed) + "/" + std::string(name))
      state_ = (state_ ^ std::uint8_t(c)) * 0x100000001B3u;
  }
  std::uint64_t operator()(std::uint64_t index) const {
    std::uint64_t z = state_ + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325u;
};

inline std::vector<float> rule_values(std::uint64_t seed, std::string_view name, std::int64_t count,
                                      double base, double scale) {
  const RuleBits bits(seed, name);
  std::vector<float> values(count);
  for (std::int64_t i = 0; i < count; ++i)
    values[i] = float(base + scale * (double(bits(i) >> 40) / 8388608. - 1.));
  return values;
}

/// Copies the committed files of tests/golden/tiny_<name> and makes model.safetensors.
inline void write_tiny_checkpoint(std::string_view name, const std::filesystem::path& out) {
  const auto source = golden_path("tiny_" + std::string(name));
  for (const auto& file : std::filesystem::directory_iterator(source))
    if (const auto kind = file.path().extension(); kind == ".json" || kind == ".jinja")
      std::filesystem::copy_file(file.path(), out / file.path().filename(),
                                 std::filesystem::copy_options::overwrite_existing);
  const auto rule = nlohmann::json::parse(std::ifstream(source / "weights.json"));
  std::list<std::vector<float>> values;
  std::vector<TensorEntry> entries;
  for (const auto& tensor : rule.at("tensors")) {
    TensorEntry entry{.name = tensor.at(0), .shape = tensor.at(1), .bytes = {}};
    const auto& made = values.emplace_back(
        rule_values(rule.at("seed"), entry.name, entry.numel(), tensor.at(2), tensor.at(3)));
    entry.bytes = std::as_bytes(std::span(made));
    entries.push_back(std::move(entry));
  }
  write_safetensors(out / "model.safetensors", entries);
}

/// The fingerprint of a tensor: norm, 8 projections on random signs, 64 samples.
struct Digest {
  double norm = 0;
  std::array<double, 8> projections{};
  std::array<float, 64> samples{};

  explicit Digest(std::span<const float> values) {
    double squares = 0;
    for (const float value : values) squares += double(value) * value;
    norm = std::sqrt(squares);
    for (int k = 0; k < 8; ++k) {
      const RuleBits bits(0, "projection/" + std::to_string(k));
      for (std::size_t i = 0; i < values.size(); ++i)
        projections[k] += bits(i) >> 63 ? values[i] : -values[i];
    }
    const RuleBits bits(0, "samples");
    for (int s = 0; s < 64; ++s) samples[s] = values[bits(s) % values.size()];
  }
};

}  // namespace visplay::testing
