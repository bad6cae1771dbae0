// A safetensors header, or (if the input starts with '{') the index of shards.
#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_index.hpp>

#include "fuzz.hpp"

using namespace visplay;

namespace {

void header(std::span<const std::byte> bytes) {
  const auto file = SafetensorsFile::parse(bytes, "x.safetensors");
  const std::byte* end = file.entries().empty() ? nullptr : file.entries().front().bytes.data();
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& entry : file.entries()) {
    fuzz::require(entry.bytes.data() == end, "tensors lie one after the other");
    end += entry.bytes.size();
    fuzz::require(tensor_bytes(entry.shape, entry.dtype) == entry.bytes.size(),
                  "a tensor has the bytes that its shape needs");
    fuzz::require(&file.at(entry.name) == &entry, "every tensor is found by its name");
    order.push_back(&entry);
  }
  std::string again = write_safetensors_header(order, file.metadata(), "again");
  for (const TensorEntry* entry : order)
    again.append(reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size());
  const auto copy = SafetensorsFile::parse(std::as_bytes(std::span(again)), "again");
  fuzz::require(copy.metadata() == file.metadata(), "metadata is written and read back");
  for (const TensorEntry& entry : file.entries())
    fuzz::require(
        copy.at(entry.name).shape == entry.shape && copy.at(entry.name).dtype == entry.dtype,
        "tensors are written and read back");
}

void index(std::string_view text) {
  const ShardIndex index = parse_shard_index(text, "index.json");
  const ShardIndex again = parse_shard_index(shard_index_json(index), "again");
  fuzz::require(again.shard_of == index.shard_of && again.total_size == index.total_size,
                "an index is written and read back");
  for (const auto& [tensor, shard] : index.shard_of) try {
      (void)shard_path("/nonexistent", shard);
      fuzz::require(false, "no shard of a folder that does not exist is accepted");
    } catch (const Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_error_or([&] {
    const auto text = fuzz::text_of(data, size);
    text.starts_with('{') ? index(text) : header(std::as_bytes(std::span(data, size)));
  });
  return 0;
}
