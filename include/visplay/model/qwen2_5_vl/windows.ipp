// Bodies of model/qwen2_5_vl/windows.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/model/qwen2_5_vl/windows.hpp>

#include <algorithm>

namespace visplay {
namespace detail {

/// One frame's windows, in raster order, each in raster order inside.
VISPLAY_INLINE void append_frame_windows(std::int64_t height, std::int64_t width,
                                         const VisionConfig& config, VisionLayout& layout) {
  const std::int64_t side = config.window_units();
  const auto base = std::int64_t(layout.window_index.size());
  for (std::int64_t top = 0; top < height; top += side)
    for (std::int64_t left = 0; left < width; left += side) {
      const std::int64_t bottom = std::min(top + side, height),
                         right = std::min(left + side, width);
      for (std::int64_t y = top; y < bottom; ++y)
        for (std::int64_t x = left; x < right; ++x)
          layout.window_index.push_back(base + y * width + x);
      layout.cu_window.push_back(layout.cu_window.back() +
                                 (bottom - top) * (right - left) * config.merge_unit());
    }
}

/// One frame's patch coordinates in merge order.
VISPLAY_INLINE void append_frame_coordinates(const ImageGrid& grid, std::int64_t merge,
                                             VisionLayout& layout) {
  for (std::int64_t block_y = 0; block_y < grid.h; block_y += merge)
    for (std::int64_t block_x = 0; block_x < grid.w; block_x += merge)
      for (std::int64_t y = block_y; y < block_y + merge; ++y)
        for (std::int64_t x = block_x; x < block_x + merge; ++x) {
          layout.rows.push_back(y);
          layout.cols.push_back(x);
        }
}

VISPLAY_INLINE void check_grid(const ImageGrid& grid, std::int64_t merge) {
  constexpr std::int64_t most = 1 << 20;  // patches a side: far above any image
  const bool sound = grid.t >= 1 && grid.h >= 1 && grid.w >= 1 && grid.t <= most &&
                     grid.h <= most && grid.w <= most;
  check(sound && grid.h % merge == 0 && grid.w % merge == 0,
        "image grid: {} x {} x {} patches, expected positive multiples of {}", grid.t, grid.h,
        grid.w, merge);
}

}  // namespace detail

VISPLAY_INLINE VisionLayout vision_layout(std::span<const ImageGrid> grids,
                                          const VisionConfig& config) {
  const std::int64_t merge = config.spatial_merge_size;
  VisionLayout layout;
  layout.cu_window = layout.cu_full = {0};
  for (const ImageGrid& grid : grids) {
    detail::check_grid(grid, merge);
    for (std::int64_t frame = 0; frame < grid.t; ++frame) {
      detail::append_frame_windows(grid.h / merge, grid.w / merge, config, layout);
      detail::append_frame_coordinates(grid, merge, layout);
      layout.cu_full.push_back(layout.cu_full.back() + grid.h * grid.w);
    }
  }
  layout.reverse_index.resize(layout.window_index.size());
  for (std::size_t i = 0; i < layout.window_index.size(); ++i)
    layout.reverse_index[std::size_t(layout.window_index[i])] = std::int64_t(i);
  return layout;
}

}  // namespace visplay
