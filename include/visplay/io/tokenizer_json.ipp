// Bodies of tokenizer_json.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/bpe_trainer.hpp>
#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/unicode.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace visplay {
namespace detail {

/// GPT-2's letters for bytes: printable bytes stand for themselves, the others for U+0100 on.
struct ByteLetters {
  std::array<char32_t, 256> letter{};  // of byte
  std::array<int, 512> byte{};         // of letter; -1: none

  ByteLetters() {
    byte.fill(-1);
    for (int i = 0; i < 256; ++i) {
      const unsigned char b = byte_of_rank(i);
      letter[b] = i < 188 ? b : 0x100 + (i - 188);
      byte[letter[b]] = b;
    }
  }

  /// Appends the bytes that the letters stand for; false if one of them stands for none.
  bool append_bytes(std::string& bytes, std::string_view letters) const {
    for (std::size_t at = 0; at < letters.size();) {
      const CodePoint c = decode_utf8(letters, at);
      if (c.value >= byte.size() || byte[c.value] < 0) return false;
      bytes += char(byte[c.value]);
      at += c.size;
    }
    return true;
  }
  [[nodiscard]] std::string letters_of(std::string_view bytes) const {
    std::string letters;
    for (const unsigned char b : bytes) append_utf8(letters, letter[b]);
    return letters;
  }
};

/// What a tokenizer.json says. The vocabulary and the merges, 99 % of the file, are read straight into
/// these lists; as a tree of JSON values they would take ten times the memory and the time.
struct TokenizerText {
  Json rest{};  // everything else
  std::vector<std::pair<std::string, std::int64_t>> tokens{};
  std::vector<std::pair<std::string, std::string>> merges{};
  bool has_tokens = false, has_merges = false;
};

/// Told the parts of the file in order. `path_` are the open objects and arrays of `rest`.
class TokenizerSax : public nlohmann::json_sax<Json> {
 public:
  TokenizerSax(std::string_view name, TokenizerText& out) : name_(name), out_(out) {}

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(number_integer_t v) override { return value(v); }
  bool number_unsigned(number_unsigned_t v) override {
    if (place_ != Place::tokens) return value(v);
    if (v > std::uint64_t(INT32_MAX)) refuse_token();
    out_.tokens.back().second = std::int64_t(v);
    return true;
  }
  bool number_float(number_float_t v, const string_t&) override { return value(v); }
  bool binary(binary_t&) override { return false; }  // not in JSON text

  bool string(string_t& v) override {
    if (place_ == Place::merges) {
      const std::size_t space = v.find(' ');
      expect_merge(space != v.npos);
      expect_room(out_.merges.size());
      out_.merges.emplace_back(v.substr(0, space), v.substr(space + 1));
    } else if (place_ == Place::pair) {
      expect_merge(sides_ < 2);
      (sides_++ == 0 ? out_.merges.back().first : out_.merges.back().second) = std::move(v);
    } else {
      return value(std::move(v));
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::rest && in_model() && key_ == "vocab") {
      check(!std::exchange(out_.has_tokens, true), "{}: key 'vocab' appears twice", name_);
      place_ = Place::tokens;
      return true;
    }
    return open(Json::object());
  }
  bool end_object() override {
    if (place_ == Place::tokens)
      place_ = Place::rest;
    else
      path_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ == Place::merges) {
      expect_room(out_.merges.size());
      place_ = Place::pair;
      sides_ = 0;
      out_.merges.emplace_back();
    } else if (place_ == Place::rest && in_model() && key_ == "merges") {
      check(!std::exchange(out_.has_merges, true), "{}: key 'merges' appears twice", name_);
      place_ = Place::merges;
    } else {
      return open(Json::array());
    }
    return true;
  }
  bool end_array() override {
    if (place_ == Place::pair) {
      expect_merge(sides_ == 2);
      place_ = Place::merges;
    } else if (place_ == Place::merges) {
      place_ = Place::rest;
    } else {
      path_.pop_back();
    }
    return true;
  }
  bool key(string_t& v) override {
    expect_room(out_.tokens.size());
    if (place_ == Place::tokens)
      out_.tokens.emplace_back(std::move(v), -1);
    else
      check(!path_.back()->contains(key_ = std::move(v)),
            "{}: key '{}' appears twice in one object", name_, key_.substr(0, 80));
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  enum class Place { rest, tokens, merges, pair };
  static constexpr std::size_t max_values = 1 << 20;

  [[nodiscard]] bool in_model() const { return path_.size() == 2 && top_key_ == "model"; }
  [[noreturn]] void refuse_token() const {
    throw Error(fmt::format(
        "{}: expected ids that are small integers in model.vocab, got another value for {}", name_,
        Json(out_.tokens.back().first).dump()));
  }
  void expect_room(std::size_t count) const {
    check(std::int64_t(count) < BytePairMerges::limit,
          "{}: expected fewer than {} tokens and merges, got more", name_, BytePairMerges::limit);
  }
  void expect_merge(bool ok) const {
    check(ok, "{}: merge {}: expected \"left right\" or [\"left\", \"right\"]", name_,
          out_.merges.size() - (place_ == Place::pair));
  }

  Json* place(Json v) {
    if (place_ == Place::tokens) refuse_token();
    expect_merge(place_ == Place::rest);
    check(++values_ < max_values, "{}: more than {} values beside vocabulary and merges", name_,
          max_values);
    if (path_.empty()) return &(out_.rest = std::move(v));
    Json& in = *path_.back();
    if (in.is_object()) return &(in[key_] = std::move(v));
    in.push_back(std::move(v));
    return &in.back();
  }
  bool value(Json v) {
    place(std::move(v));
    return true;
  }
  bool open(Json v) {
    check(path_.size() < 8, "{}: JSON is nested deeper than 8", name_);
    Json* const opened = place(std::move(v));
    if (path_.size() == 1) top_key_ = key_;
    path_.push_back(opened);
    return true;
  }
  std::string_view name_;
  TokenizerText& out_;
  Place place_ = Place::rest;
  int sides_ = 0;           // of the merge being read
  std::size_t values_ = 0;  // in rest
  std::string key_{}, top_key_{};
  std::vector<Json*> path_{};  // a value is not moved while it is open: only the last one grows
};

VISPLAY_INLINE TokenizerText parse_tokenizer(std::string_view text, std::string_view name) {
  check(text.find('\0') == text.npos, "{}: not JSON: a zero byte", name);
  TokenizerText out;
  TokenizerSax sax(name, out);
  // Where it is not JSON, the reader of all other files says why.
  if (!Json::sax_parse(text, &sax)) (void)parse_json(text, name, {.unique_keys = false});
  return out;
}

/// Makes a vocabulary of it, or says what would give other ids.
class TokenizerReader {
 public:
  TokenizerReader(std::string name, TokenizerText text)
      : name_(std::move(name)), text_(std::move(text)) {}

  Vocabulary read() {
    expect(text_.rest.is_object(), "a JSON object");
    const Json version = text_.rest.value("version", Json("1.0"));
    check(version == "1.0", "{}: expected version \"1.0\", got {}", name_, shown(version));
    check_model(member(text_.rest, "model"));
    check_normalizer(member(text_.rest, "normalizer"));
    check_pieces(member(text_.rest, "pre_tokenizer"));
    check_around();
    read_added();
    read_tokens();
    read_merges();
    check_added_ids();
    return std::move(vocabulary_);
  }

 private:
  void expect(bool ok, std::string_view what) const {
    check(ok, "{}: expected {} in a tokenizer file of Qwen's layout", name_, what);
  }
  static std::string shown(const Json& node) { return write_json(node).substr(0, 80); }
  const Json& member(const Json& node, const char* key) const {
    const auto at = node.find(key);
    check(node.is_object() && at != node.end(), "{}: expected the key \"{}\"", name_, key);
    return *at;
  }
  static bool is_off(const Json& node, const char* key) {
    const auto at = node.find(key);
    return at == node.end() || at->is_null() || *at == false || *at == "" || *at == 0;
  }
  static Json type_of(const Json& node) {
    return node.is_object() ? node.value("type", Json()) : Json();
  }

  /// unk_token, fuse_unk and byte_fallback may be anything: with a token for each byte there is
  /// nothing unknown that they could act on.
  void check_model(const Json& model) {
    expect(model.is_object() && model.value("type", Json("BPE")) == "BPE", "a model of type BPE");
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
      check(is_off(model, key), "{}: expected model.{} to be off, got {}", name_, key,
            shown(model.value(key, Json())));
    vocabulary_.ignore_merges = !is_off(model, "ignore_merges");
  }

  void check_normalizer(const Json& normalizer) {
    const auto is_nfc = [](const Json& node) { return type_of(node) == "NFC"; };
    const auto steps = normalizer.is_object() ? normalizer.find("normalizers") : normalizer.end();
    const bool sequence = type_of(normalizer) == "Sequence" && steps != normalizer.end() &&
                          steps->is_array() && std::ranges::all_of(*steps, is_nfc);
    check(normalizer.is_null() || is_nfc(normalizer) || sequence,
          "{}: expected the normalizer NFC or none, got {}", name_, shown(normalizer));
    vocabulary_.nfc = is_nfc(normalizer) || (sequence && !steps->empty());
  }

  void check_pieces(const Json& pre_tokenizer) const {
    const auto at =
        pre_tokenizer.is_object() ? pre_tokenizer.find("pretokenizers") : pre_tokenizer.end();
    check(type_of(pre_tokenizer) == "Sequence" && at != pre_tokenizer.end() && at->is_array() &&
              at->size() == 2 && type_of((*at)[0]) == "Split" && type_of((*at)[1]) == "ByteLevel",
          "{}: expected a Split and a ByteLevel step as pre_tokenizer, got {}", name_,
          shown(pre_tokenizer));
    const Json &split = (*at)[0], &bytes = (*at)[1];
    const Json pattern = split.value("pattern", Json());
    check(pattern.is_object() && pattern.value("Regex", Json()) == qwen_pattern,
          "{}: expected Qwen's Split pattern, got {}", name_, shown(pattern));
    check(split.value("behavior", Json()) == "Isolated" && is_off(split, "invert"),
          "{}: expected a Split step that isolates what matches, got behavior {} and invert {}",
          name_, shown(split.value("behavior", Json())), shown(split.value("invert", Json())));
    // A step without use_regex splits again, by GPT-2's pattern.
    check(is_off(bytes, "add_prefix_space") && bytes.value("use_regex", Json(true)) == false,
          "{}: expected a ByteLevel step with add_prefix_space and use_regex false, got {}", name_,
          shown(bytes));
  }

  /// truncation and padding are settings of a call, which transformers resets at each one.
  void check_around() const {
    const Json post = text_.rest.value("post_processor", Json());
    check(post.is_null() || type_of(post) == "ByteLevel",
          "{}: expected the post_processor ByteLevel or none, got {}", name_, shown(post));
    const Json decoder = text_.rest.value("decoder", Json());
    check(type_of(decoder) == "ByteLevel", "{}: expected the decoder ByteLevel, got {}", name_,
          shown(decoder));
  }

  void read_added() {
    const Json added = text_.rest.value("added_tokens", Json());
    if (added.is_null()) return;
    expect(added.is_array(), "added_tokens as an array");
    for (const Json& token : added) {
      const Json& text = member(token, "content");
      expect(text.is_string() && !text.get_ref<const std::string&>().empty(),
             "added tokens with a text");
      const auto id = json_as<std::int32_t>(member(token, "id"));
      check(id && *id >= 0, "{}: expected a small integer as the id of the added token {}, got {}",
            name_, shown(text), shown(token["id"]));
      vocabulary_.added.push_back({.id = *id,
                                   .text = text.get<std::string>(),
                                   .special = flag(token, "special"),
                                   .normalized = flag(token, "normalized"),
                                   .lstrip = flag(token, "lstrip"),
                                   .rstrip = flag(token, "rstrip"),
                                   .single_word = flag(token, "single_word")});
      check(added_.emplace(vocabulary_.added.back().text, TokenTable::none).second,
            "{}: the added token {} is listed twice", name_, shown(text));
    }
  }
  bool flag(const Json& token, const char* key) const {
    const Json value = token.value(key, Json(false));
    check(value.is_boolean(),
          "{}: expected \"{}\" of the added token {} to be true or false, got {}", name_, key,
          shown(token["content"]), shown(value));
    return value.get<bool>();
  }

  void read_tokens() {
    check(text_.has_tokens && !text_.tokens.empty(), "{}: expected model.vocab as an object",
          name_);
    std::int64_t largest = 0;
    for (const auto& [letters, id] : text_.tokens) {
      largest = std::max(largest, id);
    }
    // Holes are allowed, but not so many that a small file asks for much memory.
    const auto count = std::int64_t(text_.tokens.size());
    check(largest < 4 * count + 1024, "{}: expected ids without large gaps, got {} for {} tokens",
          name_, largest, count);
    vocabulary_.tokens.resize(std::size_t(largest) + 1);
    table_.reserve(std::size_t(largest) + 1, 8 * text_.tokens.size());
    for (const auto& [letters, id] : text_.tokens) {
      std::string bytes;
      const auto added = added_.find(letters);
      if (added != added_.end()) bytes = letters, added->second = std::int32_t(id);
      const bool known = added != added_.end() || letters_.append_bytes(bytes, letters);
      if (!known || bytes.empty() || !table_.add(std::int32_t(id), bytes))
        throw Error(fmt::format(
            "{}: expected byte-level tokens, each with an id and a text of its own, got {} with {}",
            name_, shown(letters), id));
      vocabulary_.tokens[std::size_t(id)] = std::move(bytes);
    }
  }

  void read_merges() {
    check(text_.has_merges, "{}: expected model.merges as an array", name_);
    vocabulary_.merges.reserve(text_.merges.size());
    std::string left, right;
    for (const auto& [first, second] : text_.merges) {
      left.clear(), right.clear();
      const bool known = letters_.append_bytes(left, first) && letters_.append_bytes(right, second);
      const Merge merge{id_of(known, left, first), id_of(known, right, second),
                        id_of(known, left + right, first + second)};
      vocabulary_.merges.push_back(merge);
    }
  }
  [[nodiscard]] std::int32_t id_of(bool known, const std::string& bytes,
                                   const std::string& letters) const {
    const std::int32_t id = known ? table_.find(bytes) : TokenTable::none;
    if (id == TokenTable::none)
      throw Error(fmt::format("{}: merge {} needs the token {}, which is not in the vocabulary",
                              name_, vocabulary_.merges.size(), shown(letters)));
    return id;
  }

  /// `tokenizers` does not read the ids of added tokens: one that is in the vocabulary has the id
  /// from there, others count on from its size. A file that says otherwise means other tokens to it
  /// than to us.
  void check_added_ids() const {
    auto next = std::int64_t(text_.tokens.size());
    for (const AddedToken& token : vocabulary_.added) {
      const std::int32_t known = added_.at(token.text);
      const std::int64_t id = known != TokenTable::none ? known : next;
      check(token.id == id, "{}: expected the id {} for the added token {}, got {}", name_, id,
            shown(token.text), token.id);
      next = std::max(next, id + 1);
    }
  }

  std::string name_;
  TokenizerText text_;
  ByteLetters letters_{};
  Vocabulary vocabulary_{};
  std::unordered_map<std::string, std::int32_t> added_{};  // text to id in the vocabulary, or none
  TokenTable table_{};
};

VISPLAY_INLINE OrderedJson byte_level_json() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", false}};
}

VISPLAY_INLINE OrderedJson added_token_json(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.text},  {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip}, {"normalized", token.normalized},
          {"special", token.special}};
}

VISPLAY_INLINE OrderedJson bpe_json(const Vocabulary& vocabulary) {
  const ByteLetters letters;
  std::unordered_set<std::string_view> added;
  for (const AddedToken& token : vocabulary.added) added.insert(token.text);
  const auto spelled = [&](const std::string& token) {
    return added.contains(token) ? token : letters.letters_of(token);
  };
  // ordered_json looks a key up in linear time: its underlying vector takes them unseen.
  OrderedJson::object_t tokens;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (!vocabulary.tokens[id].empty())
      static_cast<OrderedJson::object_t::Container&>(tokens).emplace_back(
          spelled(vocabulary.tokens[id]), id);
  OrderedJson merges = OrderedJson::array();
  for (const Merge& merge : vocabulary.merges)
    merges.push_back(
        {spelled(vocabulary.tokens[merge.left]), spelled(vocabulary.tokens[merge.right])});
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", ""},
          {"end_of_word_suffix", ""},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", vocabulary.ignore_merges},
          {"vocab", std::move(tokens)},
          {"merges", std::move(merges)}};
}

}  // namespace detail

VISPLAY_INLINE Vocabulary parse_tokenizer_json(std::string_view text, std::string_view name) {
  return detail::TokenizerReader(std::string(name), detail::parse_tokenizer(text, name)).read();
}

VISPLAY_INLINE Vocabulary read_tokenizer_json(const std::filesystem::path& file) {
  return parse_tokenizer_json(read_file(file, max_tokenizer_bytes), file.string());
}

VISPLAY_INLINE std::string tokenizer_json(const Vocabulary& vocabulary) {
  OrderedJson added = OrderedJson::array();
  for (const AddedToken& token : vocabulary.added) added.push_back(detail::added_token_json(token));
  const OrderedJson split = {{"type", "Split"},
                             {"pattern", {{"Regex", qwen_pattern}}},
                             {"behavior", "Isolated"},
                             {"invert", false}};
  const OrderedJson root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)},
      {"normalizer", vocabulary.nfc ? OrderedJson{{"type", "NFC"}} : OrderedJson()},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers", OrderedJson::array({split, detail::byte_level_json()})}}},
      {"post_processor", detail::byte_level_json()},
      {"decoder", detail::byte_level_json()},
      {"model", detail::bpe_json(vocabulary)}};
  return root.dump(2);
}

VISPLAY_INLINE void write_tokenizer_json(const std::filesystem::path& file,
                                         const Vocabulary& vocabulary) {
  (void)Tokenizer(vocabulary);
  const std::string text = tokenizer_json(vocabulary);
  check(parse_tokenizer_json(text, file.string()) == vocabulary,
        "{}: expected a vocabulary that is read back as it is written", file.string());
  replace_file(file, text);
}

VISPLAY_INLINE void write_tokenizer_config(const std::filesystem::path& file,
                                           const TokenizerRoles& roles) {
  const OrderedJson root = {{"tokenizer_class", "Qwen2Tokenizer"},
                            {"add_bos_token", false},
                            {"add_prefix_space", false},
                            {"bos_token", nullptr},
                            {"clean_up_tokenization_spaces", false},
                            {"eos_token", roles.eos},
                            {"errors", "replace"},
                            {"model_max_length", roles.model_max_length},
                            {"pad_token", roles.pad},
                            {"split_special_tokens", false},
                            {"unk_token", nullptr}};
  replace_file(file, root.dump(2) + "\n");
}

}  // namespace visplay
