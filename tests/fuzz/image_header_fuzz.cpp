// Image files under small limits: whatever the bytes are, an Error or an image of its size.
#include <visplay/io/image_codec.hpp>

#include "fuzz.hpp"

using namespace visplay;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_error_or([&] {
    const ImageLimits limits{.bytes = 1 << 20, .pixels = 1 << 16};
    const Image image = decode_image({data, size}, "input", limits);
    fuzz::require(std::uint64_t(image.width) * image.height <= limits.pixels, "limits hold");
    fuzz::require(image.pixels.size() == 3u * image.width * image.height,
                  "an image is [height, width, 3]");
  });
  return 0;
}
