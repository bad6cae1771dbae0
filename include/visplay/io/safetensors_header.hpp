// The header of a safetensors file: what tensors it holds and where, checked in full.
//
//   const SafetensorsHeader header = read_safetensors_header(bytes, "model.safetensors");
//
// Eight bytes of length, JSON, then the data. Nothing is taken on trust: length, types, shapes and
// offsets are checked against the bytes that are there, with no holes, no overlaps, no name twice.
// The JSON is read as a stream, so that memory stays in proportion to the header itself.
#pragma once

#include <visplay/io/tensor_entry.hpp>

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

using SafetensorsMetadata = std::map<std::string, std::string>;

struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  ///< in the order of the data; bytes lie in those given
  SafetensorsMetadata metadata;
};

/// @param bytes  the whole file; must outlive the result
/// @param where  names the file in messages
/// @throws Error naming the file, the tensor and what is wrong with it
[[nodiscard]] SafetensorsHeader read_safetensors_header(std::span<const std::byte> bytes,
                                                        std::string_view where);

/// The first bytes of a file: length and JSON, padded with spaces to a multiple of 8.
/// @param entries  in the order of the data; their bytes are not looked at
/// @throws Error  two names are equal, a shape overflows, or text is not UTF-8
[[nodiscard]] std::string write_safetensors_header(std::span<const TensorEntry* const> entries,
                                                   const SafetensorsMetadata& metadata,
                                                   std::string_view where);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/safetensors_header.ipp>
#endif
