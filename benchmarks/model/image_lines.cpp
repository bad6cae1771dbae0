// Our side of benchmarks/peers/images.py: each line "PATH FILE" names a resampling path and an image
// file; the answer is a line of the nanoseconds of processor time that decoding, resizing and cutting
// took in all and of that decoding alone, and the CRC-32 of pixel_values.
#include <visplay/io/image_codec.hpp>
#include <visplay/model/qwen2_5_vl/image_processor.hpp>

#include <cstdio>
#include <ctime>
#include <iostream>

#include <zlib.h>

using namespace visplay;

namespace {

long long nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000ll + now.tv_nsec;
}

}  // namespace

int main() {
  ImageProcessorConfig config{.max_pixels = 12845056};
  const ImageProcessor pillow(config);
  config.resample = Resample::torchvision;
  const ImageProcessor torchvision(config);
  for (std::string path, file; std::cin >> path >> file;) {
    const long long start = nanoseconds();
    const Image image = read_image(file);
    const long long decoded = nanoseconds();
    const auto values = (path == "pillow" ? pillow : torchvision)(image).pixel_values;
    const long long end = nanoseconds();
    const unsigned long crc =
        crc32_z(0, reinterpret_cast<const Bytef*>(values.data()), values.size() * sizeof(float));
    std::printf("%lld %lld %lu\n", end - start, decoded - start, crc);
    std::fflush(stdout);
  }
}
