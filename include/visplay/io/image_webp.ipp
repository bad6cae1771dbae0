// Part of image_codec.ipp: WebP by libwebp, lossy and lossless; of an animation the first frame, on
// a canvas that is transparent elsewhere.
#pragma once

#include <visplay/io/image_pixels.ipp>

#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

namespace visplay::detail {

VISPLAY_INLINE void check_webp(VP8StatusCode status, const std::string& source) {
  if (status == VP8_STATUS_OK) return;
  throw Error(fmt::format(
      "{}: broken WebP: {}", source,
      status == VP8_STATUS_NOT_ENOUGH_DATA       ? "the data end early (truncated file)"
      : status == VP8_STATUS_UNSUPPORTED_FEATURE ? "a feature that libwebp does not know"
                                                 : "the data make no picture"));
}

/// Where on the canvas a bitstream goes.
struct WebpFrame {
  std::span<const std::uint8_t> bitstream;
  std::size_t x = 0, y = 0;  ///< pixels
};

/// @throws Error if there is no whole first frame inside the canvas
VISPLAY_INLINE WebpFrame first_webp_frame(std::span<const std::uint8_t> bytes, std::size_t width,
                                          std::size_t height, const std::string& source) {
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&data),
                                                                         WebPDemuxDelete);
  WebPIterator frame{};
  if (!demuxer || !WebPDemuxGetFrame(demuxer.get(), 1, &frame))
    check_webp(VP8_STATUS_NOT_ENOUGH_DATA, source);
  const WebpFrame first{{frame.fragment.bytes, frame.fragment.size},
                        std::size_t(frame.x_offset),
                        std::size_t(frame.y_offset)};
  const bool inside =
      first.x + std::size_t(frame.width) <= width && first.y + std::size_t(frame.height) <= height;
  WebPDemuxReleaseIterator(&frame);
  if (!inside) check_webp(VP8_STATUS_BITSTREAM_ERROR, source);
  return first;
}

VISPLAY_INLINE Image decode_webp(std::span<const std::uint8_t> bytes, const std::string& source,
                                 const ImageLimits& limits, AlphaPolicy policy) {
  WebPDecoderConfig config;
  check(WebPInitDecoderConfig(&config), "{}: libwebp did not start", source);
  check_webp(WebPGetFeatures(bytes.data(), bytes.size(), &config.input), source);
  const auto width = std::size_t(config.input.width), height = std::size_t(config.input.height);
  check_size(width, height, source, limits);
  const WebpFrame frame = config.input.has_animation
                              ? first_webp_frame(bytes, width, height, source)
                              : WebpFrame{bytes};
  const bool blend = config.input.has_alpha && policy == AlphaPolicy::white;
  const std::size_t channels = blend ? 4 : 3, start = channels * (frame.y * width + frame.x);
  Image image = black_image(width, height, source);
  std::vector<std::uint8_t> samples(blend ? channels * width * height : 0);
  std::vector<std::uint8_t>& canvas = blend ? samples : image.pixels;
  config.output.colorspace = blend ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {canvas.data() + start, int(channels * width), canvas.size() - start};
  check_webp(WebPDecode(frame.bitstream.data(), frame.bitstream.size(), &config), source);
  for (std::size_t i = 0; blend && i < width * height; ++i)
    on_white({samples[4 * i], samples[4 * i + 1], samples[4 * i + 2], samples[4 * i + 3]},
             &image.pixels[3 * i]);
  return image;
}

}  // namespace visplay::detail
