// CRC-32 as zlib and Python's zlib.crc32 compute it, bit by bit: for golden values of pixels.
#pragma once

#include <cstdint>
#include <span>

namespace visplay::test {

inline std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

}  // namespace visplay::test
