#include <visplay/core/error.hpp>
#include <visplay/io/chat_template_file.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/tokenizer_json.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <tests/support/golden.hpp>
#include <tests/support/tiny_checkpoint.hpp>

#include <string>

#include "support/temp_folder.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

std::string said_to(const ChatTemplate& chat, const Prompt& prompt) {
  return text_of(chat.render(prompt));
}

/// A template that begins with a word and prints what the user says.
std::string after(const std::string& word) {
  return word + "{% for m in messages %}{{ m.content }}{% endfor %}";
}

}  // namespace

TEST_CASE("our template's Jinja is the one that the golden script renders under jinja2") {
  CHECK(qwen_chat_template() ==
        read_file(testing::golden_path("tokenizer/chat_template.jinja"), 1 << 20));
}

TEST_CASE("what we write reads back") {
  const test::TempFolder folder;
  write_chat_template(folder.path(), {});
  CHECK(read_chat_template(folder.path()).source() == qwen_chat_template());
}

TEST_CASE("templates of the tiny checkpoints are run from their folders") {
  const auto rendered = [](const char* folder) {
    return said_to(read_chat_template(testing::golden_path(folder)), {.text = "x"});
  };
  CHECK(rendered("tiny_qwen") == said_to({}, {.text = "x"}));
  CHECK(rendered("tiny_mimo") ==
        "<|im_start|>system\nYou are MiMo, an AI assistant developed by Xiaomi.<|im_end|>\n"
        "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("ids of the embedded model's prompts are those of jinja2 and tokenizers") {
  const auto folder = std::filesystem::path(VISPLAY_SOURCE_DIR) / "examples/visplay_selfplay/model";
  const ChatTemplate chat = read_chat_template(folder);
  const Tokenizer tokenizer(read_tokenizer_json(folder / "tokenizer.json"));
  const auto golden = testing::golden("chat_templates/embedded.json");
  for (const auto& one : golden.at("prompts")) {
    Prompt prompt{.images = std::vector<ImagePtr>(one.at("images").get<std::size_t>(),
                                                  std::make_shared<Image>()),
                  .text = one.at("text")};
    if (!one.at("system").is_null()) prompt.system = one.at("system").get<std::string>();
    CAPTURE(prompt.text);
    CHECK(encode_chat(tokenizer, chat, prompt,
                      one.at("image_token_counts").get<std::vector<std::int64_t>>()) ==
          one.at("ids").get<std::vector<std::int64_t>>());
  }
}

TEST_CASE("a text-only template gets its content as a text, and takes no images") {
  const ChatTemplate chat(
      read_file(testing::golden_path("data/chat_templates/qwen3.jinja"), 1 << 20), "qwen3.jinja");
  CHECK(said_to(chat, {.system = "s", .text = "x"}) ==
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n");
  CHECK_THROWS_MATCHES(
      chat.render({.images = {std::make_shared<Image>()}, .text = "x"}), Error,
      MessageMatches(ContainsSubstring("qwen3.jinja") && ContainsSubstring("1 images")));
}

TEST_CASE(
    "the places of a folder are tried in transformers' order, and a folder without is named") {
  const test::TempFolder folder;
  const auto put = [&](const char* file, const nlohmann::json& value) {
    replace_file(folder.path() / file, value.dump());
  };
  const auto refused_as = [&](const std::string& why) {
    CHECK_THROWS_MATCHES(read_chat_template(folder.path()), Error,
                         MessageMatches(ContainsSubstring(why)));
  };
  const auto read = [&] { return said_to(read_chat_template(folder.path()), {.text = "x"}); };
  refused_as(folder.path().string());
  put("tokenizer_config.json", {{"chat_template", nullptr}});
  refused_as("got none");
  put("tokenizer_config.json", {{"chat_template", 5}});
  refused_as("tokenizer_config.json");
  put("tokenizer_config.json", {{"chat_template", after("{{ eos_token }}fourth{{ bos_token }} ")},
                                {"eos_token", {{"content", "<|im_end|>"}}},
                                {"bos_token", nullptr}});
  CHECK(read() == "<|im_end|>fourth x");
  replace_file(folder.path() / "chat_template.jinja", after("third "));
  CHECK(read() == "third x");
  put("chat_template.json", {{"chat_template",
                              {{{"name", "tool"}, {"template", "{% nothing %}"}},
                               {{"name", "default"}, {"template", after("second ")}}}}});
  CHECK(read() == "second x");
  put("processor_config.json", {{"chat_template", after("first ")}});
  CHECK(read() == "first x");
  put("processor_config.json", {{"chat_template", "{{ messages | random }}"}});
  refused_as("processor_config.json:1: filter 'random' is not supported");
}
