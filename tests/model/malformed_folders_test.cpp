// Model folders that are damaged or made to do harm. Each is one line of error, and none makes the
// loader ask for memory in proportion to what the files claim instead of what they hold.
#include <visplay/core/error.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/safetensors_writer.hpp>
#include <visplay/model/qwen2_5_vl/initial_weights.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <new>

#include <malloc.h>

#include "support/small_model.hpp"
#include "support/temp_folder.hpp"
#include "support/tensor_memory.hpp"

#include <fmt/format.h>

namespace {

std::atomic<std::size_t> heap_now = 0, heap_peak = 0, heap_largest = 0;

void note(std::size_t bytes) {
  const auto raise = [](std::atomic<std::size_t>& to, std::size_t value) {
    for (auto old = to.load(); old < value && !to.compare_exchange_weak(old, value);) {
    }
  };
  raise(heap_largest, bytes);
  raise(heap_peak, heap_now += bytes);
}

}  // namespace

// Every allocation of C++ in this program goes through these, libtorch's included.
void* operator new(std::size_t bytes) {
  void* memory = std::malloc(bytes ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  note(malloc_usable_size(memory));
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) heap_now -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

using namespace visplay;
using namespace visplay::testing;
using visplay::test::TempFolder;
namespace fs = std::filesystem;

namespace {

using Text = std::string;

/// The files of a sound folder, to be damaged.
struct Folder {
  fs::path path;

  Text read(const Text& name) const {
    std::ifstream file(path / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const Text& name, const Text& bytes) const {
    fs::remove_all(path / name);
    std::ofstream(path / name, std::ios::binary) << bytes;
  }
  void remove(const Text& name) const { fs::remove_all(path / name); }

  /// Applies an RFC 7396 patch (null removes).
  void patch(const Text& name, const Text& change) const {
    Json json = Json::parse(read(name));
    json.merge_patch(Json::parse(change));
    write(name, json.dump());
  }
  /// Exchanges the header of a safetensors file, the data stays.
  void header(const std::function<Text(const Text&)>& change, const Text& name = weights) const {
    const Text bytes = read(name);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    const Text changed = change(bytes.substr(8, length));
    write(name, with_length(changed.size()) + changed + bytes.substr(8 + length));
  }
  void entry(const Text& tensor, const Text& change) const {
    header([&](const Text& text) {
      Json json = Json::parse(text);
      json[tensor].merge_patch(Json::parse(change));
      return json.dump();
    });
  }
  static Text with_length(std::uint64_t length) {
    return {reinterpret_cast<const char*>(&length), 8};
  }

  static constexpr const char* weights = "model.safetensors";
};

struct Damage {
  Text reason;  // a part of the message
  std::function<void(const Folder&)> apply;
};

const Text norm = "model.norm.weight";
const Text index_file = "model.safetensors.index.json";

Text repeated(const Text& part, int times) {
  Text out;
  for (int i = 0; i < times; ++i) out += part;
  return out;
}

void add_damaged_bytes(std::vector<Damage>& cases) {
  for (const double share : {0., 0.00001, 0.00005, 0.02, 0.05, 0.2, 0.5, 0.9, 0.999})
    cases.push_back({share < 0.0001 ? "too short" : "truncated", [share](const Folder& f) {
                       const Text bytes = f.read(f.weights);
                       f.write(f.weights, bytes.substr(0, std::size_t(share * bytes.size())));
                     }});
  for (const auto& [length, reason] : {std::pair<std::uint64_t, Text>{0, "does not start with '{'"},
                                       {1, "not JSON"},
                                       {100, "not JSON"},
                                       {100'000'000, "truncated"},
                                       {100'000'001, "at most 100000000"},
                                       {std::uint64_t(1) << 63, "at most 100000000"},
                                       {~std::uint64_t(0), "at most 100000000"}})
    cases.push_back({reason, [length](const Folder& f) {
                       f.write(f.weights, f.with_length(length) + f.read(f.weights).substr(8));
                     }});
  for (const auto& [bytes, reason] :
       {std::pair<Text, Text>{"\x80\x02}q\x01.............", "pickle"},
        {"PK\x03\x04" + Text(60, 'z'), "zip archive"},
        {"GGUF" + Text(60, '\x01'), "GGUF"},
        {"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"},
        {"<!DOCTYPE html><html>404 not found</html>", "at most 100000000"},
        {Text(5000, '\0'), "does not start with '{'"}})
    cases.push_back({reason, [bytes](const Folder& f) { f.write(f.weights, bytes); }});
}

void add_damaged_headers(std::vector<Damage>& cases) {
  const auto whole = [&](const Text& reason, const Text& header) {
    cases.push_back(
        {reason, [header](const Folder& f) { f.header([&](auto&) { return header; }); }});
  };
  whole("a list", "{\"a\":" + repeated("[", 200000) + repeated("]", 200000) + "}");
  whole("an object", repeated("{\"a\":", 100000) + "1" + repeated("}", 100000));
  whole("not JSON", "{\"a\":{\"dtype\":\"F32\"");
  whole("not JSON", "{\"\xff\xfe\":{}}");
  whole("not JSON", "{\"\\ud800\":{}}");
  whole("zero byte", Text("{}\0", 3));
  whole("does not start with '{'", "[]");
  whole("null", "{\"a\":null}");
  whole("bytes after the last tensor", "{}");
  whole("a name of", "{\"" + Text(5000, 'n') + "\":{}}");
  whole("'__metadata__' appears twice", R"({"__metadata__":{},"__metadata__":{}})");
  whole("a number at", R"({"__metadata__":{"format":1}})");
  whole("twice in __metadata__", R"({"__metadata__":{"a":"1","a":"2"}})");

  const auto fields = [&](const Text& reason, const Text& change) {
    cases.push_back({reason, [change](const Folder& f) { f.entry(norm, change); }});
  };
  fields("type 'F33'", R"({"dtype":"F33"})");
  fields("type 'f32'", R"({"dtype":"f32"})");
  fields("type 'F4'", R"({"dtype":"F4"})");
  fields("type 'F6_E2M3'", R"({"dtype":"F6_E2M3"})");
  fields("a number at 'dtype'", R"({"dtype":7})");
  fields("needs a dtype", R"({"dtype":null,"shape":[16]})"
                          "");
  fields("needs 128 bytes", R"({"dtype":"F64"})");
  fields("needs 32 bytes", R"({"dtype":"BF16"})");
  fields("needs 68 bytes", R"({"shape":[17]})");
  fields("needs 4 bytes", R"({"shape":[]})");
  fields("a negative number", R"({"shape":[-16]})");
  fields("with a fraction", R"({"shape":[16.0]})");
  fields("with a fraction", R"({"shape":[1e300]})");
  fields("a string at 'shape'", R"({"shape":["16"]})");
  fields("overflows", R"({"shape":[4294967296,4294967296]})");
  fields("overflows", R"({"shape":[9223372036854775807]})");
  fields("too large", R"({"shape":[18446744073709551615]})");
  fields("more than 32", "{\"shape\":[" + repeated("1,", 40) + "16]}");
  fields("two data_offsets", R"({"data_offsets":[0]})");
  fields("two data_offsets", R"({"data_offsets":[0,1,2]})");
  fields("offsets are", R"({"data_offsets":[64,0]})");
  fields("offsets are", R"({"data_offsets":[0,9000000000000000000]})");
  fields("a hole", R"({"data_offsets":[9000000000,9000000064]})");
  fields("overlap", R"({"data_offsets":[0,64]})");
  fields("a list at 'more'", R"({"more":[]})");
  cases.push_back({"appears twice", [](const Folder& f) {
                     f.header([](Text text) {
                       return text.insert(1, R"("model.norm.weight":{"dtype":"F32","shape":[0],)"
                                             R"("data_offsets":[0,0]},)");
                     });
                   }});
  cases.push_back(
      {"two lists 'shape'", [](const Folder& f) {
         f.header([](Text text) { return text.insert(text.find("\"shape\""), "\"shape\":[1],"); });
       }});
}

void add_wrong_tensors(std::vector<Damage>& cases) {
  const auto renamed = [&](const Text& reason, const Text& from, const Text& to) {
    cases.push_back({reason, [from, to](const Folder& f) {
                       f.header([&](Text text) {
                         for (std::size_t at = 0; (at = text.find(from, at)) != text.npos;)
                           text.replace(at, from.size(), to), at += to.size();
                         return text;
                       });
                     }});
  };
  renamed("tensors are missing: model.norm.weight", norm, "model.nurm.weight");
  renamed("tensors are missing: visual.patch_embed", "\"visual.", "\"vision_tower.");
  renamed("tensors are missing: model.embed_tokens.weight", "\"model.", "\"thinker.model.");
  renamed("lm_head.weight", "lm_head.weight", "lm_head.bias");
  renamed("are both 'model.norm.weight'", "model.layers.0.input_layernorm.weight",
          "model.language_model.norm.weight");
  renamed("are both", "model.layers.1.self_attn.q_proj", "module.model.layers.0.self_attn.q_proj");
  renamed("another shape", "\"shape\":[32,16]", "\"shape\":[16,32]");
  renamed("are not F32, BF16, F16 or F64", "\"F32\",\"shape\":[16]", "\"I32\",\"shape\":[16]");
  const auto config = [&](const Text& reason, const Text& change) {
    cases.push_back({reason, [change](const Folder& f) { f.patch("config.json", change); }});
  };
  config("model.embed_tokens.weight [40, 16] instead of [41, 16]", R"({"vocab_size":41})");
  config("another shape", R"({"vocab_size":2147483648})");
  config("tensors are missing", R"({"num_hidden_layers":3})");
  config("tensors are missing", R"({"vision_config":{"depth":256},"num_hidden_layers":256})");
  config("another shape", R"({"intermediate_size":1048576})");
}

void add_wrong_configs(std::vector<Damage>& cases) {
  const auto whole = [&](const Text& reason, const Text& text) {
    cases.push_back({reason, [text](const Folder& f) { f.write("config.json", text); }});
  };
  whole("not JSON", "");
  whole("expected an object, got array", "[]");
  whole("not JSON", "{\"hidden_size\": 16,}");
  whole("not JSON", "{\"\xc3\x28\": 1}");
  whole("zero byte", Text("{}\0{}", 5));
  whole("nested deeper than", repeated("[", 100000));
  whole("nested deeper than", repeated("{\"a\":", 100000));
  whole("at most 1048576 bytes", Text(2 << 20, ' '));
  whole("appears twice", R"({"hidden_size":16,"hidden_size":32})");
  const auto fields = [&](const Text& reason, const Text& change) {
    cases.push_back({reason, [change](const Folder& f) { f.patch("config.json", change); }});
  };
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads",
                          "intermediate_size", "vocab_size"}) {
    fields(fmt::format("'{}' is missing", key), fmt::format(R"({{"{}":null}})", key));
    fields(fmt::format("'{}' is -1", key), fmt::format(R"({{"{}":-1}})", key));
    fields(fmt::format("'{}' is \"16\"", key), fmt::format(R"({{"{}":"16"}})", key));
    fields(fmt::format("'{}' is 9000000000000000000", key),
           fmt::format(R"({{"{}":9000000000000000000}})", key));
  }
  fields("'depth' is missing", R"({"vision_config":{"depth":null}})");
  fields("'depth' is 2.5", R"({"vision_config":{"depth":2.5}})");
  fields("'vision_config' is array", R"({"vision_config":[]})");
  fields("'vision_config' is missing", R"({"vision_config":null})");
  fields("'text_config' is number", R"({"text_config":3})");
  fields("no even head size", R"({"num_attention_heads":5})");
  fields("cannot share", R"({"num_key_value_heads":3})");
  fields("mrope_section", R"({"rope_scaling":{"mrope_section":[1,2,3]}})");
  fields("mrope_section", R"({"rope_scaling":{"mrope_section":[1,1]}})");
  fields("'type' is \"yarn\"", R"({"rope_scaling":{"type":"yarn"}})");
  fields("'use_sliding_window' is true", R"({"use_sliding_window":true})");
  fields("'layer_types' has", R"({"layer_types":["sliding_attention"]})");
  fields("a quantized model", R"({"quantization_config":{"bits":4}})");
  fields("'model_type' is \"qwen2_vl\"", R"({"model_type":"qwen2_vl"})");
  fields("'tokens_per_second' is 1e+300", R"({"vision_config":{"tokens_per_second":1e300}})");
  fields("outside vocab_size", R"({"image_token_id":40})");
  fields("expected a positive number", R"({"rms_norm_eps":-1})");
  cases.push_back({"config.json", [](const Folder& f) { f.remove("config.json"); }});
  cases.push_back({"config.json", [](const Folder& f) {
                     f.remove("config.json");
                     fs::create_directory(f.path / "config.json");
                   }});
  cases.push_back({"generation_config.json: not JSON",
                   [](const Folder& f) { f.write("generation_config.json", "{"); }});
  cases.push_back({"'eos_token_id' is", [](const Folder& f) {
                     f.write("generation_config.json", R"({"eos_token_id":"</s>"})");
                   }});
}

void add_wrong_files(std::vector<Damage>& cases) {
  for (const char* name : {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt",
                           "consolidated.00.pth", "weights.ckpt", "model.pkl"})
    cases.push_back({"pickles can run code", [name](const Folder& f) {
                       f.remove(f.weights);
                       f.write(name, "x");
                     }});
  cases.push_back({"no weights here", [](const Folder& f) { f.remove(f.weights); }});
  cases.push_back({"not a regular file", [](const Folder& f) {
                     f.remove(f.weights);
                     fs::create_directory(f.path / f.weights);
                   }});
  cases.push_back({"no weights here", [](const Folder& f) {
                     f.remove(f.weights);
                     fs::create_symlink("nowhere", f.path / f.weights);
                   }});
}

/// The same model as two.safetensors and one.safetensors with an index.
void split(const Folder& f) {
  const auto whole = SafetensorsFile::open(f.path / f.weights);
  const auto half = whole.entries().size() / 2;
  const std::pair<const char*, std::span<const TensorEntry>> parts[] = {
      {"one.safetensors", whole.entries().first(half)},
      {"two.safetensors", whole.entries().subspan(half)}};
  Json map;
  for (const auto& [name, entries] : parts) {
    write_safetensors(f.path / name, entries);
    for (const TensorEntry& entry : entries) map[entry.name] = name;
  }
  Json index;
  index["weight_map"] = map;
  f.write(index_file, index.dump());
  f.remove(f.weights);
}

void add_wrong_shards(std::vector<Damage>& cases) {
  const auto shard = [&](const Text& reason, const Text& name) {
    cases.push_back({reason, [name](const Folder& f) {
                       split(f);
                       Json index = Json::parse(f.read(index_file));
                       index["weight_map"][norm] = name;
                       f.write(index_file, index.dump());
                     }});
  };
  for (const char* name : {"../one.safetensors", "/etc/passwd", "/etc/x.safetensors",
                           "sub/one.safetensors", "..\\one.safetensors", ".safetensors", "one.bin",
                           "..", "", "file:one.safetensors", ".hidden.safetensors"})
    shard("plain name", name);
  shard("plain name", Text("one\0.safetensors", 16));
  shard("is listed but", "three.safetensors");
  shard("elsewhere", "two.safetensors");
  const auto index = [&](const Text& reason, const Text& change) {
    cases.push_back({reason, [change](const Folder& f) {
                       split(f);
                       f.patch(index_file, change);
                     }});
  };
  index("total_size is 7", R"({"metadata":{"total_size":7}})");
  index("total_size is 18446744073709551615",
        R"({"metadata":{"total_size":18446744073709551615}})");
  index("is not in one.safetensors", R"({"weight_map":{"ghost":"one.safetensors"}})");
  index("nowhere", R"({"weight_map":{"model.norm.weight":null}})");
  index("is not a name", R"({"weight_map":{"model.norm.weight":{}}})");
  index("'weight_map' is missing", R"({"weight_map":[]})");
  index("'weight_map' is missing", R"({"weight_map":null})");
  const auto whole = [&](const Text& reason, const Text& text) {
    cases.push_back({reason, [text](const Folder& f) {
                       split(f);
                       f.write(index_file, text);
                     }});
  };
  whole("not JSON", "");
  whole("'weight_map' is missing", "[]");
  whole("nested deeper than", repeated("[", 100000));
  whole("appears twice", R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})");
  for (const char* target : {"/etc/passwd", "../../../etc/passwd", "."})
    cases.push_back({Text(target) == "." ? "leaves the folder" : "is a link that leaves",
                     [target](const Folder& f) {
                       split(f);
                       f.remove("one.safetensors");
                       fs::create_symlink(target, f.path / "one.safetensors");
                     }});
  cases.push_back({"is listed but", [](const Folder& f) {
                     split(f);
                     f.remove("one.safetensors");
                     fs::create_symlink("one.safetensors", f.path / "one.safetensors");
                   }});
  cases.push_back({"elsewhere", [](const Folder& f) {  // a tensor in two shards
                     split(f);
                     const auto two = SafetensorsFile::open(f.path / "two.safetensors");
                     const auto one = SafetensorsFile::open(f.path / "one.safetensors");
                     std::vector<TensorEntry> all(two.entries().begin(), two.entries().end());
                     all.push_back(one.entries().front());
                     write_safetensors(f.path / "two.safetensors", all);
                   }});
}

std::uintmax_t bytes_of(const fs::path& folder) {
  std::uintmax_t sum = 0;
  for (const auto& file : fs::directory_iterator(folder))
    if (!file.is_symlink() && file.is_regular_file()) sum += file.file_size();
  return sum;
}

}  // namespace

TEST_CASE("every malformed folder is refused in one line without memory that its files lack") {
  std::vector<Damage> cases;
  add_damaged_bytes(cases);
  add_damaged_headers(cases);
  add_wrong_tensors(cases);
  add_wrong_configs(cases);
  add_wrong_files(cases);
  add_wrong_shards(cases);
  CHECK(cases.size() >= 150);

  const TempFolder base;
  const Folder sound{base / "sound"};
  fs::create_directory(sound.path);
  sound.write("config.json", model_config_json(small_config()));
  write_new_weights(sound.path, small_config(), Rng(1));
  REQUIRE_NOTHROW(load_weights(sound.path, load_model_config(sound.path)));

  for (std::size_t n = 0; n < cases.size(); ++n) {
    const Folder folder{base / ("folder-" + std::to_string(n))};
    fs::copy(sound.path, folder.path);
    cases[n].apply(folder);
    const auto held = bytes_of(folder.path);
    Text message = "loaded";
    const auto before = heap_now.load();
    heap_peak = before, heap_largest = 0;
    const TensorMemory tensors;
    try {
      (void)load_weights(folder.path, load_model_config(folder.path), at::kBFloat16);
    } catch (const Error& error) {
      message = error.what();
    }
    const auto peak = heap_peak - before;
    const auto largest = heap_largest.load();
    INFO("folder " << n << ", expected: " << cases[n].reason << "\ngot: " << message);
    CHECK(message.find(cases[n].reason) != message.npos);
    CHECK(message.find(folder.path.filename().string()) != message.npos);
    CHECK(std::ranges::none_of(message, [](unsigned char c) { return c < 0x20; }));
    CHECK(message.size() < 1000);
    CHECK_NOTHROW(Json(message).dump());  // UTF-8
    CHECK(tensors.allocated() == 0);
    // The names of the tensors that a config can claim take less than 1 MiB in one piece; parsed
    // JSON is larger than its text.
    CHECK(largest <= held + (1 << 20));
    CHECK(peak <= 4 * held + (2 << 20));
    fs::remove_all(folder.path);
  }
}
