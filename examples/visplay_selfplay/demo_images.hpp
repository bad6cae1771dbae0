// The demo's own images: pictures of the procedural world as PNG files, read through the same path as
// any folder of images. Their hidden truth lies beside them, for evaluation alone.
#pragma once

#include <visplay/eval/world_benchmark.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/image_codec.hpp>
#include <visplay/io/truth_file.hpp>
#include <visplay/world/render.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace visplay {

/// Writes `count` pictures and truth.jsonl, unless truth.jsonl is there already. Scenes come from the
/// upper half of the training seeds, which the base model's lessons never used.
inline void make_demo_images(const std::filesystem::path& folder, int count, std::uint64_t seed) {
  if (std::filesystem::exists(folder / "truth.jsonl")) return;
  std::filesystem::create_directories(folder);
  Rng rng = Rng(seed).fork("demo images");
  std::string truth;
  for (int i = 0; i < count; ++i) {
    const auto scene = world::make_scene(world::test_seeds / 2 + rng.below(world::test_seeds / 2));
    const auto name = fmt::format("scene-{:05}.png", i);
    write_png(folder / name, world::render(scene));
    truth += truth_line({name, scene}) + "\n";
  }
  replace_file(folder / "truth.jsonl", truth);
}

/// The truth beside a folder of images, by path as the images' source names it; empty without one.
inline SceneTruth read_scene_truth(const std::filesystem::path& folder) {
  SceneTruth truth;
  if (!std::filesystem::exists(folder / "truth.jsonl")) return truth;
  for (auto& record : read_truth(folder / "truth.jsonl"))
    truth.emplace((folder / record.image).string(), std::move(record.scene));
  return truth;
}

}  // namespace visplay
