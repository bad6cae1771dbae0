// Bodies of image_codec.hpp on libpng and libjpeg-turbo. Both report errors by longjmp, so the
// functions that run under setjmp hold no object with a destructor: buffers belong to the callers.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/image_codec.hpp>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>

#include <jerror.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>

namespace visplay {

namespace detail {

inline constexpr std::array<std::uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', 13, 10, 26, 10};
inline constexpr std::array<std::uint8_t, 3> jpeg_signature{0xFF, 0xD8, 0xFF};

VISPLAY_INLINE void check_size(std::uint64_t width, std::uint64_t height, const std::string& source,
                               const ImageLimits& limits) {
  check(width > 0 && height > 0, "{}: expected an image with pixels, got {} x {}", source, width,
        height);
  check(width * height <= limits.pixels, "{}: {} x {} pixels are more than the limit of {}", source,
        width, height, limits.pixels);
}

// --- PNG ----------------------------------------------------------------------------------------

/// Decoder state and what is read; lives outside the frames that longjmp may leave.
struct PngReader {
  std::span<const std::uint8_t> rest;
  std::array<char, 128> problem{};
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<std::uint8_t> samples{};  ///< [height, row_bytes] as stored, one sample a byte
  std::vector<png_bytep> rows{};
  std::array<std::array<std::uint8_t, 3>, 256> palette{};

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

VISPLAY_INLINE void png_read_rows(PngReader& reader) {
  png_read_image(reader.png, reader.rows.data());
}

/// An index past the palette's end stays black, as in Pillow.
VISPLAY_INLINE void read_palette(PngReader& reader) {
  png_colorp colors = nullptr;
  int count = 0;
  if (!png_get_PLTE(reader.png, reader.info, &colors, &count)) return;
  for (int i = 0; i < std::min(count, 256); ++i)
    reader.palette[std::size_t(i)] = {colors[i].red, colors[i].green, colors[i].blue};
}

VISPLAY_INLINE void png_to_rgb(const PngReader& reader, int type, Image& image) {
  const std::size_t count = std::size_t(image.width) * std::size_t(image.height);
  const std::size_t channels = png_get_channels(reader.png, reader.info);
  const std::uint8_t* in = reader.samples.data();
  std::uint8_t* out = image.pixels.data();
  for (std::size_t i = 0; i < count; ++i, in += channels, out += 3) {
    if (type == PNG_COLOR_TYPE_PALETTE)
      std::ranges::copy(reader.palette[*in], out);
    else if (type & PNG_COLOR_MASK_COLOR)
      std::copy_n(in, 3, out);
    else
      std::fill_n(out, 3, *in);
  }
}

VISPLAY_INLINE Image decode_png(std::span<const std::uint8_t> bytes, const std::string& source,
                                const ImageLimits& limits) {
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
  check(depth <= 8, "{}: 16-bit PNG is not supported, expected at most 8 bits a sample", source);
  check_size(width, height, source, limits);
  if (type == PNG_COLOR_TYPE_PALETTE) read_palette(reader);
  const bool prepared = png_try(reader, [](PngReader& r) {
    png_set_packing(r.png);  // one sample a byte
    if (png_get_color_type(r.png, r.info) == PNG_COLOR_TYPE_GRAY)
      png_set_expand_gray_1_2_4_to_8(r.png);
    png_set_interlace_handling(r.png);
    png_read_update_info(r.png, r.info);
  });
  if (!prepared) failed();
  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  reader.samples.resize(row_bytes * height);
  reader.rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) reader.rows[y] = reader.samples.data() + y * row_bytes;
  if (!png_try(reader, png_read_rows)) failed();
  Image image{.height = int(height), .width = int(width), .pixels = {}, .source = source};
  image.pixels.resize(std::size_t(3) * width * height);
  png_to_rgb(reader, type, image);
  return image;
}

// --- JPEG ---------------------------------------------------------------------------------------

inline constexpr int most_jpeg_scans = 500;  // a progressive file of thousands is an attack

struct JpegReader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> problem{};
  std::span<const std::uint8_t> bytes;
  std::vector<std::uint8_t> samples{};  ///< [height, width, channels]

  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  explicit JpegReader(std::span<const std::uint8_t> data) : bytes(data) {}
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
};

[[noreturn]] VISPLAY_INLINE void jpeg_failed(j_common_ptr jpeg) {
  auto& reader = *static_cast<JpegReader*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, reader.problem.data());
  std::longjmp(reader.back, 1);
}

/// Warnings of damaged data are ignored, as in Pillow, but the end of the data is an error.
VISPLAY_INLINE void jpeg_warned(j_common_ptr jpeg, int level) {
  if (level == -1 && jpeg->err->msg_code == JWRN_JPEG_EOF) {
    auto& reader = *static_cast<JpegReader*>(jpeg->client_data);
    std::strcpy(reader.problem.data(), "the data end early (truncated file)");
    std::longjmp(reader.back, 1);
  }
}

VISPLAY_INLINE void jpeg_progressed(j_common_ptr jpeg) {
  auto& reader = *static_cast<JpegReader*>(jpeg->client_data);
  if (reader.jpeg.input_scan_number > most_jpeg_scans) {
    std::strcpy(reader.problem.data(), "too many scans");
    std::longjmp(reader.back, 1);
  }
}

template <class Step>
bool jpeg_try(JpegReader& reader, Step step) {
  if (setjmp(reader.back)) return false;
  step(reader);
  return true;
}

VISPLAY_INLINE void jpeg_start(JpegReader& reader) {
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = jpeg_failed;
  reader.errors.emit_message = jpeg_warned;
  reader.jpeg.client_data = &reader;
  jpeg_create_decompress(&reader.jpeg);
  reader.jpeg.client_data = &reader;
  reader.progress.progress_monitor = jpeg_progressed;
  reader.jpeg.progress = &reader.progress;
  jpeg_mem_src(&reader.jpeg, reader.bytes.data(), static_cast<unsigned long>(reader.bytes.size()));
  jpeg_read_header(&reader.jpeg, TRUE);
}

VISPLAY_INLINE void jpeg_read_rows(JpegReader& reader) {
  jpeg_decompress_struct& jpeg = reader.jpeg;
  jpeg_start_decompress(&jpeg);
  const std::size_t row_bytes =
      std::size_t(jpeg.output_width) * std::size_t(jpeg.output_components);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = reader.samples.data() + row_bytes * jpeg.output_scanline;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
}

/// Pillow's CMYK to RGB: files hold 255 - ink (Adobe's habit); ink and black multiply, rounded.
VISPLAY_INLINE void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb) {
  const int white = cmyk[3];
  for (int c = 0; c < 3; ++c) {
    const int product = (255 - cmyk[c]) * white + 128;
    rgb[c] = std::uint8_t(white - (((product >> 8) + product) >> 8));
  }
}

VISPLAY_INLINE Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& source,
                                 const ImageLimits& limits) {
  JpegReader reader(bytes);
  const auto failed = [&] {
    throw Error(fmt::format("{}: broken JPEG: {}", source, reader.problem.data()));
  };
  if (!jpeg_try(reader, jpeg_start)) failed();
  jpeg_decompress_struct& jpeg = reader.jpeg;
  check(jpeg.data_precision == 8, "{}: {}-bit JPEG is not supported, expected 8 bits", source,
        jpeg.data_precision);
  const int channels = jpeg.num_components;
  check(channels == 1 || channels == 3 || channels == 4,
        "{}: JPEG with {} components is not supported, expected 1, 3 or 4", source, channels);
  check_size(jpeg.image_width, jpeg.image_height, source, limits);
  jpeg.out_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg.dct_method = JDCT_ISLOW;
  jpeg.do_fancy_upsampling = TRUE;
  Image image{.height = int(jpeg.image_height),
              .width = int(jpeg.image_width),
              .pixels = {},
              .source = source};
  const std::size_t count = std::size_t(image.width) * std::size_t(image.height);
  reader.samples.resize(count * std::size_t(channels));
  if (!jpeg_try(reader, jpeg_read_rows)) failed();
  if (channels == 3) {
    image.pixels = std::move(reader.samples);
    return image;
  }
  image.pixels.resize(3 * count);
  for (std::size_t i = 0; i < count; ++i) {
    if (channels == 1)
      std::fill_n(&image.pixels[3 * i], 3, reader.samples[i]);
    else
      cmyk_to_rgb(&reader.samples[4 * i], &image.pixels[3 * i]);
  }
  return image;
}

// --- files --------------------------------------------------------------------------------------

/// The first bytes for a message, unprintable ones as dots.
VISPLAY_INLINE std::string first_bytes(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(bytes.size(), 16)))
    text += 32 <= byte && byte < 127 ? char(byte) : '.';
  return text;
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

}  // namespace detail

VISPLAY_INLINE Image decode_image(std::span<const std::uint8_t> bytes, const std::string& source,
                                  const ImageLimits& limits) {
  check(bytes.size() <= limits.bytes, "{}: {} bytes are more than the limit of {}", source,
        bytes.size(), limits.bytes);
  const auto starts_with = [&](const auto& signature) {
    return bytes.size() >= signature.size() &&
           std::equal(signature.begin(), signature.end(), bytes.begin());
  };
  if (starts_with(detail::png_signature)) return detail::decode_png(bytes, source, limits);
  if (starts_with(detail::jpeg_signature)) return detail::decode_jpeg(bytes, source, limits);
  throw Error(bytes.empty()
                  ? fmt::format("{}: expected a PNG or JPEG file, got an empty one", source)
                  : fmt::format("{}: expected a PNG or JPEG file, got one that starts "
                                "with '{}'",
                                source, detail::first_bytes(bytes)));
}

VISPLAY_INLINE Image read_image(const std::filesystem::path& path, const ImageLimits& limits) {
  std::error_code ignored;
  check(!std::filesystem::is_directory(path, ignored), "{}: expected an image file, got a folder",
        path.string());
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? std::streamoff(file.tellg()) : -1;
  check(size >= 0, "{}: cannot be read", path.string());
  check(std::uint64_t(size) <= limits.bytes, "{}: {} bytes are more than the limit of {}",
        path.string(), size, limits.bytes);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  check(file.good() || size == 0, "{}: cannot be read", path.string());
  return decode_image(bytes, path.string(), limits);
}

VISPLAY_INLINE std::vector<std::uint8_t> encode_png(const Image& image) {
  check(image.width > 0 && image.height > 0 &&
            image.pixels.size() ==
                std::size_t(3) * std::size_t(image.width) * std::size_t(image.height),
        "encode_png: expected [height, width, 3] pixels with both sizes > 0, got {} bytes for {} x "
        "{}",
        image.pixels.size(), image.height, image.width);
  detail::PngWriter writer;
  std::vector<std::uint8_t> out;
  check(writer.info && detail::png_write(writer, image, out), "encode_png: libpng: {}",
        writer.problem.data());
  return out;
}

VISPLAY_INLINE void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::uint8_t> bytes = encode_png(image);
  std::filesystem::path aside = path;
  aside += ".part";
  std::ofstream file(aside, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  file.close();
  std::error_code problem;
  if (file) std::filesystem::rename(aside, path, problem);
  if (file && !problem) return;
  std::error_code ignored;
  std::filesystem::remove(aside, ignored);
  throw Error(fmt::format("{}: cannot be written", path.string()));
}

}  // namespace visplay
