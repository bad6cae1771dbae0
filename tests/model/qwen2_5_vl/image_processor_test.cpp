#include <visplay/model/qwen2_5_vl/image_processor.hpp>

#include <visplay/core/error.hpp>
#include <visplay/io/image_codec.hpp>
#include <visplay/io/json.hpp>
#include <visplay/kernels/resample.hpp>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <span>
#include <string>

#include <unistd.h>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;

namespace {

/// The CRC-32 of zlib.
std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~0u;
  for (const std::byte byte : bytes) {
    crc ^= std::uint32_t(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

std::uint32_t crc_of(const auto& values) { return crc32(std::as_bytes(std::span(values))); }

/// The images of tests/golden/make/image_processor.py.
Image golden_image(const std::string& kind, int height, int width) {
  Image image{height, width, std::vector<std::uint8_t>(std::size_t(height) * width * 3), kind};
  const std::uint64_t H = height, W = width;
  for (std::uint64_t y = 0; y < H; ++y)
    for (std::uint64_t x = 0; x < W; ++x)
      for (std::uint64_t c = 0; c < 3; ++c) {
        std::uint64_t z = ((y * W + x) * 3 + c + 1) * 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        const std::uint64_t pattern[3] = {3 * x + 5 * y, x * x + 7 * y, x * y + 11 * x};
        const std::uint64_t slope[3] = {x * 100 / W, y * 100 / H, (x + y) * 100 / (W + H)};
        const std::uint64_t photo =
            slope[c] + (x / 40 + y / 40) % 2 * 90 + (x / 8 * 7 + y / 8 * 13) % 9 + (z >> 60);
        image.at(int(y), int(x))[c] = std::uint8_t(kind == "pattern" ? pattern[c]
                                                   : kind == "noise" ? z >> 56
                                                                     : photo);
      }
  return image;
}

Json golden(const char* part) {
  return read_json_file(std::filesystem::path(VISPLAY_SOURCE_DIR) /
                        "tests/golden/image_processor.json")[part];
}

void check_path(Resample resample, const std::string& name) {
  const Json cases = golden("cases");
  CHECK(cases.size() == 24);
  for (const Json& test : cases) {
    const Image image = golden_image(test["kind"], test["height"], test["width"]);
    INFO(test.dump());
    REQUIRE(crc_of(image.pixels) == test["source"]);
    const Image resized = resize_bicubic(image, {test["to"][0], test["to"][1]}, resample);
    CHECK(crc_of(resized.pixels) == test["resized"][name]);
    const ImageProcessor process(
        {.min_pixels = test["min_pixels"], .max_pixels = test["max_pixels"], .resample = resample});
    const ProcessedImages out = process(image);
    const Json& grid = test[name]["grid"];
    CHECK((out.grid_thw == std::vector{ImageGrid{grid[0], grid[1], grid[2]}}));
    CHECK(crc_of(out.pixel_values) == test[name]["crc"]);
  }
}

const Image plain_red{.height = 28,
                      .width = 28,
                      .pixels = std::vector<std::uint8_t>(28 * 28 * 3, 200),
                      .source = "red"};

/// The definition, a level at a time. @param from  [in, step]: the axis is the first one
std::vector<std::uint8_t> resampled(const std::vector<std::uint8_t>& from, std::int64_t step,
                                    const ResampleAxis& axis) {
  std::vector<std::uint8_t> to;
  for (std::int64_t i = 0; i < axis.out(); ++i)
    for (std::int64_t c = 0; c < step; ++c) {
      std::int64_t sum = 1 << (axis.bits - 1);
      for (int j = 0; j < axis.count[i]; ++j)
        sum += axis.weights[i * axis.taps + j] * from[(axis.first[i] + j) * step + c];
      to.push_back(std::uint8_t(std::clamp<std::int64_t>(sum >> axis.bits, 0, 255)));
    }
  return to;
}

struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("visplay_image_processor_" + std::to_string(::getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  void write(const char* name, const char* text) const { std::ofstream(path / name) << text; }
};

}  // namespace

TEST_CASE("the pillow path equals Qwen2VLImageProcessorPil bit for bit") {
  check_path(Resample::pillow, "pillow");
}

TEST_CASE("the torchvision path equals Qwen2VLImageProcessor on CPU bit for bit") {
  check_path(Resample::torchvision, "torchvision");
}

TEST_CASE("files of every kind, all in one call, equal transformers under every policy and path") {
  // Odd sizes, ratios up to 1 : 11, orientations 1 to 8, alpha, palettes, CMYK, WebP of both kinds.
  const Json files = golden("files");
  std::vector<std::filesystem::path> paths;
  const auto folder = std::filesystem::path(VISPLAY_SOURCE_DIR) / "tests/golden/codec";
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) paths.push_back(entry.path());
  std::ranges::sort(paths);
  REQUIRE(paths.size() == files["count"]);
  for (const std::string policy : {"plain", "white", "upright"}) {
    std::vector<ImagePtr> images;
    for (const auto& path : paths)
      images.push_back(std::make_shared<const Image>(read_image(
          path, {},
          {.exif = policy == "upright" ? ExifOrientation::apply : ExifOrientation::ignore,
           .alpha = policy == "white" ? AlphaPolicy::white : AlphaPolicy::drop})));
    for (const std::string name : {"pillow", "torchvision"}) {
      INFO(name << ' ' << policy);
      const auto out = ImageProcessor(
          {.max_pixels = 12845056,
           .resample = name == "pillow" ? Resample::pillow : Resample::torchvision})(images);
      const Json& expected = files[name + "_" + policy];
      CHECK(out.pixel_values.size() == 1176 * expected["patches"].get<std::size_t>());
      CHECK(crc_of(out.grid_thw) == expected["grid_crc"]);
      CHECK(crc_of(out.pixel_values) == expected["crc"]);
    }
  }
}

TEST_CASE("frames of a video are paired, and the last one fills an odd pair") {
  const Json videos = golden("videos");
  CHECK(videos.size() == 5);
  for (const Json& test : videos) {
    std::vector<ImagePtr> frames;
    const int height = test["height"], width = test["width"];
    for (int i = 0; i < test["frames"]; ++i) {
      Image frame = golden_image("photo", height + i, width);
      frame.pixels.erase(frame.pixels.begin(), frame.pixels.begin() + 3 * i * width);
      frame.height = height;
      frames.push_back(std::make_shared<const Image>(std::move(frame)));
    }
    for (const std::string name : {"pillow", "torchvision"}) {
      INFO(name << ' ' << test.dump());
      const auto out =
          ImageProcessor({.min_pixels = test["min_pixels"],
                          .max_pixels = test["max_pixels"],
                          .resample = name == "pillow" ? Resample::pillow : Resample::torchvision})
              .video(frames);
      const Json& grid = test["grid"];
      CHECK((out.grid_thw == std::vector{ImageGrid{grid[0], grid[1], grid[2]}}));
      CHECK(crc_of(out.pixel_values) == test[name]);
    }
  }
  const auto red = std::make_shared<const Image>(plain_red);
  const ImageProcessor process;
  CHECK(process.video(std::vector<ImagePtr>{red}).pixel_values == process(*red).pixel_values);
  CHECK_THROWS_WITH(process.video({}), ContainsSubstring("no frames"));
  const auto other = std::make_shared<const Image>(golden_image("noise", 28, 29));
  CHECK_THROWS_WITH(process.video(std::vector<ImagePtr>{red, other}), ContainsSubstring("28 x 29"));
}

TEST_CASE("blocks of levels give what the definition gives, at every remainder of a block") {
  for (const int height : {1, 15, 16, 17, 63, 64, 65, 100, 130})
    for (const int width : {1, 5, 21, 22, 23, 43, 70}) {
      const Image image = golden_image("noise", height, width);
      for (const int out : {1, 7, 28, 84}) {
        INFO(height << " x " << width << " to " << out);
        const ResampleAxis rows = bicubic_axis(width, out, 1 << 30);
        std::vector<std::uint8_t> expected;
        for (int y = 0; y < height; ++y) {
          const auto row = resampled({image.at(y, 0), image.at(y, 0) + 3 * width}, 3, rows);
          expected.insert(expected.end(), row.begin(), row.end());
        }
        CHECK(resample_rows(image.pixels, height, rows) == expected);
        const ResampleAxis columns = bicubic_axis(height, out, 1 << 15);
        CHECK(resample_columns(image.pixels, width, columns) ==
              resampled(image.pixels, 3 * width, columns));
      }
    }
}

TEST_CASE("smart_resize equals the reference, its errors included") {
  const Json rows = golden("smart_resize");
  CHECK(rows.size() == 66);
  for (const Json& row : rows) {
    const ImageSize size{row[0], row[1]};
    INFO(row.dump());
    if (row[4].is_null())
      CHECK_THROWS_WITH(smart_resize(size, 28, row[2], row[3]), ContainsSubstring("200 times"));
    else
      CHECK(smart_resize(size, 28, row[2], row[3]) == ImageSize{row[4][0], row[4][1]});
  }
}

TEST_CASE("bicubic gives the checksums that Pillow 9.4 gave") {
  // From qwen25vl.md 13.2: other versions of Pillow and another rule for the sizes.
  struct Case {
    ImageSize from, to;
    std::uint32_t pillow, torchvision;
  };
  for (const auto& [from, to, pillow, torchvision] :
       {Case{{300, 401}, {196, 252}, 0xfb23b769, 0x25fd1ead},
        Case{{48, 64}, {56, 56}, 0x02c58a09, 0xe592f9c4},
        Case{{333, 777}, {336, 784}, 0xf061531d, 0xea54bfd4},
        Case{{64, 64}, {64, 84}, 0x968af6de, 0xfff8f624}}) {
    const Image image = golden_image("pattern", int(from.height), int(from.width));
    CHECK(crc_of(resize_bicubic(image, to).pixels) == pillow);
    CHECK(crc_of(resize_bicubic(image, to, Resample::torchvision).pixels) == torchvision);
  }
}

TEST_CASE("up to Pillow 12 a tall image is narrowed before it is shortened") {
  const Image image = golden_image("pattern", 1401, 31);
  CHECK(crc_of(resize_bicubic(image, {1064, 28}, Resample::pillow_12).pixels) == 1421784802);
  CHECK(crc_of(resize_bicubic(image, {1064, 28}, Resample::pillow).pixels) == 3718986864);
}

TEST_CASE("patches lie in merge order, channels first, both frames equal") {
  const ProcessedImages out = ImageProcessor()(golden_image("pattern", 56, 84));
  REQUIRE(out.pixel_values.size() == 24 * 1176);
  const auto at = [&](int row, int column) { return out.pixel_values[row * 1176 + column]; };
  const auto near = [](double value) { return Catch::Approx(value).margin(5e-7); };
  CHECK(at(0, 0) == near(-1.7922626));
  CHECK(at(0, 1) == near(-1.7484673));
  CHECK(at(0, 14) == near(-1.7192705));
  CHECK(at(0, 196) == at(0, 0));
  CHECK(at(0, 392) == near(-1.7520970));
  CHECK(at(0, 784) == near(-1.4802198));
  CHECK(at(3, 0) == near(-0.1572388));
  CHECK(at(5, 1175) == near(-0.9114172));
  CHECK(at(23, 1175) == near(-0.0297730));
}

TEST_CASE("several images are stacked in order") {
  const auto first = std::make_shared<const Image>(golden_image("noise", 56, 84));
  const auto second = std::make_shared<const Image>(golden_image("photo", 84, 56));
  const ImageProcessor process;
  const auto both = process(std::vector<ImagePtr>{first, second});
  auto expected = process(*first).pixel_values;
  const auto more = process(*second).pixel_values;
  expected.insert(expected.end(), more.begin(), more.end());
  CHECK(both.pixel_values == expected);
  CHECK((both.grid_thw == std::vector{ImageGrid{1, 4, 6}, ImageGrid{1, 6, 4}}));
  CHECK(process(std::span<const ImagePtr>()).pixel_values.empty());
}

TEST_CASE("every spelling of the pixel limits is read, min_pixels and max_pixels win") {
  const auto limits = [](std::string_view json) {
    const auto config = parse_image_processor_config(json, "test");
    return std::pair(config.min_pixels, config.max_pixels);
  };
  CHECK(limits("{}") == std::pair<std::int64_t, std::int64_t>(3136, 1003520));
  CHECK(limits(R"({"min_pixels": 3136, "max_pixels": 12845056})") == std::pair(3136l, 12845056l));
  CHECK(limits(R"({"size": {"shortest_edge": 100, "longest_edge": 200}})") ==
        std::pair(100l, 200l));
  CHECK(limits(R"({"size": {"min_pixels": 100, "max_pixels": 200}})") == std::pair(100l, 200l));
  CHECK(limits(R"({"size": {"shortest_edge": 100, "longest_edge": 200}, "max_pixels": 300,
                   "min_pixels": null})") == std::pair(100l, 300l));
  CHECK(limits(R"({"processor_class": "Qwen2_5_VLProcessor",
                   "image_processor": {"size": {"shortest_edge": 1, "longest_edge": 2}}})") ==
        std::pair(1l, 2l));
}

TEST_CASE("processor_config.json wins if it has an image processor") {
  const TemporaryFolder folder;
  CHECK(load_image_processor_config(folder.path) == ImageProcessorConfig{});
  folder.write("preprocessor_config.json", R"({"max_pixels": 5000})");
  folder.write("processor_config.json", R"({"processor_class": "Qwen2_5_VLProcessor"})");
  CHECK(load_image_processor_config(folder.path).max_pixels == 5000);
  folder.write("processor_config.json", R"({"image_processor": {"max_pixels": 6000}})");
  CHECK(load_image_processor_config(folder.path).max_pixels == 6000);
}

TEST_CASE("the limits of videos come from where transformers 5.23 looks for them") {
  const TemporaryFolder folder;
  CHECK(load_video_processor_config(folder.path).min_pixels == 128 * 28 * 28);
  CHECK(load_video_processor_config(folder.path).max_pixels == 768 * 28 * 28);
  folder.write("preprocessor_config.json", R"({"min_pixels": 10, "max_pixels": 20})");
  CHECK(load_video_processor_config(folder.path).max_pixels == 20);
  folder.write("video_preprocessor_config.json", R"({"min_pixels": 30, "max_pixels": 40})");
  CHECK(load_video_processor_config(folder.path).max_pixels == 40);
  folder.write("processor_config.json",
               R"({"video_processor": {"size": {"shortest_edge": 50, "longest_edge": 60}}})");
  CHECK(load_video_processor_config(folder.path).max_pixels == 60);
}

TEST_CASE("settings of the image processor that cannot be are refused by name") {
  const auto parse = [](std::string_view json) {
    return parse_image_processor_config(json, "preprocessor_config.json");
  };
  CHECK_THROWS_WITH(parse(R"({"patch_size": 0})"), ContainsSubstring("'patch_size' is 0"));
  CHECK_THROWS_WITH(parse(R"({"min_pixels": -1})"), ContainsSubstring("'min_pixels' is -1"));
  CHECK_THROWS_WITH(parse(R"({"min_pixels": 9, "max_pixels": 8})"), ContainsSubstring("above"));
  CHECK_THROWS_WITH(parse(R"({"image_mean": [1, 2]})"), ContainsSubstring("'image_mean'"));
  CHECK_THROWS_WITH(parse(R"({"image_std": [1, 2, 0]})"), ContainsSubstring("'image_std'"));
  CHECK_THROWS_WITH(parse(R"({"resample": 2})"), ContainsSubstring("'resample' is 2"));
  CHECK_THROWS_WITH(parse(R"({"rescale_factor": 0})"), ContainsSubstring("'rescale_factor'"));
  CHECK_THROWS_WITH(parse("[]"), ContainsSubstring("expected an object"));
}

TEST_CASE("images that do not fit are refused") {
  const ImageProcessor process;
  CHECK_THROWS_WITH(process(golden_image("noise", 1, 201)), ContainsSubstring("200 times"));
  CHECK_THROWS_WITH(process(Image{4, 4, {1, 2, 3}, "cut.png"}), ContainsSubstring("cut.png"));
  CHECK_THROWS_WITH(process(Image{}), ContainsSubstring("0 x 0"));
  CHECK_THROWS_WITH(process(std::vector<ImagePtr>{nullptr}), ContainsSubstring("null"));
  CHECK_THROWS_WITH(ImageProcessor({.resize = false})(golden_image("noise", 56, 60)),
                    ContainsSubstring("multiples of 28"));
}

// Section 11 of qwen25vl.md, part D.

TEST_CASE("trap 26: sides round half to even, and the scale is a double") {
  const auto side = [](std::int64_t n) { return smart_resize({n, 560}, 28, 1, 1 << 24).height; };
  CHECK(side(42) == 56);  // 1.5 rounds to 2
  CHECK(side(70) == 56);  // 2.5 rounds to 2: half away from zero would give 84
  CHECK(side(98) == 112);
  CHECK(side(126) == 112);
  // In float the first would give 56, the second 28.
  CHECK((smart_resize({130, 130}, 28, 1, 56 * 56) == ImageSize{28, 28}));
  CHECK((smart_resize({204, 204}, 28, 1, 56 * 56) == ImageSize{56, 56}));
}

TEST_CASE("trap 27: only the class name that ends in Fast means the torchvision path") {
  const auto path = [](const std::string& name) {
    return parse_image_processor_config("{\"image_processor_type\": \"" + name + "\"}", "test")
        .resample;
  };
  CHECK(path("Qwen2VLImageProcessorFast") == Resample::torchvision);
  CHECK(path("Qwen2VLImageProcessor") == Resample::pillow);
  CHECK(path("Qwen2VLImageProcessorPil") == Resample::pillow);
  CHECK(parse_image_processor_config("{}", "test").resample == Resample::pillow);
}

TEST_CASE("trap 28: orientation and transparency are VisPlay's unless asked otherwise") {
  const std::string folder = VISPLAY_SOURCE_DIR "/tests/golden/codec/";
  const Image stored = read_image(folder + "exif6.jpg");
  const Image upright = read_image(folder + "exif6.jpg", {}, {.exif = ExifOrientation::apply});
  CHECK((stored.height == 13 && stored.width == 10));
  CHECK((upright.height == 10 && upright.width == 13));
  const Image dropped = read_image(folder + "rgba.png");
  CHECK(read_image(folder + "rgba.png", {}, {.alpha = AlphaPolicy::drop}).pixels == dropped.pixels);
  CHECK(read_image(folder + "rgba.png", {}, {.alpha = AlphaPolicy::white}).pixels !=
        dropped.pixels);
}

TEST_CASE("trap 29: published files allow 16384 tokens, the class alone 1280") {
  const auto tokens = [](std::string_view json) {
    return ImageProcessor(parse_image_processor_config(json, "test")).grid({8000, 8000}).tokens();
  };
  CHECK(tokens("{}") == 35 * 35);
  CHECK(tokens(R"({"min_pixels": 3136, "max_pixels": 12845056})") == 128 * 128);
}

TEST_CASE("trap 30: size alone is not ignored, and max_pixels wins over it") {
  const auto grid = [](std::string_view json) {
    return ImageProcessor(parse_image_processor_config(json, "test")).grid({560, 560});
  };
  CHECK(grid(R"({"size": {"shortest_edge": 784, "longest_edge": 3136}})").h == 4);
  CHECK(grid(R"({"size": {"shortest_edge": 784, "longest_edge": 3136}, "max_pixels": 12544})").h ==
        8);
}

TEST_CASE("trap 31: what was resized before is not resampled again") {
  const Image image = golden_image("noise", 84, 112);
  CHECK(ImageProcessor({.resize = false})(image).pixel_values ==
        ImageProcessor()(image).pixel_values);
  // Below one factor a side is one factor, never 0.
  CHECK((smart_resize({20, 2000}, 28, 1, 7840) == ImageSize{28, 868}));
}

TEST_CASE("trap 32: the smallest images keep their color") {
  for (const Resample resample : {Resample::pillow, Resample::torchvision})
    for (int height = 1; height <= 9; ++height)
      for (int width = 1; width <= 40; width += 3) {
        INFO(height << " x " << width);
        const Image image{height, width,
                          std::vector<std::uint8_t>(std::size_t(height * width * 3), 77), "grey"};
        const auto out = ImageProcessor({.resample = resample})(image);
        CHECK(out.grid_thw[0].h * out.grid_thw[0].w >= 16);
        const double expected = (77 / 255.0 - 0.48145466) / 0.26862954;
        CHECK(std::abs(out.pixel_values[0] - expected) < 1e-6);
        CHECK(std::ranges::all_of(std::span(out.pixel_values).first(392),
                                  [&](float v) { return v == out.pixel_values[0]; }));
      }
}
