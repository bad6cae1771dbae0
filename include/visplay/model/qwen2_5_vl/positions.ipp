// Bodies of model/qwen2_5_vl/positions.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/model/qwen2_5_vl/positions.hpp>

#include <algorithm>

namespace visplay {

VISPLAY_INLINE MropePositions mrope_positions(std::span<const std::int64_t> ids,
                                              std::span<const ImageGrid> grids,
                                              const ModelConfig& config) {
  const std::int64_t merge = config.vision.spatial_merge_size;
  const auto length = std::int64_t(ids.size());
  MropePositions out{.length = length, .delta = 0, .ids = std::vector<std::int64_t>(3 * length)};
  std::int64_t cursor = 0, at = 0;
  std::size_t image = 0;
  const auto put = [&](std::int64_t t, std::int64_t h, std::int64_t w) {
    out.ids[at] = t, out.ids[length + at] = h, out.ids[2 * length + at] = w, ++at;
  };
  while (at < length) {
    check(ids[at] != config.tokens.video, "positions: a video token at {}; videos are not built",
          at);
    if (ids[at] != config.tokens.image) {
      put(cursor, cursor, cursor);
      ++cursor;
      continue;
    }
    check(image < grids.size(), "positions: an image token at {} after the last of {} images", at,
          grids.size());
    const ImageGrid& grid = grids[image++];
    const std::int64_t height = grid.h / merge, width = grid.w / merge,
                       end = at + grid.tokens(merge);
    const bool whole =
        end <= length && std::all_of(ids.begin() + at, ids.begin() + end,
                                     [&](auto id) { return id == config.tokens.image; });
    check(whole, "positions: image {} needs {} image tokens from {}", image - 1, end - at, at);
    for (std::int64_t t = 0; t < grid.t; ++t)
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) put(cursor + t, cursor + y, cursor + x);
    cursor += std::max(height, width);
  }
  check(image == grids.size(), "positions: image tokens for {} of {} images", image, grids.size());
  const auto highest = std::max_element(out.ids.begin(), out.ids.end());
  out.delta = out.ids.empty() ? 0 : *highest + 1 - length;
  return out;
}

VISPLAY_INLINE std::vector<std::int64_t> expand_image_tokens(std::span<const std::int64_t> ids,
                                                             std::span<const ImageGrid> grids,
                                                             const ModelConfig& config) {
  const auto images = std::size_t(std::ranges::count(ids, config.tokens.image));
  check(images == grids.size(), "prompt: {} image tokens for {} images", images, grids.size());
  std::vector<std::int64_t> out;
  out.reserve(ids.size());
  std::size_t image = 0;
  for (const std::int64_t id : ids) {
    const bool is_image = id == config.tokens.image;
    const std::int64_t copies =
        is_image ? grids[image++].tokens(config.vision.spatial_merge_size) : 1;
    out.insert(out.end(), std::size_t(copies), id);
  }
  return out;
}

}  // namespace visplay
