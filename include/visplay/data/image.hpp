// Image: 8-bit RGB pixels and where they came from. Shared by everything that looks at it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace visplay {

struct Image {
  int height = 0;                    ///< pixels, > 0
  int width = 0;                     ///< pixels, > 0
  std::vector<std::uint8_t> pixels;  ///< [height, width, 3], row-major, RGB
  std::string source;                ///< path or name, for messages and logs

  [[nodiscard]] const std::uint8_t* at(int y, int x) const {
    return pixels.data() + 3 * (std::size_t(y) * width + x);
  }
  [[nodiscard]] std::uint8_t* at(int y, int x) {
    return pixels.data() + 3 * (std::size_t(y) * width + x);
  }
};

/// A group's completions, both roles and all votes look at one copy.
using ImagePtr = std::shared_ptr<const Image>;

}  // namespace visplay
