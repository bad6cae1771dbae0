// Part of image_codec.ipp: JPEG by libjpeg-turbo. It reports errors by longjmp, so the functions
// that run under setjmp hold no object with a destructor: buffers belong to the callers.
#pragma once

#include <visplay/io/image_pixels.ipp>

#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>

#include <jerror.h>

#include <algorithm>

namespace visplay::detail {

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
    const auto product = std::uint32_t((255 - cmyk[c]) * white + 128);
    rgb[c] = std::uint8_t(white - int(by_255(product)));
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
  const std::size_t count = std::size_t(jpeg.image_width) * std::size_t(jpeg.image_height);
  reader.samples.resize(count * std::size_t(channels));
  if (!jpeg_try(reader, jpeg_read_rows)) failed();
  if (channels == 3)
    return {int(jpeg.image_height), int(jpeg.image_width), std::move(reader.samples), source};
  Image image = black_image(jpeg.image_width, jpeg.image_height, source);
  for (std::size_t i = 0; i < count; ++i) {
    if (channels == 1)
      std::fill_n(&image.pixels[3 * i], 3, reader.samples[i]);
    else
      cmyk_to_rgb(&reader.samples[4 * i], &image.pixels[3 * i]);
  }
  return image;
}

}  // namespace visplay::detail
