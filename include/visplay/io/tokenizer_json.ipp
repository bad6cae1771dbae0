// Bodies of tokenizer_json.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/bpe_trainer.hpp>
#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/unicode.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
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

  [[nodiscard]] std::optional<std::string> bytes_of(std::string_view letters) const {
    std::string bytes;
    for (std::size_t at = 0; at < letters.size();) {
      const CodePoint c = decode_utf8(letters, at);
      if (c.value >= byte.size() || byte[c.value] < 0) return std::nullopt;
      bytes += char(byte[c.value]);
      at += c.size;
    }
    return bytes;
  }
  [[nodiscard]] std::string letters_of(std::string_view bytes) const {
    std::string letters;
    for (const unsigned char b : bytes) append_utf8(letters, letter[b]);
    return letters;
  }
};

/// Reads one file; keeps its name for messages.
class TokenizerReader {
 public:
  explicit TokenizerReader(const std::filesystem::path& file) : name_(file.string()) {
    root_ = read_json_file(file, {.max_depth = 8});
    expect(root_.is_object(), "a JSON object");
  }

  Vocabulary read() {
    const auto& model = member(root_, "model");
    check_rules(model);
    read_added();
    read_tokens(model);
    read_merges(model);
    return std::move(vocabulary_);
  }

 private:
  void expect(bool ok, std::string_view what) const {
    check(ok, "{}: expected {} in a tokenizer file of Qwen's layout", name_, what);
  }
  const Json& member(const Json& node, const char* key) const {
    const auto at = node.find(key);
    check(node.is_object() && at != node.end(), "{}: expected the key \"{}\"", name_, key);
    return *at;
  }
  static bool is_off(const Json& node, const char* key) {
    const auto at = node.find(key);
    return at == node.end() || at->is_null() || *at == false || *at == "";
  }

  /// Everything that decides ids beside the vocabulary.
  void check_rules(const Json& model) const {
    expect(model.is_object() && model.value("type", Json("BPE")) == "BPE", "a model of type BPE");
    for (const char* key : {"dropout", "unk_token", "continuing_subword_prefix",
                            "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"})
      check(is_off(model, key), "{}: expected model.{} to be off", name_, key);
    const auto& normalizer = member(root_, "normalizer");
    expect(normalizer.is_object() && normalizer.value("type", Json()) == "NFC",
           "the normalizer NFC");

    bool split = false, bytes = false;
    const auto& steps = member(root_, "pre_tokenizer");
    const auto at = steps.is_object() ? steps.find("pretokenizers") : steps.end();
    expect(at != steps.end() && at->is_array() && at->size() == 2, "a Split and a ByteLevel step");
    for (const Json& step : *at) {
      expect(step.is_object(), "a Split and a ByteLevel step");
      if (step.value("type", Json()) == "Split") {
        const Json pattern = step.value("pattern", Json::object());
        split = pattern.is_object() && pattern.value("Regex", Json()) == qwen_pattern &&
                step.value("behavior", Json()) == "Isolated" && is_off(step, "invert");
      } else if (step.value("type", Json()) == "ByteLevel") {
        bytes = is_off(step, "add_prefix_space") && is_off(step, "use_regex");
      }
    }
    expect(split && bytes,
           "Qwen's Split pattern and a ByteLevel step that adds and splits nothing");
  }

  [[nodiscard]] std::int64_t id_from(const Json& node) const {
    const auto id = json_as<std::int32_t>(node);
    expect(id && *id >= 0, "ids that are small integers");
    return *id;
  }

  void read_added() {
    const auto at = root_.find("added_tokens");
    if (at == root_.end() || at->is_null()) return;
    expect(at->is_array(), "added_tokens as an array");
    for (const Json& token : *at) {
      const Json& text = member(token, "content");
      expect(text.is_string() && !text.get_ref<const std::string&>().empty(),
             "added tokens with a text");
      for (const char* key : {"single_word", "lstrip", "rstrip"})
        check(is_off(token, key), "{}: expected \"{}\" of the added token {} to be off", name_, key,
              text.dump());
      vocabulary_.added.push_back(
          {id_from(member(token, "id")), text.get<std::string>(), !is_off(token, "special")});
      added_.emplace(vocabulary_.added.back().text, vocabulary_.added.back().id);
    }
  }

  void read_tokens(const Json& model) {
    const auto& tokens = member(model, "vocab");
    expect(tokens.is_object() && !tokens.empty(), "model.vocab as an object");
    std::int64_t largest = 0;
    for (const auto& [letters, id] : tokens.items()) largest = std::max(largest, id_from(id));
    // Holes are allowed, but not so many that a small file asks for much memory.
    expect(largest < 4 * std::int64_t(tokens.size()) + 1024, "ids without large gaps");
    vocabulary_.tokens.resize(largest + 1);
    ids_.reserve(tokens.size());
    for (const auto& [letters, id] : tokens.items()) {
      const auto bytes =
          added_.contains(letters) ? std::optional(letters) : letters_.bytes_of(letters);
      std::string& slot = vocabulary_.tokens[id.get<std::int64_t>()];
      if (!bytes || bytes->empty() || !slot.empty())
        throw Error(
            fmt::format("{}: expected byte-level tokens with an id of their own, got {} with {}",
                        name_, Json(letters).dump(), id.get<std::int64_t>()));
      slot = *bytes;
      ids_.emplace(letters, std::int32_t(id.get<std::int64_t>()));
    }
  }

  void read_merges(const Json& model) {
    const auto& merges = member(model, "merges");
    expect(merges.is_array(), "model.merges as an array");
    vocabulary_.merges.reserve(merges.size());
    std::string left, right;
    for (const Json& merge : merges) {
      if (merge.is_string()) {
        const auto& both = merge.get_ref<const std::string&>();
        const std::size_t space = both.find(' ');
        left = both.substr(0, space);
        right = space == both.npos ? "" : both.substr(space + 1);
      } else {
        expect(
            merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string(),
            "merges as \"left right\" or [\"left\", \"right\"]");
        left = merge[0].get_ref<const std::string&>();
        right = merge[1].get_ref<const std::string&>();
      }
      vocabulary_.merges.push_back(
          {id_of(left, merge), id_of(right, merge), id_of(left + right, merge)});
    }
  }

  [[nodiscard]] std::int32_t id_of(const std::string& letters, const Json& merge) const {
    const auto at = ids_.find(letters);
    if (at == ids_.end())
      throw Error(fmt::format("{}: merge {} needs the token {}, which is not in the vocabulary",
                              name_, merge.dump(), Json(letters).dump()));
    return at->second;
  }

  std::string name_;
  Json root_;
  ByteLetters letters_{};
  Vocabulary vocabulary_{};
  std::unordered_map<std::string, std::int64_t> added_{};
  std::unordered_map<std::string, std::int32_t> ids_{};
};

VISPLAY_INLINE OrderedJson byte_level_json() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", false}};
}

VISPLAY_INLINE OrderedJson added_token_json(const AddedToken& token) {
  return {{"id", token.id},  {"content", token.text}, {"single_word", false},    {"lstrip", false},
          {"rstrip", false}, {"normalized", false},   {"special", token.special}};
}

VISPLAY_INLINE OrderedJson bpe_json(const Vocabulary& vocabulary) {
  const ByteLetters letters;
  std::unordered_map<std::string_view, bool> added;
  for (const AddedToken& token : vocabulary.added) added[token.text] = true;
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
          {"ignore_merges", false},
          {"vocab", std::move(tokens)},
          {"merges", std::move(merges)}};
}

}  // namespace detail

VISPLAY_INLINE Vocabulary read_tokenizer_json(const std::filesystem::path& file) {
  return detail::TokenizerReader(file).read();
}

VISPLAY_INLINE void write_tokenizer_json(const std::filesystem::path& file,
                                         const Vocabulary& vocabulary) {
  (void)Tokenizer(vocabulary);  // refuses what no reader would take
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
      {"normalizer", {{"type", "NFC"}}},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers", OrderedJson::array({split, detail::byte_level_json()})}}},
      {"post_processor", detail::byte_level_json()},
      {"decoder", detail::byte_level_json()},
      {"model", detail::bpe_json(vocabulary)}};
  replace_file(file, root.dump(2));
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
