// safetensors: tensors in a file, mapped for reading and streamed for writing.
//
//   const auto file = SafetensorsFile::open("model.safetensors");
//   for (const TensorEntry& tensor : file.entries()) ...
//   write_safetensors("out.safetensors", entries, {.sync = true});
//
// A file is checked in full (header, types, shapes, offsets) before anything is allocated for its
// tensors; no holes, no overlaps, no duplicate names. Pickles (.bin, .pt) are refused by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

/// Element types of safetensors that fill whole bytes, in the order of the format (Rust) crate.
// clang-format off
enum class DType {
  boolean, u8, i8, f8_e5m2, f8_e4m3, f8_e8m0, i16, u16, f16, bf16, i32, u32, f32, c64, f64, i64, u64
};
// clang-format on

[[nodiscard]] std::size_t byte_size(DType dtype);
[[nodiscard]] std::string_view name_of(DType dtype);  ///< as in a file: "BF16"

/// A tensor, row-major and little-endian. The bytes belong to the file that it came from or, when
/// writing, to the caller; they may be unaligned for the element type.
struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  ///< empty for a scalar; a zero side is legal
  std::span<const std::byte> bytes;

  [[nodiscard]] std::int64_t numel() const;
};

using SafetensorsMetadata = std::map<std::string, std::string>;

/// A mapped file or a set of them. Cheap to copy; spans live as long as one copy does.
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
  static SafetensorsFile open_shards(const std::filesystem::path& folder,
                                     const std::filesystem::path& index);

  std::vector<std::shared_ptr<const void>> mappings_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
  SafetensorsMetadata metadata_;
};

struct SafetensorsWriteOptions {
  bool sync = false;  ///< fsync file and folder: for checkpoints
  SafetensorsMetadata metadata{{"format", "pt"}};
};

/// Writes aside and renames, so that a reader sees the old file or the new one. Tensors are ordered
/// by type (last DType first, so that all are aligned), then naturally by name (layer 2 before 10).
/// @throws Error if two names are equal, bytes do not fit a shape, or the disk does not take it
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> entries,
                       const SafetensorsWriteOptions& options = {});

[[nodiscard]] float half_to_float(std::uint16_t bits);
[[nodiscard]] float bfloat16_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_bfloat16(float value);  ///< rounds to nearest even

/// Converts F32, BF16, F16 or F64 to float32.
/// @param out  [numel]
/// @throws Error for another type or length
void copy_to_float(const TensorEntry& tensor, std::span<float> out);
[[nodiscard]] std::vector<float> to_float(const TensorEntry& tensor);

/// Less in the order in which people count: "layers.2" before "layers.10".
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

/// Throws Error for a pickle (.bin, .pt, .pth, .ckpt, .pkl), naming a way to convert it.
void refuse_pickle(const std::filesystem::path& path);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/safetensors.ipp>
#endif
