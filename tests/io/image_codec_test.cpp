#include <visplay/core/error.hpp>
#include <visplay/io/exif_orientation.hpp>
#include <visplay/io/image_codec.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include <fstream>

#include "support/crc32.hpp"
#include "support/temp_folder.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

const std::string folder = VISPLAY_SOURCE_DIR "/tests/golden/codec/";

nlohmann::json golden() {
  std::ifstream file(VISPLAY_SOURCE_DIR "/tests/golden/codec.json");
  return nlohmann::json::parse(file);
}

std::vector<std::uint8_t> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What reading says; empty if it succeeds.
std::string refusal(const std::string& path) {
  try {
    (void)read_image(path);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("pixels of every kind of file are those of Pillow") {
  // tests/golden/make/image_codec.py
  const auto cases = golden()["files"];
  REQUIRE(cases.size() == 84);
  for (const auto& item : cases) {
    const auto name = item["file"].get<std::string>();
    INFO(name);
    const Image image = read_image(folder + name);
    CHECK(image.height == item["height"]);
    CHECK(image.width == item["width"]);
    CHECK(image.source == folder + name);
    CHECK(test::crc32(image.pixels) == item["crc32"]);
  }
}

TEST_CASE("transparency is laid on white as by transformers, if asked to") {
  const auto cases = golden()["files"];
  int changed = 0;
  for (const auto& item : cases) {
    const auto name = item["file"].get<std::string>();
    INFO(name);
    const Image image = read_image(folder + name, {}, {.alpha = AlphaPolicy::white});
    CHECK(test::crc32(image.pixels) == item.value("white", item["crc32"]));
    changed += item.contains("white");
  }
  CHECK(changed == 17);
}

TEST_CASE("pictures are turned upright as by load_image of transformers, if asked to") {
  const auto cases = golden()["files"];
  int changed = 0;
  for (const auto& item : cases) {
    const auto name = item["file"].get<std::string>();
    INFO(name);
    CHECK(exif_orientation(bytes_of(folder + name)) == item.value("orientation", 1));
    const Image image = read_image(folder + name, {}, {.exif = ExifOrientation::apply});
    CHECK(test::crc32(image.pixels) == item.value("upright", item["crc32"]));
    CHECK(image.source == folder + name);
    changed += item.contains("upright");
  }
  CHECK(changed == 17);
}

TEST_CASE("a broken EXIF block is no orientation, wherever it breaks") {
  for (const std::string name : {"exif6.jpg", "exif8.png", "exif6.webp", "xmp7.png", "xmp3.webp"}) {
    const auto bytes = bytes_of(folder + name);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const int found = exif_orientation(std::span(bytes).first(size));
      CHECK((1 <= found && found <= 8));
      auto damaged = bytes;
      damaged[size] ^= std::uint8_t(1 + size % 255);
      const int other = exif_orientation(damaged);
      CHECK((1 <= other && other <= 8));
    }
  }
}

TEST_CASE("what cannot be read is refused in one line that names the file and the reason") {
  const auto cases = golden()["refused"];
  REQUIRE(cases.size() == 20);
  for (const auto& item : cases) {
    const auto name = item["file"].get<std::string>();
    const std::string message = refusal(folder + "refused/" + name);
    INFO(message);
    CHECK_THAT(message, ContainsSubstring(name));
    CHECK_THAT(message, ContainsSubstring(item["says"].get<std::string>()));
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK_THAT(refusal("/no/such/file.png"), ContainsSubstring("cannot be read"));
  CHECK_THAT(refusal(folder), ContainsSubstring("folder"));
}

TEST_CASE("a file cut anywhere is refused or whole, never crashes") {
  for (const std::string name : {"interlaced.png", "palette4.png", "progressive.jpg", "420.jpg",
                                 "lossless_alpha.webp", "lossy_alpha.webp", "animated.webp"}) {
    const auto bytes = bytes_of(folder + name);
    const Image whole = decode_image(bytes, name);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      try {
        const Image image = decode_image(std::span(bytes).first(size), name);
        CHECK(image.pixels == whole.pixels);
      } catch (const Error&) {
      }
    }
  }
}

TEST_CASE("a damaged file gives an image of its size or an error, never a crash") {
  const ImagePolicy both{ExifOrientation::apply, AlphaPolicy::white};
  for (const std::string name : {"rgb.png", "palette_short_trns.png", "progressive.jpg", "ycck.jpg",
                                 "lossless_alpha.webp", "lossy80.webp", "animated_alpha.webp"}) {
    const auto bytes = bytes_of(folder + name);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      auto damaged = bytes;
      damaged[at] ^= std::uint8_t(1 + at % 255);
      try {
        const Image image = decode_image(damaged, name, {.pixels = 1 << 20}, both);
        CHECK(image.pixels.size() == std::size_t(3) * std::size_t(image.width * image.height));
      } catch (const Error&) {
      }
    }
  }
}

TEST_CASE("bytes and pixels are limited before decoding") {
  const auto bytes = bytes_of(folder + "rgb.png");  // 37 x 45
  CHECK_NOTHROW(decode_image(bytes, "x", {.pixels = 37 * 45}));
  CHECK_THROWS_MATCHES(decode_image(bytes, "x", {.pixels = 37 * 45 - 1}), Error,
                       MessageMatches(ContainsSubstring("limit")));
  CHECK_THROWS_AS(decode_image(bytes, "x", {.bytes = bytes.size() - 1}), Error);
  CHECK_THROWS_AS(read_image(folder + "444.jpg", {.bytes = 10}), Error);
  CHECK_THROWS_AS(read_image(folder + "444.jpg", {.pixels = 1000}), Error);
}

TEST_CASE("a written PNG reads back the same, and a failed write leaves nothing") {
  const test::TempFolder temp;
  const Image image = read_image(folder + "420.jpg");
  write_png(temp / "copy.png", image);
  CHECK(read_image(temp / "copy.png").pixels == image.pixels);
  CHECK_FALSE(std::filesystem::exists(temp / "copy.png.part"));
  CHECK(decode_image(encode_png(image), "memory").pixels == image.pixels);
  CHECK_THROWS_AS(write_png(temp / "no_folder/copy.png", image), Error);
  CHECK_THROWS_AS(encode_png({.height = 2, .width = 2, .pixels = {1, 2, 3}, .source = ""}), Error);
}
