// Bodies of io/safetensors.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/safetensors.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

namespace visplay {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

namespace detail {

struct DTypeFacts {
  std::string_view name;
  std::size_t bytes;
};
// In the order of DType.
inline constexpr std::array<DTypeFacts, 17> dtype_facts{{{"BOOL", 1},
                                                         {"U8", 1},
                                                         {"I8", 1},
                                                         {"F8_E5M2", 1},
                                                         {"F8_E4M3", 1},
                                                         {"F8_E8M0", 1},
                                                         {"I16", 2},
                                                         {"U16", 2},
                                                         {"F16", 2},
                                                         {"BF16", 2},
                                                         {"I32", 4},
                                                         {"U32", 4},
                                                         {"F32", 4},
                                                         {"C64", 8},
                                                         {"F64", 8},
                                                         {"I64", 8},
                                                         {"U64", 8}}};

inline constexpr std::uint64_t max_header_bytes = 100'000'000;  // of the format
inline constexpr std::size_t max_rank = 32;

VISPLAY_INLINE std::optional<DType> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < dtype_facts.size(); ++i)
    if (dtype_facts[i].name == name) return DType(i);
  return std::nullopt;
}

/// A name from a file we do not trust, fit for one line of a message.
VISPLAY_INLINE std::string printable(std::string_view name) {
  std::string out(name.substr(0, 80));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return name.size() > 80 ? out + "..." : out;
}

/// Bytes of a tensor, or nothing if that does not fit 63 bits.
VISPLAY_INLINE std::optional<std::uint64_t> tensor_bytes(std::span<const std::int64_t> shape,
                                                         DType dtype) {
  std::int64_t bytes = std::int64_t(byte_size(dtype));
  for (const std::int64_t side : shape)
    if (side < 0 || __builtin_mul_overflow(bytes, side, &bytes)) return std::nullopt;
  return std::uint64_t(bytes);
}

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
  check(text.starts_with('{'), "{}: the header does not start with '{{'{}", where,
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

class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) {
    std::error_code failure;
    const auto status = std::filesystem::status(path, failure);
    check(std::filesystem::exists(status), "{}: no such file", path.string());
    check(std::filesystem::is_regular_file(status), "{}: not a regular file", path.string());
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    check(file >= 0, "{}: {}", path.string(), std::strerror(errno));
    struct stat facts {};
    const bool known = ::fstat(file, &facts) == 0;
    if (known && facts.st_size > 0) {
      size_ = std::size_t(facts.st_size);
      data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    }
    const int reason = errno;
    ::close(file);
    check(known && data_ != MAP_FAILED, "{}: {}", path.string(), std::strerror(reason));
  }
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A shard's path. Its name comes from the index, so it must be a plain name inside the folder. A
/// link may lead to `blobs` beside `snapshots`, which is how the Hugging Face cache stores files.
VISPLAY_INLINE std::filesystem::path shard_path(const std::filesystem::path& folder,
                                                const std::string& name, std::string_view where) {
  const bool plain = name.size() > 12 && name.ends_with(".safetensors") && name[0] != '.' &&
                     name.find_first_of(std::string_view("/\\\0:", 4)) == std::string::npos;
  check(plain, "{}: '{}' is not the plain name of a .safetensors file", where, printable(name));
  const auto path = folder / name;
  std::error_code failure;
  const auto target = std::filesystem::canonical(path, failure);
  check(!failure, "{}: '{}' is listed but {}", where, printable(name), failure.message());
  const auto home = std::filesystem::canonical(folder);
  const bool inside = target.parent_path() == home ||
                      target.parent_path() == home.parent_path().parent_path() / "blobs";
  check(inside, "{}: '{}' is a link that leaves the folder", where, printable(name));
  return path;
}

/// Creates `<path>.partial-<pid>`, renames it to path on commit, removes it otherwise.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path)
      : path_(path), partial_(path.string() + ".partial-" + std::to_string(::getpid())) {
    ::unlink(partial_.c_str());
    file_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    require(file_ >= 0, "create");
  }
  ~AtomicFile() {
    if (file_ >= 0) ::close(file_);
    if (!committed_) ::unlink(partial_.c_str());
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written =
          ::write(file_, bytes.data(), std::min<std::size_t>(bytes.size(), 1u << 30));
      if (written < 0 && errno == EINTR) continue;
      require(written > 0, "write");
      bytes = bytes.subspan(std::size_t(written));
    }
  }

  void commit(bool sync) {
    require(!sync || ::fsync(file_) == 0, "sync");
    require(::close(std::exchange(file_, -1)) == 0, "close");
    require(::rename(partial_.c_str(), path_.c_str()) == 0, "rename");
    committed_ = true;
    if (sync) sync_folder();
  }

 private:
  void require(bool ok, std::string_view verb) const {
    if (!ok)
      throw Error(fmt::format("{}: cannot {}: {}", path_.string(), verb, std::strerror(errno)));
  }
  void sync_folder() const {
    const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(handle >= 0, "open the folder of");
    const bool synced = ::fsync(handle) == 0;
    ::close(handle);
    require(synced, "sync the folder of");
  }

  std::filesystem::path path_, partial_;
  int file_ = -1;
  bool committed_ = false;
};

/// Largest elements first, as the Rust crate does; then naturally by name.
VISPLAY_INLINE std::vector<const TensorEntry*> writing_order(std::span<const TensorEntry> entries) {
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, [](const TensorEntry* a, const TensorEntry* b) {
    return a->dtype != b->dtype ? a->dtype > b->dtype : natural_less(a->name, b->name);
  });
  return order;
}

/// The 8-byte length and the JSON, padded with spaces to a multiple of 8.
VISPLAY_INLINE std::string safetensors_header(std::span<const TensorEntry* const> order,
                                              const SafetensorsMetadata& metadata,
                                              std::string_view where) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> names;
  std::uint64_t begin = 0;
  for (const TensorEntry* entry : order) {
    check(entry->name != "__metadata__" && names.insert(entry->name).second,
          "{}: two tensors are named '{}'", where, printable(entry->name));
    const auto bytes = tensor_bytes(entry->shape, entry->dtype);
    check(bytes == entry->bytes.size(), "{}: '{}' has {} bytes, its shape needs {}", where,
          printable(entry->name), entry->bytes.size(), bytes.value_or(0));
    OrderedJson& fields = header[entry->name];
    fields["dtype"] = name_of(entry->dtype);
    fields["shape"] = entry->shape;
    fields["data_offsets"] = {begin, begin + *bytes};
    begin += *bytes;
  }
  try {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    check(text.size() <= max_header_bytes, "{}: a header of {} bytes is too long", where,
          text.size());
    const std::uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + text;
  } catch (const OrderedJson::exception&) {
    throw Error(fmt::format("{}: a tensor's name or the metadata is not UTF-8", where));
  }
}

template <class Bits, class Convert>
void convert_each(std::span<const std::byte> bytes, std::span<float> out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Bits bits;  // the file promises no alignment
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    out[i] = convert(bits);
  }
}

}  // namespace detail

VISPLAY_INLINE std::size_t byte_size(DType dtype) {
  return detail::dtype_facts.at(std::size_t(dtype)).bytes;
}

VISPLAY_INLINE std::string_view name_of(DType dtype) {
  return detail::dtype_facts.at(std::size_t(dtype)).name;
}

VISPLAY_INLINE std::int64_t TensorEntry::numel() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t(1), std::multiplies<>());
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes,
                                                      std::string_view where) {
  const std::string_view text = detail::header_text(bytes, where);
  detail::HeaderReader reader(where);
  const bool is_json = Json::sax_parse(text.begin(), text.end(), &reader);
  check(is_json, "{}: the header is damaged: {}", where, reader.reason);
  const auto data = bytes.subspan(8 + text.size());
  detail::check_layout(reader.entries, data.size(), where);

  SafetensorsFile file;
  file.metadata_ = std::move(reader.metadata);
  file.entries_.reserve(reader.entries.size());
  for (detail::HeaderEntry& entry : reader.entries) {
    const auto [begin, end] = std::pair((*entry.offsets)[0], (*entry.offsets)[1]);
    const bool is_new = file.index_.emplace(entry.name, file.entries_.size()).second;
    check(is_new, "{}: '{}' appears twice in the header", where, detail::printable(entry.name));
    file.entries_.push_back({std::move(entry.name), *entry.dtype, std::move(*entry.shape),
                             data.subspan(std::size_t(begin), std::size_t(end - begin))});
  }
  return file;
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  refuse_pickle(path);
  const auto mapped = std::make_shared<const detail::MappedFile>(path);
  SafetensorsFile file = parse(mapped->bytes(), path.string());
  file.mappings_.push_back(mapped);
  return file;
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::open_folder(const std::filesystem::path& folder) {
  check(std::filesystem::is_directory(folder), "{}: no such folder", folder.string());
  const auto whole = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  if (std::filesystem::exists(whole)) return open(whole);
  if (std::filesystem::exists(index)) return open_shards(folder, index);
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt",
                           "model.pth", "consolidated.00.pth"})
    if (std::filesystem::exists(folder / name)) refuse_pickle(folder / "pytorch_model.bin");
  throw Error(fmt::format("{}: no weights here (neither model.safetensors nor {})", folder.string(),
                          index.filename().string()));
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::open_shards(const std::filesystem::path& folder,
                                                            const std::filesystem::path& index) {
  const std::string where = index.string();
  const Json json = read_json_file(index, {.max_depth = 8});
  const auto listed = json.find("weight_map");
  check(json.is_object() && listed != json.end() && listed->is_object(),
        "{}: 'weight_map' is missing", where);
  std::map<std::string, std::string, std::less<>> shard_of;
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : listed->items()) {
    check(shard.is_string(), "{}: the file of '{}' is not a name", where,
          detail::printable(tensor));
    shards.insert(shard_of[tensor] = shard.get<std::string>());
  }

  SafetensorsFile all;
  std::uint64_t total = 0;
  for (const std::string& shard : shards) {
    SafetensorsFile part = open(detail::shard_path(folder, shard, where));
    if (all.mappings_.empty()) all.metadata_ = std::move(part.metadata_);
    all.mappings_.insert(all.mappings_.end(), part.mappings_.begin(), part.mappings_.end());
    for (TensorEntry& entry : part.entries_) {
      const auto home = shard_of.find(entry.name);
      check(home != shard_of.end() && home->second == shard,
            "{}: {} holds '{}', which the index lists {}", where, shard,
            detail::printable(entry.name), home == shard_of.end() ? "nowhere" : "elsewhere");
      total += entry.bytes.size();
      all.index_.emplace(entry.name, all.entries_.size());
      all.entries_.push_back(std::move(entry));
    }
  }
  for (const auto& [tensor, shard] : shard_of)
    check(all.index_.contains(tensor), "{}: '{}' is not in {}, where the index lists it", where,
          detail::printable(tensor), shard);
  const Json metadata = json.value("metadata", Json());
  const Json size = metadata.is_object() ? metadata.value("total_size", Json()) : Json();
  check(!size.is_number_integer() || size == total, "{}: total_size is {}, the tensors have {}",
        where, size.dump(), total);
  return all;
}

VISPLAY_INLINE const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto place = index_.find(name);
  return place == index_.end() ? nullptr : &entries_[place->second];
}

VISPLAY_INLINE const TensorEntry& SafetensorsFile::at(std::string_view name) const {
  const TensorEntry* entry = find(name);
  check(entry != nullptr, "safetensors: no tensor is named '{}'", detail::printable(name));
  return *entry;
}

VISPLAY_INLINE void write_safetensors(const std::filesystem::path& path,
                                      std::span<const TensorEntry> entries,
                                      const SafetensorsWriteOptions& options) {
  const auto order = detail::writing_order(entries);
  const std::string header = detail::safetensors_header(order, options.metadata, path.string());
  detail::AtomicFile file(path);
  file.write(std::as_bytes(std::span(header)));
  for (const TensorEntry* entry : order) file.write(entry->bytes);
  file.commit(options.sync);
}

VISPLAY_INLINE float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
  if (magnitude >= 0x7c00)  // infinity and NaN keep their payload
    return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude < 0x400) {  // subnormal, in units of 2^-24
    const float value = float(magnitude) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
}

VISPLAY_INLINE float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

VISPLAY_INLINE std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return std::uint16_t(bits >> 16 | 0x40);  // stays NaN
  return std::uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

VISPLAY_INLINE void copy_to_float(const TensorEntry& tensor, std::span<float> out) {
  check(out.size() * byte_size(tensor.dtype) == tensor.bytes.size(),
        "'{}': {} bytes do not give {} floats", detail::printable(tensor.name), tensor.bytes.size(),
        out.size());
  const auto bytes = tensor.bytes;
  if (tensor.dtype == DType::f32) {
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  } else if (tensor.dtype == DType::bf16) {
    detail::convert_each<std::uint16_t>(bytes, out, bfloat16_to_float);
  } else if (tensor.dtype == DType::f16) {
    detail::convert_each<std::uint16_t>(bytes, out, half_to_float);
  } else if (tensor.dtype == DType::f64) {
    detail::convert_each<double>(bytes, out, [](double value) { return float(value); });
  } else {
    throw Error(fmt::format("'{}' is of type {}, expected F32, BF16, F16 or F64",
                            detail::printable(tensor.name), name_of(tensor.dtype)));
  }
}

VISPLAY_INLINE std::vector<float> to_float(const TensorEntry& tensor) {
  std::vector<float> out(std::size_t(tensor.numel()));
  copy_to_float(tensor, out);
  return out;
}

VISPLAY_INLINE bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      std::size_t end_i = i, end_j = j;
      while (end_i < a.size() && digit(a[end_i])) ++end_i;
      while (end_j < b.size() && digit(b[end_j])) ++end_j;
      while (i < end_i && a[i] == '0') ++i;
      while (j < end_j && b[j] == '0') ++j;
      const auto number_a = a.substr(i, end_i - i), number_b = b.substr(j, end_j - j);
      if (number_a.size() != number_b.size()) return number_a.size() < number_b.size();
      if (number_a != number_b) return number_a < number_b;
      i = end_i, j = end_j;
    } else if (a[i] != b[j]) {
      return a[i] < b[j];
    } else {
      ++i, ++j;
    }
  }
  if (i < a.size() || j < b.size()) return i == a.size();
  return a < b;  // equal but for leading zeros
}

VISPLAY_INLINE void refuse_pickle(const std::filesystem::path& path) {
  const std::string kind = path.extension().string();
  for (const char* pickle : {".bin", ".pt", ".pth", ".ckpt", ".pkl"})
    check(kind != pickle,
          "{}: pickles can run code and are not read; convert to safetensors first "
          "(transformers: save_pretrained(folder))",
          path.string());
}

}  // namespace visplay
