// ImageProcessor: pixels to the rows that the vision tower reads, as Qwen2VLImageProcessor.
//
//   const ImageProcessor process(load_image_processor_config(folder));
//   const ProcessedImages batch = process(images);     // pixel_values [patches, 1176]
//
//   const ProcessedImages clip = process.video(frames);  // one grid, t = pairs of frames
//
// Resize to multiples of patch * merge inside a pixel budget, bicubic as Pillow does it to the bit
// (8-bit between the passes), normalise, cut into patches. `Resample::torchvision` is the other
// published path, which differs by at most 2 levels: never mix them in one comparison.
#pragma once

#include <visplay/data/image.hpp>
#include <visplay/model/qwen2_5_vl/image_grid.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

enum class Resample {
  pillow,      ///< Qwen2VLImageProcessorPil with Pillow 13 or later: int32 weights of 22 bits
  pillow_12,   ///< the same up to Pillow 12, where the horizontal pass always comes first
  torchvision  ///< Qwen2VLImageProcessor(Fast) on CPU: int16 weights of adaptive precision
};

struct ImageProcessorConfig {
  std::int64_t min_pixels = 56 * 56;         ///< after resizing
  std::int64_t max_pixels = 28 * 28 * 1280;  ///< after resizing
  std::int64_t patch_size = 14;              ///< pixels
  std::int64_t temporal_patch_size = 2;      ///< frames; an image is repeated
  std::int64_t merge_size = 2;               ///< patches
  std::array<double, 3> mean{0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std{0.26862954, 0.26130258, 0.27577711};
  double rescale_factor = 1 / 255.0;  ///< levels to [0, 1]
  bool resize = true;                 ///< false: sides must be multiples of factor() already
  Resample resample = Resample::pillow;

  /// Sides of a resized image are multiples of it (28 pixels).
  [[nodiscard]] std::int64_t factor() const { return patch_size * merge_size; }
  friend bool operator==(const ImageProcessorConfig&, const ImageProcessorConfig&) = default;
};

/// Reads preprocessor_config.json or the image_processor part of processor_config.json.
/// `min_pixels` / `max_pixels` win over `size`. No file at all: the defaults above.
/// @throws Error naming the key if a value is out of range
/// `image_processor_type` ...Fast chooses Resample::torchvision. Every other name is Pillow's path:
/// the plain one is written by all classes of transformers alike. Set `resample` for another.
[[nodiscard]] ImageProcessorConfig load_image_processor_config(const std::filesystem::path& folder);
[[nodiscard]] ImageProcessorConfig parse_image_processor_config(std::string_view json,
                                                                std::string_view where);

/// The same for ImageProcessor::video: the video_processor part of processor_config.json,
/// video_preprocessor_config.json, preprocessor_config.json, or min_pixels 128 * 28 * 28 and
/// max_pixels 768 * 28 * 28 of a frame.
[[nodiscard]] ImageProcessorConfig load_video_processor_config(const std::filesystem::path& folder);

struct ImageSize {
  std::int64_t height = 0, width = 0;  ///< pixels
  friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

/// The size an image is resized to. Rounds half to even, in double, as the reference does.
/// @throws Error if a side is below 1 or one is more than 200 times the other
[[nodiscard]] ImageSize smart_resize(ImageSize size, std::int64_t factor, std::int64_t min_pixels,
                                     std::int64_t max_pixels);

/// Bicubic (a = -0.5) with antialiasing, a pass for each side that changes, 8-bit levels between
/// them. The horizontal pass comes first, but in Pillow 13 the vertical one if the height shrinks by
/// more than twice the pixels that the width does (python-pillow/Pillow#9549).
[[nodiscard]] Image resize_bicubic(const Image& image, ImageSize to,
                                   Resample resample = Resample::pillow);

struct ProcessedImages {
  std::vector<float> pixel_values;  ///< [patches of all images, patch_dim], rows in merge order
  std::vector<ImageGrid> grid_thw;  ///< [images, 3]
};

class ImageProcessor {
 public:
  explicit ImageProcessor(const ImageProcessorConfig& config = {});

  /// One picture each. Empty input: empty output.
  /// @throws Error if an image is too narrow, or its pixels do not fit its size
  [[nodiscard]] ProcessedImages operator()(std::span<const ImagePtr> images) const;
  [[nodiscard]] ProcessedImages operator()(const Image& image) const;

  /// Frames of one video, all of one size: a row of patches for every temporal_patch_size frames,
  /// which the last frame fills up. Frames are taken as given, none is dropped.
  /// @throws Error if there is none, or sizes differ
  [[nodiscard]] ProcessedImages video(std::span<const ImagePtr> frames) const;

  /// The grid an image of this size gets, without touching pixels.
  [[nodiscard]] ImageGrid grid(ImageSize size) const;

  [[nodiscard]] const ImageProcessorConfig& config() const { return config_; }
  [[nodiscard]] std::int64_t patch_dim() const {
    return 3 * config_.temporal_patch_size * config_.patch_size * config_.patch_size;
  }

 private:
  [[nodiscard]] Image resized(const Image& image, const ImageGrid& grid) const;
  /// The rows of one temporal patch. @param frames  [temporal_patch_size], all of one size
  void append(std::span<const Image* const> frames, std::vector<float>& pixel_values) const;

  ImageProcessorConfig config_;
  std::array<std::array<float, 256>, 3> normalized_;  ///< [channel][8-bit level]
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/image_processor.ipp>
#endif
