// Part of image_codec.ipp and exif_orientation.ipp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

namespace visplay::detail {

using Bytes = std::span<const std::uint8_t>;

inline bool starts_with(Bytes bytes, std::string_view head) {
  return bytes.size() >= head.size() &&
         std::ranges::equal(head, bytes.first(head.size()),
                            [](char a, std::uint8_t b) { return std::uint8_t(a) == b; });
}

}  // namespace visplay::detail
