// What tests of tiny policies share: the committed prompts and completions, and how far our numbers
// are from golden ones.
#pragma once

#include <visplay/io/image_codec.hpp>
#include <visplay/io/json_lines.hpp>
#include <visplay/policy/policy.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "support/temp_folder.hpp"
#include "support/tiny_checkpoint.hpp"

namespace visplay::testing {

struct Case {
  Prompt prompt;
  std::string completion;
};

inline std::vector<Case> read_cases(const std::filesystem::path& file) {
  std::vector<Case> cases;
  for_each_json_line(file, [&](const Json& line, const std::string& where) {
    Case made{.prompt = {.text = json_field<std::string>(line, "prompt", where)},
              .completion = json_field<std::string>(line, "completion", where)};
    if (line.contains("system")) made.prompt.system = line["system"].get<std::string>();
    auto names = line.value("images", std::vector<std::string>{});
    if (line.contains("image")) names = {line["image"].get<std::string>()};
    for (const auto& name : names)
      made.prompt.images.push_back(std::make_shared<Image>(read_image(file.parent_path() / name)));
    cases.push_back(std::move(made));
  });
  return cases;
}

inline float largest(std::span<const float> values) {
  float found = 0;
  for (const float value : values) found = std::max(found, std::abs(value));
  return found;
}

/// Largest difference; infinite if the lengths differ.
inline double distance(std::span<const float> ours, std::span<const float> theirs) {
  if (ours.size() != theirs.size()) return std::numeric_limits<double>::infinity();
  double found = 0;
  for (std::size_t i = 0; i < ours.size(); ++i)
    found = std::max(found, double(std::abs(ours[i] - theirs[i])));
  return found;
}

inline double distance(const at::Tensor& ours, const std::vector<float>& theirs) {
  return distance(to_vector<float>(ours), theirs);
}

/// Whether a tensor has the golden digest: samples differ by at most `sample`, norm and projections
/// by at most `whole` in the Frobenius sense (4 sigma).
inline void check_digest(std::span<const float> ours, const std::vector<float>& golden,
                         double sample, double whole) {
  const Digest digest(ours);
  REQUIRE(golden.size() == 73);
  CHECK_THAT(digest.norm, Catch::Matchers::WithinAbs(golden[0], whole));
  for (int k = 0; k < 8; ++k)
    CHECK_THAT(digest.projections[k], Catch::Matchers::WithinAbs(golden[1 + k], 4 * whole));
  CHECK(distance(digest.samples, std::span(golden).subspan(9)) <= sample);
}

inline ModelBatch collate_one(const QwenPolicy& policy, const EncodedPrompt& prompt,
                              std::span<const std::int64_t> completion = {}) {
  const SampleTokens sample{&prompt, completion};
  return policy.collate({&sample, 1});
}

inline std::string key(std::size_t line, const char* name) {
  return std::to_string(line) + "/" + name;
}

/// A tiny checkpoint's policy with storage of its own.
inline QwenPolicy tiny_policy(const std::string& name) {
  static std::map<std::string, QwenPolicy> loaded;
  if (!loaded.contains(name)) {
    const test::TempFolder folder;
    write_tiny_checkpoint(name, folder / "");
    loaded.emplace(name, load_policy(folder / ""));
  }
  return loaded.at(name).clone();
}

/// The committed cases of a tiny checkpoint.
inline std::vector<Case> tiny_cases(const std::string& name) {
  return read_cases(golden_path("tiny_" + name) / "cases.jsonl");
}

/// The cases' prompts and completions, encoded: what a batch of them points to.
struct BatchOfCases {
  std::vector<EncodedPrompt> prompts;
  std::vector<std::vector<std::int64_t>> completions;

  BatchOfCases(const QwenPolicy& policy, const std::vector<Case>& cases) {
    for (const auto& one : cases) {
      prompts.push_back(policy.encode(one.prompt));
      completions.push_back(policy.assets().tokenizer.encode(one.completion));
    }
  }
  ModelBatch collate(const QwenPolicy& policy) const {
    std::vector<SampleTokens> samples;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      samples.push_back({&prompts[i], completions[i]});
    return policy.collate(samples);
  }
};

}  // namespace visplay::testing
