#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/chat_template.hpp>
#include <visplay/text/pre_tokenize.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <tests/support/golden.hpp>
#include <tests/support/tiny_checkpoint.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/temp_folder.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Ids = std::vector<std::int64_t>;
using nlohmann::json;

namespace {

/// The golden file, changed and read.
Vocabulary read_changed(const std::function<void(json&)>& change) {
  json root = testing::golden("tokenizer/tokenizer.json");
  change(root);
  return parse_tokenizer_json(root.dump(), "tokenizer.json");
}

/// One change of tests/golden/make/added_tokens.py: a path of keys and what is put or done there.
void apply_change(json& root, const json& change) {
  json* node = &root;
  for (std::size_t i = 0; i + 2 < change.size(); ++i)
    node = &node->at(change[i].get<std::string>());
  const std::string key = change[change.size() - 2];
  const json& value = change.back();
  const std::string kind = value.is_object() ? value.value("change", "") : "";
  if (kind == "drop") {
    node->erase(key);
    return;
  }
  json& list = (*node)[key];
  if (kind == "join") {
    for (json& pair : list) pair = pair[0].get<std::string>() + " " + pair[1].get<std::string>();
  } else if (kind == "first") {
    list.erase(list.begin() + value.at("count").get<int>(), list.end());
  } else if (kind == "repeat") {
    for (int i = 0; i < value.at("count").get<int>(); ++i) list.push_back(json(list[i]));
  } else if (kind == "reverse") {
    std::ranges::reverse(list);
  } else if (kind == "append") {
    for (const json& one : value.at("with")) list.push_back(one);
  } else {
    list = value;
  }
}

json added_token(std::int64_t id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", false}};
}

void refused(const std::function<void(json&)>& change, const char* why) {
  CHECK_THROWS_MATCHES(read_changed(change), Error, MessageMatches(ContainsSubstring(why)));
}

}  // namespace

TEST_CASE("a vocabulary is written as tokenizers writes it, byte for byte") {
  const auto file = testing::golden_path("tokenizer/tokenizer.json");
  const test::TempFolder folder;
  write_tokenizer_json(folder.path() / "tokenizer.json", read_tokenizer_json(file));
  const bool same =
      read_file(folder.path() / "tokenizer.json", 1 << 20) == read_file(file, 1 << 20);
  CHECK(same);
}

TEST_CASE("trap 33: merges are pairs or strings, both read the same") {
  const auto spelled = read_changed([](json& root) {
    apply_change(root, {"model", "merges", {{"change", "join"}}});
    CHECK(root["model"]["merges"][0].is_string());
  });
  CHECK(spelled == read_changed([](json&) {}));
}

TEST_CASE(
    "files of other writers, with other settings and with added tokens of all flags give the ids "
    "of tokenizers") {
  const auto golden = testing::golden("tokenizer/added.json");
  REQUIRE(golden.at("cases").size() > 50);
  for (const json& one : golden.at("cases")) {
    CAPTURE(one.at("name").get<std::string>());
    const Vocabulary vocabulary = read_changed([&](json& root) {
      for (const json& change : one.at("changes")) apply_change(root, change);
    });
    const Tokenizer tokenizer(vocabulary);
    for (const json& text : one.at("texts")) {
      CAPTURE(text[0].get<std::string>());
      CHECK(tokenizer.encode(text[0].get<std::string>()) == text[1].get<Ids>());
    }
    CHECK(parse_tokenizer_json(tokenizer_json(vocabulary), "written") == vocabulary);
  }
}

TEST_CASE("trap 33: <think> is an ordinary added token where the file lists it, else plain text") {
  const Tokenizer qwen2(read_changed([](json&) {}));
  CHECK(qwen2.encode("<think>").size() > 1);
  const Tokenizer qwen3(read_changed(
      [](json& root) { root["added_tokens"].push_back(added_token(922, "<think>")); }));
  CHECK(qwen3.encode("<think>") == Ids{922});
  CHECK_FALSE(qwen3.is_special(922));
  CHECK(qwen3.decode(Ids{922}, true) == "<think>");
}

TEST_CASE("trap 6: the tokenizer's size is that of its tokens, not the rows of the embedding") {
  const Tokenizer tokenizer(read_changed([](json&) {}));
  CHECK(tokenizer.size() == 922);  // 900 and 22 added ones
  CHECK(tokenizer.bytes_of(tokenizer.size()).empty());
  CHECK(tokenizer.bytes_of(tokenizer.size() - 1) == "<|file_sep|>");
}

TEST_CASE("tokenizer files that would give other ids are refused by name") {
  refused([](json& root) { root["model"]["type"] = "Unigram"; }, "type BPE");
  refused([](json& root) { root["model"]["dropout"] = 0.1; }, "model.dropout to be off, got 0.1");
  refused([](json& root) { root["model"]["end_of_word_suffix"] = "</w>"; }, "got \"</w>\"");
  refused([](json& root) { root["normalizer"]["type"] = "NFKC"; }, "got {\"type\":\"NFKC\"}");
  refused(
      [](json& root) {
        root["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}};
      },
      "Lowercase");
  refused([](json& root) { root["pre_tokenizer"] = {{"type", "Whitespace"}}; }, "Whitespace");
  refused([](json& root) { root["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; },
          "behavior \"Removed\"");
  refused([](json& root) { root["pre_tokenizer"]["pretokenizers"][1].erase("use_regex"); },
          "use_regex false");
  refused([](json& root) { root["post_processor"]["type"] = "TemplateProcessing"; },
          "TemplateProcessing");
  refused([](json& root) { root["decoder"]["type"] = "Metaspace"; }, "Metaspace");
  refused([](json& root) { root["version"] = "2.0"; }, "version");
  refused([](json& root) { root["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "x"; },
          "Split pattern");
  refused([](json& root) { root["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; },
          "ByteLevel step");
  refused([](json& root) { root["added_tokens"][3]["lstrip"] = 1; }, "object_ref_start");
  refused([](json& root) { root.erase("model"); }, "\"model\"");
  // Ids that tokenizers would not give.
  refused([](json& root) { root["added_tokens"].push_back(added_token(950, "<gap>")); },
          "expected the id 922 for the added token \"<gap>\", got 950");
  refused([](json& root) { root["added_tokens"].push_back(added_token(922, "the")); },
          "expected the id 837 for the added token \"the\", got 922");
}

TEST_CASE("a broken tokenizer file gives one line that names it") {
  refused(
      [](json& root) {
        root["model"]["merges"][0] = {"zz", "zz"};
      },
      "merge 0 needs the token \"zz\", which is not in the vocabulary");
  for (const json& merge :
       {json("ab"), json(7), json::object(), json{"a"}, json{"a", "b", "c"}, json{{"a"}, {"b"}}})
    refused([&](json& root) { root["model"]["merges"][2] = merge; },
            "merge 2: expected \"left right\" or [\"left\", \"right\"]");
  refused([](json& root) { root["model"]["vocab"]["!"] = json::array(); },
          "another value for \"!\"");
  refused([](json& root) { root["model"]["vocab"]["!"] = -1; }, "ids that are small integers");
  refused([](json& root) { root["model"]["vocab"]["!"] = 1.5; }, "ids that are small integers");
  refused([](json& root) { root["model"]["vocab"]["!"] = 2000000000; }, "without large gaps");
  refused([](json& root) { root["model"]["vocab"]["!"] = 1; }, "an id and a text of its own");
  refused([](json& root) { root["model"]["vocab"]["\u4E00"] = 899; }, "byte-level tokens");
  refused([](json& root) { root["model"]["vocab"] = json::array(); }, "model.vocab");
  refused([](json& root) { root["model"]["vocab"] = json::object(); }, "model.vocab");
  refused([](json& root) { root["model"]["merges"] = json::object(); }, "model.merges");
  refused([](json& root) { root["added_tokens"].push_back(root["added_tokens"][0]); },
          "listed twice");
  refused([](json& root) { root["added_tokens"][0]["id"] = -1; }, "a small integer as the id");
  refused([](json& root) { root["added_tokens"][0]["content"] = ""; }, "added tokens with a text");
  refused([](json& root) { root["added_tokens"][0].erase("content"); }, "\"content\"");
  refused([](json& root) { root["added_tokens"] = "x"; }, "added_tokens");
  refused([](json& root) { root = json::array(); }, "a JSON object");
  CHECK_THROWS_MATCHES(read_tokenizer_json("/nowhere/tokenizer.json"), Error,
                       MessageMatches(ContainsSubstring("/nowhere/tokenizer.json")));
  const test::TempFolder folder;
  const auto file = folder.path() / "tokenizer.json";
  const std::string whole = read_file(testing::golden_path("tokenizer/tokenizer.json"), 1 << 20);
  replace_file(file, whole.substr(0, whole.size() / 2));
  CHECK_THROWS_MATCHES(read_tokenizer_json(file), Error, MessageMatches(ContainsSubstring("JSON")));
  const auto text_refused = [](const std::string& text, const char* why) {
    CHECK_THROWS_MATCHES(parse_tokenizer_json(text, "x.json"), Error,
                         MessageMatches(ContainsSubstring("x.json: ") && ContainsSubstring(why)));
  };
  text_refused(R"({"model":{"vocab":{},"vocab":{}}})", "key 'vocab' appears twice");
  text_refused(R"({"model":{"merges":[],"merges":[]}})", "key 'merges' appears twice");
  text_refused(R"({"version":"1.0","version":"1.0"})", "key 'version' appears twice");
  text_refused(std::string(9, '['), "nested deeper than 8");
  text_refused(R"({"a":1} x)", "not JSON");
  text_refused(std::string("{}\0", 3), "a zero byte");
  text_refused("", "not JSON");
}

TEST_CASE("a key twice in the vocabulary is refused, though a map would keep one") {
  std::string text = testing::golden("tokenizer/tokenizer.json").dump();
  text.insert(text.find("\"vocab\":{") + 9, "\"!\":0,");
  CHECK_THROWS_MATCHES(parse_tokenizer_json(text, "x.json"), Error,
                       MessageMatches(ContainsSubstring("an id and a text of its own")));
}

TEST_CASE("an added token may have the text of another token") {
  // transformers gives a word that a user adds an id of its own; the model's token of the same bytes,
  // spelled otherwise in the file, stays what merges make.
  Vocabulary vocabulary =
      read_changed([](json& root) { root["added_tokens"].push_back(added_token(922, "圆形")); });
  const std::string bytes = "圆形";
  REQUIRE(std::ranges::find(vocabulary.tokens, bytes) != vocabulary.tokens.end());
  const Tokenizer tokenizer(std::move(vocabulary));
  CHECK(tokenizer.encode(bytes) == Ids{922});
  CHECK(tokenizer.find(bytes) == 922);
  const Ids plain = tokenizer.encode_plain(bytes);
  CHECK(plain.size() == 1);
  CHECK(plain[0] < 900);
  CHECK(tokenizer.decode(Ids{922, plain[0]}) == bytes + bytes);
}

TEST_CASE("a vocabulary that cannot be read again is not written") {
  const test::TempFolder folder;
  CHECK_THROWS_AS(write_tokenizer_json(folder.path() / "tokenizer.json", Vocabulary{}), Error);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "tokenizer.json"));
}

TEST_CASE("trap 33 and 13.6: ids of the real Qwen vocabulary") {
  const auto file = testing::shared_path("data/qwen-tokenizer/tokenizer.json");
  if (!std::filesystem::exists(file)) SKIP("needs ../shared/data/qwen-tokenizer/tokenizer.json");
  Vocabulary vocabulary = read_tokenizer_json(file);
  const test::TempFolder folder;
  write_tokenizer_json(folder.path() / "tokenizer.json", vocabulary);
  const bool same =
      read_file(folder.path() / "tokenizer.json", 1 << 25) == read_file(file, 1 << 25);
  CHECK(same);
  // The file is Qwen3's: the same tokens and merges, four added tokens more than Qwen2.5-VL.
  CHECK(vocabulary.tokens.size() == 151643);
  CHECK(vocabulary.merges.size() == 151387);
  CHECK(vocabulary.added.size() == 26);
  vocabulary.added.resize(22);
  const Tokenizer tokenizer(vocabulary);
  CHECK(tokenizer.size() == 151665);
  const std::vector<std::pair<std::string, Ids>> table{
      {"Hello world", {9707, 1879}},
      {"  leading and trailing  ", {220, 6388, 323, 27748, 256}},
      {"\n\n\nfoo\r\n\tbar", {1406, 7975, 319, 90709}},
      {"1234567890 3.14", {16, 17, 18, 19, 20, 21, 22, 23, 24, 15, 220, 18, 13, 16, 19}},
      {"don't DON'T we'LL I'm he's they'd you've",
       {15007, 944, 44273, 17323, 582, 6, 4086, 358, 2776, 566, 594, 807, 4172, 498, 3003}},
      {"'\u017F x", {6, 144815, 856}},
      {"h\u00E9llo e\u0301", {71, 18503, 385, 3958}},
      {"\u2167 \u00BD \u00B2 \u4E00\u4E8C\u4E09",
       {70467, 100, 220, 26062, 220, 29456, 220, 112190, 44991}},
      {"こんにちは世界、テスト。", {89015, 99489, 5373, 140592, 1773}},
      {"안녕하세요", {126246, 144370, 91145}},
      {"emoji \U0001F469\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466 \U0001F1EB\U0001F1F7",
       {37523, 61804, 102, 378, 235, 145233, 378, 235, 145665, 378, 235, 145988, 11162, 229, 104,
        145070}},
      {"a\u00A0b\u3000c\u2003d\u180Ee", {64, 4102, 65, 22441, 66, 378, 225, 67, 123970, 236, 68}},
      {"\\boxed{42}", {59, 79075, 90, 19, 17, 92}},
      {"x=1;y+=2; // c++\n", {87, 28, 16, 70863, 8496, 17, 26, 442, 272, 22940}},
      {"    if (a) {\n        b();\n    }\n", {262, 421, 320, 64, 8, 341, 286, 293, 543, 262, 456}},
      {"<|endoftext|> <|fim_prefix|>", {151643, 220, 151659}},
      {"<tool_call>x</tool_call>", {151657, 87, 151658}},
      {"हिन्दी नमस्ते",
       {93948, 42311, 101, 30484, 99, 43647, 14925, 101, 87244, 78368, 30484, 97, 34370}},
      {"ไทย สวัสดี", {125451, 129328, 37213, 23271, 125136, 28319}},
      {"مرحبا بالعالم", {124122, 29825, 124671, 124476, 129634}},
      {std::string("\x00\x01\x7F", 3), {188, 189, 221}},
      {"\uFB01 \u212B \u00C5 \u2126", {144300, 79252, 79252, 7851, 102}},
      {"a'B'S's", {64, 45955, 13272, 594}},
      {"\uFFFD\u200B\u200D", {5691, 15692, 378, 235}},
      {"\U0001E900\U00016A6F\U0001D7D8", {172, 252, 97, 222, 125427, 102, 107, 56252, 253, 246}},
      {"A\u030A\u0301", {148947}},
      {"       ", {286}},
      {"\t\t", {298}},
      {" \n \n", {31906}},
      {"!!!\n\n\n???", {12069, 1406, 33015}},
      {"/no_think", {33100, 5854, 766}},
      {"<|image_pad|>< |image_pad|>", {151655, 27, 760, 1805, 30290, 91, 29}},
      {"Hello world <|im_start|>user\nIt's 2024 年!!  \n\n  a",
       {9707, 1879, 220, 151644, 872, 198, 2132, 594, 220, 17, 15, 17, 19, 74577, 112, 2928, 18611,
        220, 264}}};
  for (const auto& [text, ids] : table) {
    CAPTURE(text);
    CHECK(tokenizer.encode(text) == ids);
  }

  Prompt prompt{.images = {std::make_shared<Image>()}, .text = "Describe."};
  const Ids chat = encode_chat(tokenizer, {}, prompt, Ids{1});
  CHECK(chat == Ids{151644, 8948,   198, 2610,   525, 264,    10950,  17847,
                    13,     151645, 198, 151644, 872, 198,    151652, 151655,
                    151653, 74785,  13,  151645, 198, 151644, 77091,  198});
  CHECK(tokenizer.decode(chat, true) ==
        "system\nYou are a helpful assistant.\nuser\nDescribe.\nassistant\n");
}
