#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_writer.hpp>

#include <visplay/core/error.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>

#include <unistd.h>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;

namespace {

std::filesystem::path golden() {
  return std::filesystem::path(VISPLAY_SOURCE_DIR) / "tests/golden/mixed.safetensors";
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file: the header's length, the header, then zero bytes.
std::string file_of(const std::string& header, std::size_t data = 0) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data, '\0');
}

SafetensorsFile parse(const std::string& bytes) {
  return SafetensorsFile::parse(std::as_bytes(std::span(bytes)), "x.safetensors");
}

struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("visplay_safetensors_" + std::to_string(::getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return path / name;
  }
};

/// Element i of a tensor of tests/golden/make/safetensors_files.py.
double rule(std::int64_t i) { return double((i * 37 + 11) % 251 - 125); }

TensorEntry floats(const std::string& name, const std::vector<float>& values) {
  return {name, DType::f32, {std::int64_t(values.size())}, std::as_bytes(std::span(values))};
}

}  // namespace

TEST_CASE("a file of the Python package is read with its types, shapes and values") {
  const auto file = SafetensorsFile::open(golden());
  CHECK(file.metadata() == SafetensorsMetadata{{"format", "pt"}});
  CHECK(file.entries().size() == 13);
  CHECK(file.at("c.f32").shape == std::vector<std::int64_t>{2, 3, 4});
  CHECK(file.at("d.scalar").shape.empty());
  CHECK(file.at("l.empty").bytes.empty());
  CHECK(file.at("i.bool").dtype == DType::boolean);
  CHECK(file.find("none") == nullptr);
  CHECK_THROWS_WITH(file.at("none"), ContainsSubstring("none"));
  for (const char* name : {"a.f64", "c.f32", "d.scalar", "f.bf16", "g.f16", "m.\u00e9\"q"}) {
    const std::vector<float> values = to_float(file.at(name));
    for (std::size_t i = 0; i < values.size(); ++i) CHECK(values[i] == float(rule(i) / 2));
  }
  std::int64_t integer = 0;
  std::memcpy(&integer, file.at("b.i64").bytes.data() + 24, 8);
  CHECK(integer == rule(3));
  CHECK_THROWS_WITH(to_float(file.at("b.i64")), ContainsSubstring("I64"));
}

TEST_CASE("the same tensors are written with the same bytes as by the Python package") {
  const TemporaryFolder folder;
  const auto file = SafetensorsFile::open(golden());
  std::vector<TensorEntry> entries(file.entries().begin(), file.entries().end());
  std::ranges::reverse(entries);
  const auto path = folder.path / "again.safetensors";
  for (const bool sync : {false, true}) {
    write_safetensors(path, entries, {.sync = sync});
    CHECK((read(path) == read(golden())));  // binary: not to be printed
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("layer 2 is written before layer 10, and the header is padded to 8") {
  const TemporaryFolder folder;
  const std::vector<float> values{1, 2};
  const auto path = folder.path / "x.safetensors";
  write_safetensors(path, std::vector{floats("l.10", values), floats("l.2", values)});
  const auto file = SafetensorsFile::open(path);
  CHECK(file.entries()[0].name == "l.2");
  CHECK((file.entries()[0].bytes.data() - file.entries()[1].bytes.data()) == -8);
  CHECK(std::bit_cast<std::uintptr_t>(file.entries()[0].bytes.data()) % 8 == 0);
  write_safetensors(path, std::vector<TensorEntry>{});
  CHECK(SafetensorsFile::open(path).entries().empty());
}

TEST_CASE("natural order counts like people do") {
  CHECK(natural_less("a.2", "a.10"));
  CHECK_FALSE(natural_less("a.10", "a.2"));
  CHECK(natural_less("a.2.b", "a.2.c"));
  CHECK(natural_less("a.2", "a.2.c"));
  CHECK(natural_less("a.02", "a.2"));
  CHECK_FALSE(natural_less("a.2", "a.2"));
  CHECK(natural_less("", "a"));
}

TEST_CASE("malformed files are refused with their reason") {
  const std::string entry = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  const std::string good = file_of("{\"a\":{" + entry + "}}", 8);
  REQUIRE(parse(good).entries().size() == 1);
  const auto one = [](const std::string& fields, std::size_t data = 8) {
    return file_of("{\"a\":{" + fields + "}}", data);
  };
  const auto two = [](const std::string& first, const std::string& second, std::size_t data) {
    return file_of(
        "{\"a\":{\"dtype\":\"U8\"," + first + "},\"b\":{\"dtype\":\"U8\"," + second + "}}", data);
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "too short"},
      {good.substr(0, 7), "too short"},
      {good.substr(0, 20), "truncated"},
      {good.substr(0, good.size() - 1), "truncated"},
      {good + "x", "1 bytes after the last tensor"},
      {std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8), "at most 100000000"},
      {std::string("\x01\xe1\xf5\x05\0\0\0\0", 8), "at most 100000000"},
      {file_of(""), "does not start with '{'"},
      {file_of(" {}"), "does not start with '{'"},
      {file_of("[]"), "does not start with '{'"},
      {file_of("{"), "not JSON"},
      {file_of("{} x"), "not JSON"},
      {file_of("{\"a\xff\":{" + entry + "}}", 8), "not JSON"},
      {file_of(std::string("{}\0", 3)), "not JSON"},
      {file_of("{\"a\":3}"), "a number at 'a'"},
      {file_of("{\"a\":null}"), "null at 'a'"},
      {file_of("{\"a\":[]}"), "a list at 'a'"},
      {file_of("{\"a\":{" + entry + "},\"a\":{" + entry + "}}", 8), "'a'"},
      {file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
               "\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
       "appears twice"},
      {one("\"dtype\":\"F32\"," + entry), "two types"},
      {one(entry + ",\"shape\":[2]"), "two lists 'shape'"},
      {one(entry + ",\"more\":\"x\""), "a string at 'more'"},
      {one(entry + ",\"more\":{\"deep\":[[[]]]}"), "an object at 'more'"},
      {one(R"("shape":[2],"data_offsets":[0,8])"), "needs a dtype"},
      {one(R"("dtype":"F32","data_offsets":[0,8])"), "needs a dtype"},
      {one(R"("dtype":"F32","shape":[2])"), "needs a dtype"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), "two data_offsets"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4,8])"), "two data_offsets"},
      {one(R"("dtype":"F32","shape":2,"data_offsets":[0,8])"), "a number at 'shape'"},
      {one(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])"), "a list at 'shape'"},
      {one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), "a negative number"},
      {one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), "with a fraction"},
      {one(R"("dtype":"F32","shape":[1e1],"data_offsets":[0,8])"), "with a fraction"},
      {one(R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])"), "a string at 'shape'"},
      {one(R"("dtype":"F32","shape":[true],"data_offsets":[0,8])"), "a truth value"},
      {one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), "needs 12 bytes"},
      {one(R"("dtype":"F33","shape":[2],"data_offsets":[0,8])"), "type 'F33'"},
      {one(R"("dtype":"F4","shape":[16],"data_offsets":[0,8])"), "type 'F4'"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), "offsets are 8..0"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])", 12), "a hole"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])"), "truncated"},
      {one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"), "overflows"},
      {one(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])"), "overflows"},
      {one(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8])"), "too large"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615])"), "too large"},
      {one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,
           1,1,2],"data_offsets":[0,8])"),
       "more than 32"},
      {two(R"("shape":[2],"data_offsets":[0,2])", R"("shape":[2],"data_offsets":[1,3])", 3),
       "overlap"},
      {two(R"("shape":[2],"data_offsets":[0,2])", R"("shape":[2],"data_offsets":[0,2])", 2),
       "overlap"},
      {two(R"("shape":[2],"data_offsets":[0,2])", R"("shape":[2],"data_offsets":[3,5])", 5),
       "a hole"},
      {file_of("{\"__metadata__\":{\"a\":1}}"), "a number at 'a'"},
      {file_of("{\"__metadata__\":{\"a\":{}}}"), "an object at 'a'"},
      {file_of("{\"__metadata__\":\"a\"}"), "a string at '__metadata__'"},
      {file_of("{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}"), "twice in __metadata__"},
      {file_of("{\"__metadata__\":{},\"__metadata__\":{}}"), "'__metadata__' appears twice"},
      {std::string("PK\x03\x04", 4) + std::string(100, '\0'), "zip archive"},
      {"PK\x03\x04zipzipzip and so on", "zip archive"},
      {"version https://git-lfs.github.com/spec/v1", "git-lfs pointer"},
  };
  for (const auto& [bytes, reason] : cases) {
    INFO(reason);
    CHECK_THROWS_AS(parse(bytes), Error);
    CHECK_THROWS_WITH(parse(bytes),
                      ContainsSubstring(reason) && ContainsSubstring("x.safetensors"));
  }
}

TEST_CASE("every truncation and every flipped byte of a file is an Error or a sound file") {
  const std::string bytes = read(golden());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    CHECK_THROWS_AS(parse(bytes.substr(0, length)), Error);
  std::size_t sound = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (const int bit : {1, 4, 0x20, 0x80}) {
      std::string damaged = bytes;
      damaged[i] = char(damaged[i] ^ bit);
      try {
        const auto file = parse(damaged);
        for (const TensorEntry& entry : file.entries())
          CHECK(std::size_t(entry.numel()) * byte_size(entry.dtype) == entry.bytes.size());
        ++sound;
      } catch (const Error&) {
      }
    }
  CHECK(sound > 0);  // names and data may differ
}

TEST_CASE("tensors at odd addresses are read") {
  const std::string bytes =
      file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  )", 0) +
      std::string("\0\0\x80\x3f", 4);
  CHECK(to_float(parse(bytes).at("a")) == std::vector<float>{1});
}

TEST_CASE("half and bfloat16 convert exactly, bfloat16 rounds to even") {
  CHECK(half_to_float(0x3c00) == 1);
  CHECK(half_to_float(0xc000) == -2);
  CHECK(half_to_float(0x0001) == std::ldexp(1.f, -24));
  CHECK(half_to_float(0x83ff) == -std::ldexp(1023.f, -24));
  CHECK(half_to_float(0x7bff) == 65504);
  CHECK(std::signbit(half_to_float(0x8000)));
  CHECK(half_to_float(0x7c00) == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(half_to_float(0x7e01)));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bfloat16_to_float(std::uint16_t(bits));
    if (!std::isnan(value)) CHECK(float_to_bfloat16(value) == bits);
  }
  CHECK(float_to_bfloat16(std::bit_cast<float>(0x3f808000u)) == 0x3f80);  // tie, even below
  CHECK(float_to_bfloat16(std::bit_cast<float>(0x3f818000u)) == 0x3f82);  // tie, even above
  CHECK(float_to_bfloat16(std::bit_cast<float>(0x3f808001u)) == 0x3f81);
  CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::nanf("")))));
}

TEST_CASE("the writer refuses what a reader would, and leaves the old file") {
  const TemporaryFolder folder;
  const std::vector<float> values{1, 2};
  const auto path = folder.write("x.safetensors", "old");
  const auto a = floats("a", values);
  CHECK_THROWS_WITH(write_safetensors(path, std::vector{a, a}), ContainsSubstring("'a'"));
  auto wrong = a;
  wrong.shape = {3};
  CHECK_THROWS_WITH(write_safetensors(path, std::vector{wrong}), ContainsSubstring("8 bytes"));
  CHECK_THROWS_AS(write_safetensors(path, std::vector{floats("\xff", values)}), Error);
  CHECK_THROWS_AS(write_safetensors(path, std::vector{floats("__metadata__", values)}), Error);
  CHECK(read(path) == "old");
  CHECK_THROWS_WITH(write_safetensors(folder.path / "no" / "x.safetensors", std::vector{a}),
                    ContainsSubstring("x.safetensors") && ContainsSubstring("No such file"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("what is no file or a pickle is refused by name") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(SafetensorsFile::open(folder.path / "none.safetensors"),
                    ContainsSubstring("no such file"));
  CHECK_THROWS_WITH(SafetensorsFile::open(folder.path), ContainsSubstring("not a regular file"));
  CHECK_THROWS_WITH(SafetensorsFile::open(folder.write("empty.safetensors", "")),
                    ContainsSubstring("too short"));
  for (const char* name : {"a.bin", "a.pt", "a.pth", "a.ckpt", "a.pkl"})
    CHECK_THROWS_WITH(SafetensorsFile::open(folder.path / name),
                      ContainsSubstring("save_pretrained"));
  CHECK_THROWS_WITH(SafetensorsFile::open_folder(folder.path),
                    ContainsSubstring("no weights here"));
  CHECK_THROWS_WITH(SafetensorsFile::open_folder(folder.path / "none"),
                    ContainsSubstring("no such folder"));
  folder.write("pytorch_model.bin", "x");
  CHECK_THROWS_WITH(SafetensorsFile::open_folder(folder.path),
                    ContainsSubstring("save_pretrained"));
}

TEST_CASE("shards are read as one, exactly as their index lists them") {
  const TemporaryFolder folder;
  const std::vector<float> values{1, 2};
  write_safetensors(folder.path / "one.safetensors", std::vector{floats("a", values)});
  write_safetensors(folder.path / "two.safetensors",
                    std::vector{floats("b", values), floats("c", values)});
  const auto open = [&](const std::string& index) {
    folder.write("model.safetensors.index.json", index);
    return SafetensorsFile::open_folder(folder.path);
  };
  const std::string map =
      R"("weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors")";
  const auto file = open("{\"metadata\":{\"total_size\":24}," + map + "}}");
  CHECK(file.entries().size() == 3);
  CHECK(to_float(file.at("c")) == values);
  CHECK(open("{" + map + "}}").entries().size() == 3);
  const auto with = [&](const std::string& shard) {
    return "{" + map + ",\"d\":\"" + shard + "\"}}";
  };
  for (const auto& [index, reason] : {
           std::pair<std::string, const char*>{"{\"metadata\":{\"total_size\":25}," + map + "}}",
                                               "total_size is 25"},
           {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}", "nowhere"},
           {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\"}}",
            "'b' is not in"},
           {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"two.safetensors\"}}", "nowhere"},
           {with("one.safetensors"), "'d' is not in one.safetensors"},
           {with("three.safetensors"), "three.safetensors"},
           {with("../x.safetensors"), "plain name"},
           {with("/etc/x.safetensors"), "plain name"},
           {with("sub/x.safetensors"), "plain name"},
           {with("..\\\\x.safetensors"), "plain name"},
           {with(".safetensors"), "plain name"},
           {with("x.bin"), "plain name"},
           {with("x\\u0000.safetensors"), "plain name"},
           {"{\"weight_map\":{\"a\":3}}", "not a name"},
           {"{\"weight_map\":[]}", "weight_map"},
           {"[]", "weight_map"},
           {"{\"weight_map\":{\"a\":\"one.safetensors\",\"a\":\"one.safetensors\"}}", "twice"},
       })
    CHECK_THROWS_WITH(open(index), ContainsSubstring(reason));
  std::filesystem::create_symlink("/etc/hostname", folder.path / "link.safetensors");
  CHECK_THROWS_WITH(open(with("link.safetensors")), ContainsSubstring("leaves the folder"));
}

TEST_CASE("shards of the Hugging Face cache, links to blobs, are read") {
  const TemporaryFolder folder;
  const auto snapshot = folder.path / "snapshots" / "revision", blobs = folder.path / "blobs";
  std::filesystem::create_directories(snapshot);
  std::filesystem::create_directories(blobs);
  const std::vector<float> values{1, 2};
  write_safetensors(blobs / "cafe", std::vector{floats("a", values)});
  std::filesystem::create_symlink("../../blobs/cafe", snapshot / "model-1.safetensors");
  std::ofstream(snapshot / "model.safetensors.index.json")
      << R"({"weight_map":{"a":"model-1.safetensors"}})";
  CHECK(SafetensorsFile::open_folder(snapshot).entries().size() == 1);
}
