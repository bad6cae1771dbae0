// ImageGrid: an image in patches, as in `image_grid_thw`.
#pragma once

#include <cstdint>

namespace visplay {

/// Three consecutive int64, so that a vector of grids is the data of a tensor [images, 3].
struct ImageGrid {
  std::int64_t t = 1;  ///< temporal patches (2 frames each); 1 for an image
  std::int64_t h = 0;  ///< patches, a multiple of the merge size
  std::int64_t w = 0;  ///< patches, a multiple of the merge size

  [[nodiscard]] std::int64_t patches() const { return t * h * w; }
  /// Tokens that the image takes in the prompt.
  [[nodiscard]] std::int64_t tokens(std::int64_t merge_size = 2) const {
    return t * (h / merge_size) * (w / merge_size);
  }
  friend bool operator==(const ImageGrid&, const ImageGrid&) = default;
};
static_assert(sizeof(ImageGrid) == 3 * sizeof(std::int64_t));

}  // namespace visplay
