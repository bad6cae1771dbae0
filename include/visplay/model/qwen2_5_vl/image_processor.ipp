// Bodies of model/qwen2_5_vl/image_processor.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/kernels/resample.hpp>
#include <visplay/model/qwen2_5_vl/image_processor.hpp>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

namespace visplay {
namespace detail {

/// Pillow rounds to 22 bits; torch to the most with which the largest weight still fits 16 bits.
VISPLAY_INLINE ResampleAxis resample_axis(std::int64_t in, std::int64_t out, Resample resample) {
  return bicubic_axis(in, out, std::int64_t(1) << (resample == Resample::torchvision ? 15 : 30));
}

VISPLAY_INLINE void check_image(const Image& image) {
  check(image.height > 0 && image.width > 0 &&
            image.pixels.size() == std::size_t(image.height) * std::size_t(image.width) * 3,
        "image {}: {} bytes do not make {} x {} RGB pixels", image.source, image.pixels.size(),
        image.height, image.width);
}

VISPLAY_INLINE std::array<double, 3> three_numbers(const Json& object, const char* key,
                                                   std::string_view where,
                                                   std::array<double, 3> fallback) {
  const auto field = object.find(key);
  if (field == object.end() || field->is_null()) return fallback;
  check(field->is_array() && field->size() == 3, "{}: '{}' is not a list of 3 numbers", where, key);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto number = json_as<double>((*field)[i]);
    check(number.has_value() && std::isfinite(*number), "{}: '{}' is not a list of 3 numbers",
          where, key);
    fallback[i] = *number;
  }
  return fallback;
}

/// The pixel budget: `min_pixels` at the top, else `size.shortest_edge`, else `size.min_pixels`.
VISPLAY_INLINE std::int64_t pixel_limit(const Json& object, const char* pixels, const char* edge,
                                        std::string_view where, std::int64_t fallback) {
  const Json size = object.value("size", Json());
  if (size.is_object()) {
    fallback = json_field_or<std::int64_t>(size, pixels, where, fallback);
    fallback = json_field_or<std::int64_t>(size, edge, where, fallback);
  }
  fallback = json_field_or<std::int64_t>(object, pixels, where, fallback);
  constexpr std::int64_t most = std::int64_t(1) << 40;
  check(0 < fallback && fallback <= most, "{}: '{}' is {}, expected 1..{}", where, pixels, fallback,
        most);
  return fallback;
}

/// What the object says; the rest as in `config`.
VISPLAY_INLINE ImageProcessorConfig image_processor_config(const Json& root, std::string_view where,
                                                           ImageProcessorConfig config) {
  check(root.is_object(), "{}: expected an object, got {}", where, root.type_name());
  const auto integer = [&](const char* key, std::int64_t fallback) {
    const auto value = json_field_or<std::int64_t>(root, key, where, fallback);
    check(1 <= value && value <= 1024, "{}: '{}' is {}, expected 1..1024", where, key, value);
    return value;
  };
  config.min_pixels = pixel_limit(root, "min_pixels", "shortest_edge", where, config.min_pixels);
  config.max_pixels = pixel_limit(root, "max_pixels", "longest_edge", where, config.max_pixels);
  check(config.min_pixels <= config.max_pixels, "{}: min_pixels {} is above max_pixels {}", where,
        config.min_pixels, config.max_pixels);
  check(config.min_pixels <= 1 << 28, "{}: min_pixels {} would blow up every image", where,
        config.min_pixels);
  config.patch_size = integer("patch_size", config.patch_size);
  config.temporal_patch_size = integer("temporal_patch_size", config.temporal_patch_size);
  config.merge_size = integer("merge_size", config.merge_size);
  config.mean = three_numbers(root, "image_mean", where, config.mean);
  config.std = three_numbers(root, "image_std", where, config.std);
  check(std::ranges::all_of(config.std, [](double std) { return std > 0; }),
        "{}: 'image_std' must be positive", where);
  config.resize = json_field_or(root, "do_resize", where, true);
  config.rescale_factor = json_field_or(root, "rescale_factor", where, config.rescale_factor);
  check(config.rescale_factor > 0, "{}: 'rescale_factor' must be positive", where);
  if (!json_field_or(root, "do_rescale", where, true)) config.rescale_factor = 1;
  if (!json_field_or(root, "do_normalize", where, true)) config.mean = {}, config.std = {1, 1, 1};
  // The plain name is written by all classes of transformers: it stays VisPlay's path.
  const auto type = json_field_or<std::string>(root, "image_processor_type", where, "");
  if (type.ends_with("Fast")) config.resample = Resample::torchvision;
  const auto filter = json_field_or<std::int64_t>(root, "resample", where, 3);
  check(filter == 3, "{}: 'resample' is {}, only 3 (bicubic) is built", where, filter);
  return config;
}

/// The first of these that exists: the part of processor_config.json, then the files. No file: none.
VISPLAY_INLINE Json processor_settings(const std::filesystem::path& folder, const char* part,
                                       std::initializer_list<const char*> files,
                                       std::string& where) {
  constexpr std::size_t most = std::size_t(16) << 20;  // bytes
  // transformers 5.x prefers processor_config.json if it has the part.
  if (const auto joint = folder / "processor_config.json"; std::filesystem::exists(joint)) {
    where = joint.string();
    const Json json = parse_json(read_file(joint, most), where);
    if (json.is_object() && json.contains(part)) return json[part];
  }
  for (const char* name : files)
    if (const auto file = folder / name; std::filesystem::exists(file)) {
      where = file.string();
      return parse_json(read_file(file, most), where);
    }
  return Json::object();
}

}  // namespace detail

VISPLAY_INLINE ImageProcessorConfig parse_image_processor_config(std::string_view json,
                                                                 std::string_view where) {
  const Json root = parse_json(json, where);
  check(root.is_object(), "{}: expected an object, got {}", where, root.type_name());
  const auto nested = root.find("image_processor");
  return detail::image_processor_config(nested == root.end() ? root : *nested, where, {});
}

VISPLAY_INLINE ImageProcessorConfig
load_image_processor_config(const std::filesystem::path& folder) {
  std::string where;
  const Json json =
      detail::processor_settings(folder, "image_processor", {"preprocessor_config.json"}, where);
  return detail::image_processor_config(json, where, {});
}

VISPLAY_INLINE ImageProcessorConfig
load_video_processor_config(const std::filesystem::path& folder) {
  std::string where;
  const Json json = detail::processor_settings(
      folder, "video_processor", {"video_preprocessor_config.json", "preprocessor_config.json"},
      where);
  return detail::image_processor_config(json, where,
                                        {.min_pixels = 128 * 28 * 28, .max_pixels = 768 * 28 * 28});
}

VISPLAY_INLINE ImageSize smart_resize(ImageSize size, std::int64_t factor, std::int64_t min_pixels,
                                      std::int64_t max_pixels) {
  const auto [height, width] = size;
  check(height > 0 && width > 0, "resize: an image of {} x {} pixels", height, width);
  check(std::max(height, width) <= 200 * std::min(height, width),
        "resize: {} x {} pixels, one side is more than 200 times the other", height, width);
  const double h = double(height), w = double(width), f = double(factor);
  const auto multiple = [&](double count) { return std::int64_t(count) * factor; };
  ImageSize to{multiple(std::nearbyint(h / f)), multiple(std::nearbyint(w / f))};
  if (to.height * to.width > max_pixels) {
    const double beta = std::sqrt(h * w / double(max_pixels));
    to = {std::max(factor, multiple(std::floor(h / beta / f))),
          std::max(factor, multiple(std::floor(w / beta / f)))};
  } else if (to.height * to.width < min_pixels) {
    const double beta = std::sqrt(double(min_pixels) / (h * w));
    to = {multiple(std::ceil(h * beta / f)), multiple(std::ceil(w * beta / f))};
  }
  return to;
}

VISPLAY_INLINE Image resize_bicubic(const Image& image, ImageSize to, Resample resample) {
  detail::check_image(image);
  constexpr std::int64_t most = 1 << 20;
  check(to.height > 0 && to.width > 0 && to.height <= most && to.width <= most,
        "resize: cannot make {} x {} pixels", to.height, to.width);
  Image out{.height = image.height, .width = image.width, .pixels = {}, .source = image.source};
  const auto pixels = [&]() -> const std::vector<std::uint8_t>& {
    return out.pixels.empty() ? image.pixels : out.pixels;
  };
  const auto change_width = [&] {
    if (to.width == out.width) return;
    const auto axis = detail::resample_axis(out.width, to.width, resample);
    out.pixels = resample_rows(pixels(), out.height, axis);
    out.width = int(to.width);
  };
  const auto change_height = [&] {
    if (to.height == out.height) return;
    const auto axis = detail::resample_axis(out.height, to.height, resample);
    out.pixels = resample_columns(pixels(), out.width, axis);
    out.height = int(to.height);
  };
  const std::int64_t shorter = image.height - to.height, narrower = image.width - to.width;
  const bool height_first = resample == Resample::pillow && shorter > 0 && shorter > 2 * narrower;
  if (height_first) change_height();
  change_width();
  if (!height_first) change_height();
  if (out.pixels.empty()) out.pixels = image.pixels;
  return out;
}

VISPLAY_INLINE ImageProcessor::ImageProcessor(const ImageProcessorConfig& config)
    : config_(config) {
  for (int channel = 0; channel < 3; ++channel)
    for (int level = 0; level < 256; ++level) {
      // Each path rounds at its own places: the Pil class rescales in double, stores float32, then
      // normalizes; the fast one folds the factor into mean and std.
      const float mean = float(config.mean[channel]), std = float(config.std[channel]);
      const float fold = float(1 / config.rescale_factor);
      normalized_[channel][level] = config.resample == Resample::pillow
                                        ? (float(level * config.rescale_factor) - mean) / std
                                        : (float(level) - mean * fold) / (std * fold);
    }
}

VISPLAY_INLINE ImageGrid ImageProcessor::grid(ImageSize size) const {
  const ImageSize to =
      config_.resize ? smart_resize(size, config_.factor(), config_.min_pixels, config_.max_pixels)
                     : size;
  check(to.height % config_.factor() == 0 && to.width % config_.factor() == 0 && to.height > 0,
        "image processor: {} x {} pixels are no multiples of {} and resizing is off", to.height,
        to.width, config_.factor());
  return {1, to.height / config_.patch_size, to.width / config_.patch_size};
}

VISPLAY_INLINE Image ImageProcessor::resized(const Image& image, const ImageGrid& grid) const {
  const ImageSize to{grid.h * config_.patch_size, grid.w * config_.patch_size};
  return to == ImageSize{image.height, image.width} ? image
                                                    : resize_bicubic(image, to, config_.resample);
}

VISPLAY_INLINE void ImageProcessor::append(std::span<const Image* const> frames,
                                           std::vector<float>& pixel_values) const {
  const std::int64_t side = config_.patch_size, merge = config_.merge_size, plane = side * side;
  const auto count = std::int64_t(frames.size()), block = side * merge;
  // A row at a time is made and then appended: no zeros are written first, rows stay in cache.
  std::vector<float> row(static_cast<std::size_t>(patch_dim()));  // [3, frames, side, side]
  const auto fill = [&](const Image& image, std::int64_t t, std::int64_t top, std::int64_t left) {
    for (std::int64_t y = 0; y < side; ++y) {
      const std::uint8_t* level = image.at(int(top + y), int(left));
      float* to = row.data() + t * plane + y * side;
      for (std::int64_t x = 0; x < side; ++x, level += 3)
        for (std::int64_t channel = 0; channel < 3; ++channel)
          to[channel * count * plane + x] = normalized_[channel][level[channel]];
    }
  };
  for (std::int64_t block_y = 0; block_y < frames[0]->height; block_y += block)
    for (std::int64_t block_x = 0; block_x < frames[0]->width; block_x += block)
      for (std::int64_t patch = 0; patch < merge * merge; ++patch) {
        const std::int64_t top = block_y + patch / merge * side;
        const std::int64_t left = block_x + patch % merge * side;
        fill(*frames[0], 0, top, left);
        for (std::int64_t t = 1; t < count; ++t) {
          if (frames[t] != frames[0]) fill(*frames[t], t, top, left);
          for (std::int64_t channel = 0; frames[t] == frames[0] && channel < 3; ++channel) {
            float* const first = row.data() + channel * count * plane;
            std::copy_n(first, plane, first + t * plane);
          }
        }
        pixel_values.insert(pixel_values.end(), row.begin(), row.end());
      }
}

VISPLAY_INLINE ProcessedImages ImageProcessor::operator()(std::span<const ImagePtr> images) const {
  std::int64_t patches = 0;
  for (const ImagePtr& image : images) {
    check(image != nullptr, "image processor: an image is null");
    detail::check_image(*image);
    patches += grid({image->height, image->width}).patches();
  }
  ProcessedImages out;
  out.pixel_values.reserve(std::size_t(patches * patch_dim()));
  for (const ImagePtr& image : images) {
    out.grid_thw.push_back(grid({image->height, image->width}));
    const Image frame = resized(*image, out.grid_thw.back());
    append(std::vector(std::size_t(config_.temporal_patch_size), &frame), out.pixel_values);
  }
  return out;
}

VISPLAY_INLINE ProcessedImages ImageProcessor::operator()(const Image& image) const {
  const ImagePtr unowned(ImagePtr(), &image);
  return (*this)(std::span(&unowned, 1));
}

VISPLAY_INLINE ProcessedImages ImageProcessor::video(std::span<const ImagePtr> frames) const {
  check(!frames.empty(), "image processor: a video has no frames");
  const auto count = std::int64_t(frames.size()), depth = config_.temporal_patch_size;
  for (const ImagePtr& frame : frames) {
    check(frame != nullptr, "image processor: a frame is null");
    detail::check_image(*frame);
    check(frame->height == frames[0]->height && frame->width == frames[0]->width,
          "image processor: frame {} has {} x {} pixels, the first one {} x {}", frame->source,
          frame->height, frame->width, frames[0]->height, frames[0]->width);
  }
  ImageGrid grid = this->grid({frames[0]->height, frames[0]->width});
  grid.t = (count + depth - 1) / depth;
  ProcessedImages out;
  out.grid_thw.push_back(grid);
  out.pixel_values.reserve(std::size_t(grid.patches() * patch_dim()));
  for (std::int64_t start = 0; start < count; start += depth) {
    std::vector<Image> resized;
    for (std::int64_t i = start; i < std::min(start + depth, count); ++i)
      resized.push_back(this->resized(*frames[std::size_t(i)], grid));
    std::vector<const Image*> patch(std::size_t(depth), &resized.back());
    for (std::size_t t = 0; t < resized.size(); ++t) patch[t] = &resized[t];
    append(patch, out.pixel_values);
  }
  return out;
}

}  // namespace visplay
