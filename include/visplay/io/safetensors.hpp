// SafetensorsFile: the tensors of a file or of a model folder, mapped for reading.
//
//   const auto file = SafetensorsFile::open("model.safetensors");
//   for (const TensorEntry& tensor : file.entries()) ...
//
// A file is checked in full (header, types, shapes, offsets) before anything is allocated for its
// tensors; no holes, no overlaps, no duplicate names. Pickles (.bin, .pt) are refused by name.
#pragma once

#include <visplay/io/safetensors_header.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

/// A mapped file or a set of them. Cheap to copy; spans live as long as one copy does. The bytes of
/// opened files (not of parse()) may be written to: the writer gets private copies of pages.
class SafetensorsFile {
 public:
  /// @throws Error naming the file and what is wrong with it
  [[nodiscard]] static SafetensorsFile open(const std::filesystem::path& path);

  /// The weights of a model folder: model.safetensors, or the shards that
  /// model.safetensors.index.json lists (names inside the folder only, each tensor where listed).
  /// @throws Error also if the folder holds only a pickle, with the way to convert it
  [[nodiscard]] static SafetensorsFile open_folder(const std::filesystem::path& folder);

  /// Checks bytes in memory; they must outlive the result. For tests and fuzzing.
  [[nodiscard]] static SafetensorsFile parse(std::span<const std::byte> bytes,
                                             std::string_view where);

  /// In the order of the data.
  [[nodiscard]] std::span<const TensorEntry> entries() const { return entries_; }
  [[nodiscard]] const SafetensorsMetadata& metadata() const { return metadata_; }
  [[nodiscard]] const TensorEntry* find(std::string_view name) const;  ///< null if absent
  [[nodiscard]] const TensorEntry& at(std::string_view name) const;    ///< throws Error if absent

 private:
  explicit SafetensorsFile(SafetensorsHeader header);
  SafetensorsFile() = default;
  static SafetensorsFile open_shards(const std::filesystem::path& folder);

  std::vector<std::shared_ptr<const void>> mappings_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
  SafetensorsMetadata metadata_;
};

/// Throws Error for a pickle (.bin, .pt, .pth, .ckpt, .pkl), naming a way to convert it.
void refuse_pickle(const std::filesystem::path& path);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/safetensors.ipp>
#endif
