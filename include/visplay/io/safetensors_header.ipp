// Bodies of io/safetensors_header.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/safetensors_header.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

namespace visplay {
namespace detail {

inline constexpr std::uint64_t max_header_bytes = 100'000'000;  // of the format
inline constexpr std::size_t max_rank = 32;
inline constexpr std::size_t max_name_bytes = 1024;

struct HeaderEntry {
  std::string name;
  std::optional<DType> dtype;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::vector<std::int64_t>> offsets;  // [begin, end) in the data
};

/// Receives the header as it is parsed, so that no tree of it is ever built. Throws Error at the
/// first thing that a header cannot hold.
class HeaderReader {
 public:
  using Number = Json::number_integer_t;
  using Unsigned = Json::number_unsigned_t;

  explicit HeaderReader(std::string_view where) : where_(where) {}

  std::vector<HeaderEntry> entries;
  SafetensorsMetadata metadata;
  std::string reason;  // why the text is no JSON

  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("a truth value"); }
  bool number_integer(Number) { return unexpected("a negative number"); }
  bool number_float(double, const std::string&) { return unexpected("a number with a fraction"); }
  bool binary(Json::binary_t&) { return unexpected("binary data"); }

  bool number_unsigned(Unsigned value) {
    if (list_ == nullptr) return unexpected("a number");
    check(value <= Unsigned(INT64_MAX), "{}: a number of '{}' is too large", where_, entry_name());
    check(list_->size() < max_rank, "{}: '{}' has more than {} numbers in a list", where_,
          entry_name(), max_rank);
    list_->push_back(std::int64_t(value));
    return true;
  }

  bool string(std::string& value) {
    if (depth_ == 2 && in_metadata_) {
      check(metadata.emplace(key_, std::move(value)).second,
            "{}: '{}' appears twice in __metadata__", where_, printable(key_));
      return true;
    }
    if (depth_ != 2 || key_ != "dtype" || list_ != nullptr) return unexpected("a string");
    const auto dtype = dtype_named(value);
    check(dtype.has_value(), "{}: '{}' has the unknown or unsupported type '{}'", where_,
          entry_name(), printable(value));
    check(!entries.back().dtype, "{}: '{}' has two types", where_, entry_name());
    entries.back().dtype = dtype;
    return true;
  }

  bool start_object(std::size_t) {
    if (depth_ >= 2 || list_ != nullptr) return unexpected("an object");
    if (++depth_ == 2 && !in_metadata_) entries.emplace_back().name = key_;
    return true;
  }

  bool key(std::string& name) {
    key_ = std::move(name);
    if (depth_ != 1) return true;
    in_metadata_ = key_ == "__metadata__";
    check(key_.size() <= max_name_bytes, "{}: the tensor '{}' has a name of {} bytes, at most {}",
          where_, printable(key_), key_.size(), max_name_bytes);
    check(!in_metadata_ || !std::exchange(metadata_seen_, true),
          "{}: '__metadata__' appears twice in the header", where_);
    return true;
  }

  bool end_object() {
    if (depth_-- == 2 && !in_metadata_) {
      const HeaderEntry& entry = entries.back();
      check(entry.dtype && entry.shape && entry.offsets && entry.offsets->size() == 2,
            "{}: '{}' needs a dtype, a shape and two data_offsets", where_, entry_name());
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (depth_ != 2 || in_metadata_ || list_ != nullptr) return unexpected("a list");
    HeaderEntry& entry = entries.back();
    if (key_ != "shape" && key_ != "data_offsets") return unexpected("a list");
    auto& list = key_ == "shape" ? entry.shape : entry.offsets;
    check(!list, "{}: '{}' has two lists '{}'", where_, entry_name(), key_);
    list_ = &list.emplace();
    return true;
  }

  bool end_array() {
    list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    reason = fmt::format("it is not JSON at byte {}", position);
    return false;
  }

 private:
  std::string entry_name() const {
    return printable(entries.empty() ? std::string_view() : std::string_view(entries.back().name));
  }

  bool unexpected(std::string_view what) const {
    throw Error(fmt::format(
        "{}: the header holds {} {}, where the format has none", where_, what,
        depth_ == 0 ? std::string("at its start") : fmt::format("at '{}'", printable(key_))));
  }

  std::string_view where_;
  std::string key_;
  int depth_ = 0;
  bool in_metadata_ = false, metadata_seen_ = false;
  std::vector<std::int64_t>* list_ = nullptr;  // the one being filled
};

/// What a file that is no safetensors may be, to say so.
VISPLAY_INLINE std::string_view foreign_format(std::span<const std::byte> bytes) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min<std::size_t>(bytes.size(), 32));
  if (start.starts_with("PK\x03\x04")) return " (it is a zip archive, perhaps of torch.save)";
  if (start.starts_with("\x80\x02") && start.size() > 2) return " (it may be a pickle)";
  if (start.starts_with("version https://git-lfs")) return " (it is a git-lfs pointer: fetch it)";
  if (start.starts_with("GGUF")) return " (it is a GGUF file)";
  return "";
}

/// Header length and first byte; returns the header's text.
VISPLAY_INLINE std::string_view header_text(std::span<const std::byte> bytes,
                                            std::string_view where) {
  check(bytes.size() >= 8, "{}: {} bytes, too short for safetensors{}", where, bytes.size(),
        foreign_format(bytes));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  check(length <= max_header_bytes, "{}: a header of {} bytes, at most {} are allowed{}", where,
        length, max_header_bytes, foreign_format(bytes));
  check(length <= bytes.size() - 8, "{}: truncated, a header of {} bytes in a file of {}{}", where,
        length, bytes.size(), foreign_format(bytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, length);
  check(text.starts_with('{'), "{}: the header does not start with '{}'{}", where, '{',
        foreign_format(bytes));
  // The parser takes a zero byte for the end of its input and would not see what follows.
  check(text.find('\0') == std::string_view::npos,
        "{}: the header is damaged: it is not JSON (it holds a zero byte)", where);
  return text;
}

/// Sizes, offsets, holes, overlaps; sorts the entries by their place in the data.
VISPLAY_INLINE void check_layout(std::vector<HeaderEntry>& entries, std::uint64_t data_bytes,
                                 std::string_view where) {
  std::ranges::sort(entries, {}, [](const HeaderEntry& entry) {
    return std::pair((*entry.offsets)[0], (*entry.offsets)[1]);
  });
  std::uint64_t end = 0;
  for (const HeaderEntry& entry : entries) {
    const auto [from, to] =
        std::pair(std::uint64_t((*entry.offsets)[0]), std::uint64_t((*entry.offsets)[1]));
    const auto expected = tensor_bytes(*entry.shape, *entry.dtype);
    check(expected.has_value(), "{}: the shape of '{}' overflows", where, printable(entry.name));
    check(from <= to && to - from == *expected, "{}: '{}' needs {} bytes, its offsets are {}..{}",
          where, printable(entry.name), *expected, from, to);
    check(to <= data_bytes, "{}: truncated, '{}' ends at byte {} of {}", where,
          printable(entry.name), to, data_bytes);
    check(from == end, "{}: {} before '{}' at byte {}", where,
          from > end ? "a hole" : "two tensors overlap", printable(entry.name), from);
    end = to;
  }
  check(end == data_bytes, "{}: {} bytes after the last tensor", where, data_bytes - end);
}

}  // namespace detail

VISPLAY_INLINE SafetensorsHeader read_safetensors_header(std::span<const std::byte> bytes,
                                                         std::string_view where) {
  const std::string_view text = detail::header_text(bytes, where);
  detail::HeaderReader reader(where);
  const bool is_json = Json::sax_parse(text.begin(), text.end(), &reader);
  check(is_json, "{}: the header is damaged: {}", where, reader.reason);
  const auto data = bytes.subspan(8 + text.size());
  detail::check_layout(reader.entries, data.size(), where);

  SafetensorsHeader header{.entries = {}, .metadata = std::move(reader.metadata)};
  header.entries.reserve(reader.entries.size());
  for (detail::HeaderEntry& entry : reader.entries) {
    const auto [begin, end] = std::pair((*entry.offsets)[0], (*entry.offsets)[1]);
    header.entries.push_back({std::move(entry.name), *entry.dtype, std::move(*entry.shape),
                              data.subspan(std::size_t(begin), std::size_t(end - begin))});
  }
  std::set<std::string_view> names;
  for (const TensorEntry& entry : header.entries)
    check(names.insert(entry.name).second, "{}: '{}' appears twice in the header", where,
          printable(entry.name));
  return header;
}
VISPLAY_INLINE std::string write_safetensors_header(std::span<const TensorEntry* const> entries,
                                                    const SafetensorsMetadata& metadata,
                                                    std::string_view where) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> names;
  std::uint64_t begin = 0;
  for (const TensorEntry* entry : entries) {
    check(entry->name != "__metadata__" && names.insert(entry->name).second,
          "{}: two tensors are named '{}'", where, printable(entry->name));
    const auto bytes = tensor_bytes(entry->shape, entry->dtype);
    check(bytes.has_value(), "{}: the shape of '{}' overflows", where, printable(entry->name));
    header.push_back({entry->name, OrderedJson{{"dtype", name_of(entry->dtype)},
                                               {"shape", entry->shape},
                                               {"data_offsets", {begin, begin + *bytes}}}});
    begin += *bytes;
  }
  try {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    check(text.size() <= detail::max_header_bytes, "{}: a header of {} bytes is too long", where,
          text.size());
    const std::uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + text;
  } catch (const OrderedJson::exception&) {
    throw Error(fmt::format("{}: a tensor's name or the metadata is not UTF-8", where));
  }
}

}  // namespace visplay
