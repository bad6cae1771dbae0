// What a run remembers beside the two models: how far it came, where its logs stood, and under which
// identity its results repeat to the bit.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/report/jsonl.hpp>
#include <visplay/train/config.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace visplay {

struct RunState {
  int iteration = 0;  ///< finished ones
  LogPosition metrics{}, samples{};
  std::string identity{};  ///< of the process that wrote it
};

/// Everything that decides the bits of a result, in one line.
inline std::string run_identity(const SelfPlayConfig& config, int threads) {
  const auto text_of = [](const std::string_view text) { return std::string(text); };
#define VISPLAY_TEXT_OF(name) #name
#define VISPLAY_EXPANDED(name) VISPLAY_TEXT_OF(name)
  auto identity = fmt::format("version {} seed {} threads {} instructions {}", VISPLAY_VERSION,
                              config.seed, threads, text_of(VISPLAY_EXPANDED(VISPLAY_ISA)));
  if (config.lora.rank > 0)
    identity += fmt::format(" lora {} {} {} [{}]", config.lora.rank, config.lora.alpha,
                            config.lora.rslora, fmt::join(config.lora.targets, " "));
  if (config.dtype != DataType::float32) identity += " bfloat16";
  return identity;
#undef VISPLAY_EXPANDED
#undef VISPLAY_TEXT_OF
}

inline void save_run_state(const std::filesystem::path& file, const RunState& state) {
  OrderedJson json;
  json["iteration"] = state.iteration;
  json["identity"] = state.identity;
  json["metrics_bytes"] = state.metrics.bytes;
  json["metrics_hash"] = state.metrics.hash;
  json["samples_bytes"] = state.samples.bytes;
  json["samples_hash"] = state.samples.hash;
  replace_file(file, write_json(json) + "\n");
}

/// @throws Error if a field is missing
inline RunState load_run_state(const std::filesystem::path& file) {
  const auto json = parse_json(read_file(file, 1 << 20), file.string());
  RunState state;
  state.iteration = json_field<int>(json, "iteration", file.string());
  state.identity = json_field<std::string>(json, "identity", file.string());
  state.metrics = {json_field<std::uint64_t>(json, "metrics_bytes", file.string()),
                   json_field<std::string>(json, "metrics_hash", file.string())};
  state.samples = {json_field<std::uint64_t>(json, "samples_bytes", file.string()),
                   json_field<std::string>(json, "samples_hash", file.string())};
  return state;
}

}  // namespace visplay
