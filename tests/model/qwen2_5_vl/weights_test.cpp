#include <visplay/model/qwen2_5_vl/weights.hpp>

#include <visplay/io/durable_file.hpp>
#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_index.hpp>
#include <visplay/io/safetensors_writer.hpp>
#include <visplay/model/qwen2_5_vl/initial_weights.hpp>
#include <visplay/model/qwen2_5_vl/save_model.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <csignal>
#include <map>
#include <set>

#include <sys/resource.h>

#include "support/small_model.hpp"
#include "support/temp_folder.hpp"
#include "support/tensor_memory.hpp"

#include <fmt/format.h>

using namespace visplay;
using namespace visplay::testing;
using Catch::Matchers::ContainsSubstring;
using visplay::test::TempFolder;
namespace fs = std::filesystem;

namespace {

constexpr const char* embedding = "model.embed_tokens.weight";
const Rng seed = Rng(5).fork("weights");

bool same(const Weights& a, const Weights& b) {
  if (a.all().size() != b.all().size()) return false;
  for (const auto& [name, tensor] : a.all())
    if (!at::equal(tensor, b.at(name)) || tensor.scalar_type() != b.at(name).scalar_type())
      return false;
  return true;
}

std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& file : fs::recursive_directory_iterator(folder))
    if (file.is_regular_file())
      files[file.path().lexically_relative(folder).string()] = read_file(file.path(), 1 << 24);
  return files;
}

/// A model folder with a few files of a tokenizer.
fs::path model_folder(const TempFolder& folder, const ModelConfig& config, DType dtype) {
  folder.write("m/config.json", model_config_json(config));
  folder.write("m/tokenizer.json", "{ \"any\" :  1}\n");
  folder.write("m/chat_template.jinja", "x");
  write_new_weights(folder / "m", config, seed, {.dtype = dtype});
  return folder / "m";
}

/// While it lives, writing a file beyond `bytes` fails.
struct FullDisk {
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before); }
  rlimit before{};
};

}  // namespace

TEST_CASE("a tensor of the asked type views the mapped file and takes no memory of its own") {
  const TempFolder folder;
  const auto config = small_config(true, 40000);  // an embedding of 1.28 MB
  const auto model = model_folder(folder, config, DType::bf16);
  const auto file = read_file(model / "model.safetensors", 1 << 24);
  Weights weights;
  {
    const TensorMemory memory;
    weights = load_weights(model, config, at::kBFloat16);
    CHECK(memory.allocated() < 200000);
  }
  const auto before = weights.at(embedding).clone();
  weights.at(embedding).mul_(2);  // what an optimizer does
  CHECK(at::equal(weights.at(embedding), before * 2));
  CHECK((read_file(model / "model.safetensors", 1 << 24) == file));
  fs::remove_all(model);
  CHECK(at::equal(weights.at(embedding), before * 2));
}

TEST_CASE("weights are converted from and to the types that files and training use") {
  const auto config = small_config();
  const TempFolder folder;
  const std::vector<std::pair<DType, at::ScalarType>> types{{DType::f32, at::kFloat},
                                                            {DType::bf16, at::kBFloat16},
                                                            {DType::f16, at::kHalf},
                                                            {DType::f64, at::kDouble}};
  const Weights exact = random_weights(config, seed);
  for (const auto& [stored, type] : types)
    for (const auto wanted : {at::kFloat, at::kBFloat16}) {
      const auto place = folder / std::string(name_of(stored));
      fs::remove_all(place);
      fs::create_directories(place);
      save_weight_files(exact, place, {.dtype = type});
      const Weights loaded = load_weights(place, config, wanted);
      for (const auto& [name, tensor] : exact.all())
        CHECK(at::equal(loaded.at(name), tensor.to(type).to(wanted)));
    }
  CHECK_THROWS_WITH(load_weights(folder / "F32", config, at::kHalf),
                    ContainsSubstring("float32 or bfloat16"));
}

TEST_CASE("tensors at odd addresses of a file are loaded") {
  const auto config = small_config();
  const TempFolder folder;
  const auto model = model_folder(folder, config, DType::f32);
  auto bytes = read_file(model / "model.safetensors", 1 << 24);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  bytes = bytes.substr(0, 8 + length) + ' ' + bytes.substr(8 + length);
  ++length;
  std::memcpy(bytes.data(), &length, 8);
  folder.write("odd/model.safetensors", bytes);
  CHECK(same(load_weights(folder / "odd", config), load_weights(model, config)));
}

TEST_CASE("new weights do not depend on threads, on shards or on being streamed") {
  const auto config = small_config(false, 70000);  // more than one piece of the stream
  const TempFolder folder;
  const Weights whole = random_weights(config, seed);
  Rng draw = seed.fork(embedding);
  draw.discard(2 * 16 * 69999);
  CHECK(whole.at(embedding)[69999][0].item<float>() == float(0.02 * draw.normal()));
  for (const int threads : {1, 3}) {
    const auto place = folder / std::to_string(threads);
    fs::create_directories(place);
    NewWeightsOptions options{.threads = threads};
    if (threads > 1) options.max_shard_bytes = 3'000'000;
    write_new_weights(place, config, seed, options);
    CHECK(same(load_weights(place, config), whole));
  }
  fs::create_directories(folder / "half");
  write_new_weights(folder / "half", config, seed, {.dtype = DType::bf16});
  const auto half = load_weights(folder / "half", config, at::kBFloat16);
  for (const auto& [name, tensor] : whole.all())
    CHECK(at::equal(half.at(name), tensor.to(at::kBFloat16)));
  CHECK_THROWS_WITH(write_new_weights(folder / "half", config, seed),
                    ContainsSubstring("there are weights already"));
}

TEST_CASE("a model above the limit is saved in shards with an index") {
  const auto config = small_config(true);
  const TempFolder folder;
  const Weights weights = random_weights(config, seed);
  fs::create_directories(folder / "m");
  save_weight_files(weights, folder / "m", {.max_shard_bytes = 20000});
  const auto index = read_shard_index(folder / "m" / shard_index_name);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : index.shard_of) shards.insert(shard);
  CHECK(shards.size() > 2);
  CHECK(*shards.begin() == fmt::format("model-00001-of-{:05}.safetensors", shards.size()));
  CHECK(index.total_parameters == std::uint64_t(parameter_count(config)));
  CHECK(index.total_size == std::uint64_t(4 * parameter_count(config)));
  for (const auto& shard : shards) {
    const auto part = SafetensorsFile::open(folder / "m" / shard);
    std::size_t bytes = 0;
    for (const auto& entry : part.entries()) bytes += entry.bytes.size();
    CHECK((bytes <= 20000 || part.entries().size() == 1));
  }
  CHECK(same(load_weights(folder / "m", config), weights));
}

TEST_CASE("a saved model keeps every other file of its source byte for byte") {
  const auto config = small_config(true);
  const TempFolder folder;
  const auto model = model_folder(folder, config, DType::f32);
  const auto weights = load_weights(model, config);
  save_model(folder / "out", weights, model);
  auto saved = files_of(folder / "out"), source = files_of(model);
  CHECK(saved.at("README.md").starts_with("---\nlibrary_name: transformers\n"));
  CHECK_THAT(saved.at("README.md"),
             ContainsSubstring(std::to_string(parameter_count(config)) + " parameters"));
  saved.erase("README.md");
  CHECK((saved == source));

  folder.write("m/README.md", "mine");
  save_model(folder / "again", weights, model, {.dtype = at::kBFloat16});
  saved = files_of(folder / "again");
  CHECK(saved.at("README.md") == "mine");
  CHECK(saved.at("tokenizer.json") == source.at("tokenizer.json"));
  auto text = source.at("config.json");
  text.replace(text.find("\"float32\""), 9, "\"bfloat16\"");
  CHECK(saved.at("config.json") == text);
  const auto loaded = load_weights(folder / "again", config, at::kBFloat16);
  for (const auto& [name, tensor] : loaded.all())
    CHECK(at::equal(tensor, weights.at(name).to(at::kBFloat16)));
}

TEST_CASE("saving over a model replaces its weights and keeps what else lies there") {
  const auto config = small_config(true);
  const TempFolder folder;
  const auto model = model_folder(folder, config, DType::f32);
  folder.write("m/notes/today.txt", "keep");
  const auto weights = load_weights(model, config);
  save_model(model, weights, model, {.max_shard_bytes = 20000});
  CHECK_FALSE(fs::exists(model / "model.safetensors"));
  CHECK(same(load_weights(model, config), weights));
  CHECK(read_file(model / "notes" / "today.txt", 10) == "keep");
  save_model(model, weights, model);
  CHECK_FALSE(fs::exists(model / shard_index_name));
  CHECK(same(load_weights(model, config), weights));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a model that does not fit the disk leaves the old one as it was") {
  const auto config = small_config(true);
  const TempFolder folder;
  const auto model = model_folder(folder, config, DType::f32);
  const auto before = files_of(model);
  {
    const FullDisk full(10000);
    CHECK_THROWS_WITH(save_model(model, random_weights(config, Rng(9)), model),
                      ContainsSubstring("write failed"));
  }
  CHECK((files_of(model) == before));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a head of its own is not called tied in the config that is saved") {
  const TempFolder folder;
  const auto model = model_folder(folder, small_config(false), DType::f32);
  folder.write("m/config.json", model_config_json(small_config(true)));
  std::vector<std::string> warnings;
  const auto weights = load_weights(model, small_config(true), at::kFloat, &warnings);
  CHECK(warnings.size() == 1);
  save_model(folder / "out", weights, model);
  CHECK_FALSE(load_model_config(folder / "out").text.tie_word_embeddings);
}
