// Part of image_codec.ipp: PNG by libpng. It reports errors by longjmp, so the functions that run
// under setjmp hold no object with a destructor: buffers belong to the callers.
#pragma once

#include <visplay/io/image_pixels.ipp>

#include <fmt/format.h>

#include <csetjmp>
#include <cstring>

#include <png.h>

#include <algorithm>
#include <optional>

namespace visplay::detail {

/// Decoder state and what is read; lives outside the frames that longjmp may leave.
struct PngReader {
  std::span<const std::uint8_t> rest;
  std::array<char, 128> problem{};
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<std::uint8_t> samples{};  ///< [height, row_bytes]
  std::vector<png_bytep> rows{};
  std::array<Rgba, 256> palette{};
  std::optional<Rgba> transparent{};  ///< the one color that is, as Pillow compares it

  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  explicit PngReader(std::span<const std::uint8_t> bytes) : rest(bytes) {}
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] VISPLAY_INLINE void png_failed(png_structp png, png_const_charp message) {
  auto& problem = *static_cast<std::array<char, 128>*>(png_get_error_ptr(png));
  std::strncpy(problem.data(), message, problem.size() - 1);
  png_longjmp(png, 1);
}
VISPLAY_INLINE void png_warned(png_structp, png_const_charp) {}

VISPLAY_INLINE void png_pull(png_structp png, png_bytep out, png_size_t size) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (reader.rest.size() < size) png_error(png, "the data end early (truncated file)");
  std::memcpy(out, reader.rest.data(), size);
  reader.rest = reader.rest.subspan(size);
}

/// Runs step(reader); false if libpng gave up, with the reason in reader.problem.
template <class Step>
bool png_try(PngReader& reader, Step step) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  step(reader);
  return true;
}

VISPLAY_INLINE void png_start(PngReader& reader) {
  png_set_read_fn(reader.png, &reader, png_pull);
  png_set_user_limits(reader.png, 0x7FFFFFFF, 0x7FFFFFFF);  // the caller checks the product
  png_set_chunk_malloc_max(reader.png, 8 << 20);
  // Chunks that change nothing here are skipped unread: profiles and texts may be compressed bombs.
  static constexpr char skipped[] = "iCCP\0sRGB\0gAMA\0cHRM\0zTXt\0iTXt\0tEXt\0eXIf\0sPLT\0hIST";
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER,
                              reinterpret_cast<png_const_bytep>(skipped), sizeof skipped / 5);
  png_read_info(reader.png, reader.info);
}

/// One sample a byte, or two for 16-bit grey.
VISPLAY_INLINE void png_prepare(PngReader& reader) {
  const int type = png_get_color_type(reader.png, reader.info);
  png_set_packing(reader.png);
  if (type == PNG_COLOR_TYPE_GRAY)
    png_set_expand_gray_1_2_4_to_8(reader.png);
  else
    png_set_strip_16(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
}

VISPLAY_INLINE void png_read_rows(PngReader& reader) {
  png_read_image(reader.png, reader.rows.data());
}

/// Colors and alpha of the palette. An index past its end stays black, as in Pillow.
VISPLAY_INLINE void read_palette(PngReader& reader) {
  reader.palette.fill({0, 0, 0, 255});
  png_colorp colors = nullptr;
  int count = 0;
  if (!png_get_PLTE(reader.png, reader.info, &colors, &count)) return;
  for (int i = 0; i < std::min(count, 256); ++i)
    reader.palette[std::size_t(i)] = {colors[i].red, colors[i].green, colors[i].blue, 255};
  png_bytep alphas = nullptr;
  if (!png_get_tRNS(reader.png, reader.info, &alphas, &count, nullptr) || !alphas) return;
  for (int i = 0; i < std::min(count, 256); ++i) reader.palette[std::size_t(i)][3] = alphas[i];
}

/// Pillow compares levels expanded to 8 bits with the low byte of what the file says, so in 4-bit
/// grey a 1 is level 1, which no pixel has.
VISPLAY_INLINE void read_transparent_color(PngReader& reader, int type, int depth) {
  png_color_16p color = nullptr;
  if (type == PNG_COLOR_TYPE_PALETTE ||
      !png_get_tRNS(reader.png, reader.info, nullptr, nullptr, &color) || !color)
    return;
  const auto grey = std::uint8_t(depth > 1 ? color->gray : color->gray ? 255 : 0);
  reader.transparent = {grey, grey, grey, 255};
  if (type == PNG_COLOR_TYPE_RGB)
    reader.transparent = {std::uint8_t(color->red), std::uint8_t(color->green),
                          std::uint8_t(color->blue), 255};
}

VISPLAY_INLINE Rgba png_pixel(const PngReader& reader, int type, int depth,
                              const std::uint8_t* sample) {
  Rgba pixel{0, 0, 0, 255};
  if (type == PNG_COLOR_TYPE_PALETTE) return reader.palette[*sample];
  if (type & PNG_COLOR_MASK_COLOR)
    std::copy_n(sample, type & PNG_COLOR_MASK_ALPHA ? 4 : 3, pixel.begin());
  else if (type & PNG_COLOR_MASK_ALPHA)
    pixel = {sample[0], sample[0], sample[0], sample[1]};
  else
    std::fill_n(pixel.begin(), 3, depth == 16 ? sample[0] ? 255 : sample[1] : sample[0]);
  if (reader.transparent == pixel) pixel[3] = 0;
  return pixel;
}

VISPLAY_INLINE Image decode_png(std::span<const std::uint8_t> bytes, const std::string& source,
                                const ImageLimits& limits, AlphaPolicy policy) {
  PngReader reader(bytes);
  const auto failed = [&] {
    throw Error(fmt::format("{}: broken PNG: {}", source, reader.problem.data()));
  };
  reader.png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader.problem, png_failed, png_warned);
  reader.info = reader.png ? png_create_info_struct(reader.png) : nullptr;
  check(reader.info != nullptr, "{}: libpng did not start", source);
  if (!png_try(reader, png_start)) failed();
  const png_uint_32 width = png_get_image_width(reader.png, reader.info);
  const png_uint_32 height = png_get_image_height(reader.png, reader.info);
  const int type = png_get_color_type(reader.png, reader.info);
  const int depth = png_get_bit_depth(reader.png, reader.info);
  check_size(width, height, source, limits);
  if (type == PNG_COLOR_TYPE_PALETTE) read_palette(reader);
  read_transparent_color(reader, type, depth);
  if (!png_try(reader, png_prepare)) failed();
  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  reader.samples.resize(row_bytes * height);
  reader.rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) reader.rows[y] = reader.samples.data() + y * row_bytes;
  if (!png_try(reader, png_read_rows)) failed();
  const bool opaque = type == PNG_COLOR_TYPE_RGB && !reader.transparent;
  if (opaque) return {int(height), int(width), std::move(reader.samples), source};
  Image image = black_image(width, height, source);
  const std::size_t step = row_bytes / width;
  for (std::size_t i = 0; i < std::size_t(width) * height; ++i)
    put_pixel(png_pixel(reader, type, depth, &reader.samples[i * step]), policy,
              &image.pixels[3 * i]);
  return image;
}

VISPLAY_INLINE void png_push(png_structp png, png_bytep data, png_size_t size) {
  auto& out = *static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
  out.insert(out.end(), data, data + size);
}
VISPLAY_INLINE void png_flushed(png_structp) {}

/// What encoding needs; destroyed by its owner, not by the frame under setjmp.
struct PngWriter {
  std::array<char, 128> problem{};
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, &problem, png_failed, png_warned);
  png_infop info = png ? png_create_info_struct(png) : nullptr;

  PngWriter() = default;
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

VISPLAY_INLINE bool png_write(PngWriter& writer, const Image& image,
                              std::vector<std::uint8_t>& out) {
  if (setjmp(png_jmpbuf(writer.png))) return false;
  png_set_write_fn(writer.png, &out, png_push, png_flushed);
  png_set_IHDR(writer.png, writer.info, png_uint_32(image.width), png_uint_32(image.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  for (int y = 0; y < image.height; ++y) png_write_row(writer.png, image.at(y, 0));
  png_write_end(writer.png, writer.info);
  return true;
}

}  // namespace visplay::detail
