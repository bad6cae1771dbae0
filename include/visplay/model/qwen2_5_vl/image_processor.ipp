// Bodies of model/qwen2_5_vl/image_processor.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/model/qwen2_5_vl/image_processor.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace visplay {
namespace detail {

/// Fixed-point weights of one axis: output i is the sum of weights[i * taps + j] * input[first + j].
struct ResampleAxis {
  int taps = 0;  // most inputs that one output reads
  int bits = 0;  // of the fraction
  std::vector<int> first, count;
  std::vector<std::int32_t> weights;  // [out, taps]
};

/// Cubic convolution (Keys), a = -0.5.
VISPLAY_INLINE double cubic_kernel(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// As torch: the most bits with which the largest weight still fits 16 bits. Pillow has 22.
VISPLAY_INLINE int weight_bits(const std::vector<double>& weights, Resample resample) {
  if (resample != Resample::torchvision) return 22;
  const double largest = *std::ranges::max_element(weights);
  int bits = 0;
  while (bits < 22 && std::trunc(0.5 + largest * double(1 << (bits + 1))) < (1 << 15)) ++bits;
  return bits;
}

VISPLAY_INLINE ResampleAxis resample_axis(std::int64_t in, std::int64_t out, Resample resample) {
  const double scale = double(in) / double(out), stretch = std::max(scale, 1.0);
  const double support = 2 * stretch, inverse = 1 / stretch;
  ResampleAxis axis;
  axis.taps = int(std::ceil(support)) * 2 + 1;
  axis.first.resize(std::size_t(out));
  axis.count.resize(std::size_t(out));
  std::vector<double> weights(std::size_t(out) * axis.taps);
  for (std::int64_t i = 0; i < out; ++i) {
    const double center = (double(i) + 0.5) * scale;
    const auto low = std::max<std::int64_t>(0, std::int64_t(center - support + 0.5));
    const auto high = std::min<std::int64_t>(in, std::int64_t(center + support + 0.5));
    axis.first[i] = int(low);
    axis.count[i] = int(high - low);
    double* row = weights.data() + i * axis.taps;
    double sum = 0;
    for (int j = 0; j < axis.count[i]; ++j)
      sum += row[j] = cubic_kernel((double(j + low) - center + 0.5) * inverse);
    for (int j = 0; j < axis.count[i]; ++j) row[j] /= sum;
  }
  axis.bits = weight_bits(weights, resample);
  axis.weights.reserve(weights.size());
  for (const double weight : weights)
    axis.weights.push_back(
        std::int32_t((weight < 0 ? -0.5 : 0.5) + weight * double(std::int64_t(1) << axis.bits)));
  return axis;
}

VISPLAY_INLINE std::uint8_t to_level(std::int32_t sum, int bits) {
  return std::uint8_t(std::clamp(sum >> bits, 0, 255));
}

/// [height, in, 3] -> [height, out, 3].
VISPLAY_INLINE std::vector<std::uint8_t> resample_rows(const std::vector<std::uint8_t>& from,
                                                       std::int64_t height, std::int64_t in,
                                                       const ResampleAxis& axis) {
  const auto out = std::int64_t(axis.first.size());
  std::vector<std::uint8_t> to(std::size_t(height * out * 3));
  const std::int32_t half = 1 << (axis.bits - 1);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < out; ++x) {
      const std::uint8_t* pixel = from.data() + (y * in + axis.first[x]) * 3;
      const std::int32_t* weight = axis.weights.data() + x * axis.taps;
      std::int32_t red = half, green = half, blue = half;
      for (int j = 0; j < axis.count[x]; ++j, pixel += 3) {
        red += weight[j] * pixel[0];
        green += weight[j] * pixel[1];
        blue += weight[j] * pixel[2];
      }
      std::uint8_t* result = to.data() + (y * out + x) * 3;
      result[0] = to_level(red, axis.bits);
      result[1] = to_level(green, axis.bits);
      result[2] = to_level(blue, axis.bits);
    }
  return to;
}

/// [in, width, 3] -> [out, width, 3].
VISPLAY_INLINE std::vector<std::uint8_t> resample_columns(const std::vector<std::uint8_t>& from,
                                                          std::int64_t width,
                                                          const ResampleAxis& axis) {
  const auto out = std::int64_t(axis.first.size());
  const std::size_t row = std::size_t(width) * 3;
  std::vector<std::uint8_t> to(std::size_t(out) * row);
  std::vector<std::int32_t> sums(row);
  for (std::int64_t y = 0; y < out; ++y) {
    std::ranges::fill(sums, 1 << (axis.bits - 1));
    for (int j = 0; j < axis.count[y]; ++j) {
      const std::uint8_t* level = from.data() + std::size_t(axis.first[y] + j) * row;
      const std::int32_t weight = axis.weights[y * axis.taps + j];
      for (std::size_t i = 0; i < row; ++i) sums[i] += weight * level[i];
    }
    for (std::size_t i = 0; i < row; ++i) to[y * row + i] = to_level(sums[i], axis.bits);
  }
  return to;
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

VISPLAY_INLINE ImageProcessorConfig image_processor_config(const Json& root,
                                                           std::string_view where) {
  check(root.is_object(), "{}: expected an object, got {}", where, root.type_name());
  const auto integer = [&](const char* key, std::int64_t fallback) {
    const auto value = json_field_or<std::int64_t>(root, key, where, fallback);
    check(1 <= value && value <= 1024, "{}: '{}' is {}, expected 1..1024", where, key, value);
    return value;
  };
  ImageProcessorConfig config;
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
  const auto filter = json_field_or<std::int64_t>(root, "resample", where, 3);
  check(filter == 3, "{}: 'resample' is {}, only 3 (bicubic) is built", where, filter);
  return config;
}

}  // namespace detail

VISPLAY_INLINE ImageProcessorConfig parse_image_processor_config(std::string_view json,
                                                                 std::string_view where) {
  const Json root = parse_json(json, where);
  check(root.is_object(), "{}: expected an object, got {}", where, root.type_name());
  const auto nested = root.find("image_processor");
  return detail::image_processor_config(nested == root.end() ? root : *nested, where);
}

VISPLAY_INLINE ImageProcessorConfig
load_image_processor_config(const std::filesystem::path& folder) {
  constexpr std::size_t most = std::size_t(16) << 20;  // bytes
  // transformers 5.x prefers processor_config.json if it has an image_processor.
  const auto joint = folder / "processor_config.json", own = folder / "preprocessor_config.json";
  if (std::filesystem::exists(joint)) {
    const std::string text = read_file(joint, most);
    const Json json = parse_json(text, joint.string());
    if (json.is_object() && json.contains("image_processor"))
      return parse_image_processor_config(text, joint.string());
  }
  if (!std::filesystem::exists(own)) return {};
  return parse_image_processor_config(read_file(own, most), own.string());
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
  Image out = image;
  const auto change_width = [&] {
    if (to.width == out.width) return;
    const auto axis = detail::resample_axis(out.width, to.width, resample);
    out.pixels = detail::resample_rows(out.pixels, out.height, out.width, axis);
    out.width = int(to.width);
  };
  const auto change_height = [&] {
    if (to.height == out.height) return;
    const auto axis = detail::resample_axis(out.height, to.height, resample);
    out.pixels = detail::resample_columns(out.pixels, out.width, axis);
    out.height = int(to.height);
  };
  const std::int64_t shorter = image.height - to.height, narrower = image.width - to.width;
  const bool height_first = resample == Resample::pillow && shorter > 0 && shorter > 2 * narrower;
  if (height_first) change_height();
  change_width();
  if (!height_first) change_height();
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

VISPLAY_INLINE void ImageProcessor::append(const Image& image, ProcessedImages& out) const {
  detail::check_image(image);
  const ImageGrid grid = this->grid({image.height, image.width});
  const std::int64_t side = config_.patch_size, merge = config_.merge_size;
  const std::int64_t repeats = config_.temporal_patch_size, plane = side * side;
  const ImageSize to{grid.h * side, grid.w * side};
  const bool same = to == ImageSize{image.height, image.width};
  const Image resized = same ? Image{} : resize_bicubic(image, to, config_.resample);
  const Image& source = same ? image : resized;

  const std::size_t start = out.pixel_values.size();
  out.pixel_values.resize(start + std::size_t(grid.patches() * patch_dim()));
  float* row = out.pixel_values.data() + start;
  for (std::int64_t block_y = 0; block_y < grid.h; block_y += merge)
    for (std::int64_t block_x = 0; block_x < grid.w; block_x += merge)
      for (std::int64_t patch = 0; patch < merge * merge; ++patch, row += patch_dim()) {
        const std::int64_t top = (block_y + patch / merge) * side;
        const std::int64_t left = (block_x + patch % merge) * side;
        for (int channel = 0; channel < 3; ++channel) {
          float* frame = row + channel * repeats * plane;  // [frames, side, side]
          for (std::int64_t y = 0; y < side; ++y) {
            const std::uint8_t* level = source.at(int(top + y), int(left)) + channel;
            for (std::int64_t x = 0; x < side; ++x)
              frame[y * side + x] = normalized_[channel][level[3 * x]];
          }
          for (std::int64_t t = 1; t < repeats; ++t) std::copy_n(frame, plane, frame + t * plane);
        }
      }
  out.grid_thw.push_back(grid);
}

VISPLAY_INLINE ProcessedImages ImageProcessor::operator()(std::span<const ImagePtr> images) const {
  std::int64_t patches = 0;
  for (const ImagePtr& image : images) {
    check(image != nullptr, "image processor: an image is null");
    patches += grid({image->height, image->width}).patches();
  }
  ProcessedImages out;
  out.pixel_values.reserve(std::size_t(patches * patch_dim()));
  for (const ImagePtr& image : images) append(*image, out);
  return out;
}

VISPLAY_INLINE ProcessedImages ImageProcessor::operator()(const Image& image) const {
  ProcessedImages out;
  append(image, out);
  return out;
}

}  // namespace visplay
