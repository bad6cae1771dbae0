#include <visplay/core/error.hpp>
#include <visplay/io/chat_template_file.hpp>
#include <visplay/io/durable_file.hpp>

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

/// A template of the family in the style of Qwen2.5's: expressions and string literals.
std::string with_literals(const std::string& opening, const std::string& assistant) {
  return "{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content "
         "+ '<|im_end|>\\n' }}{%- else %}" +
         opening +
         "{%- endif %}{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}"
         "{{- '<|vision_start|><|image_pad|><|vision_end|>' }}{{- '<|im_end|>\\n' }}{%- endfor %}"
         "{%- if add_generation_prompt %}{{- '" +
         assistant + "' }}{%- endif %}";
}

const std::string answer = "<|im_start|>assistant\\n";

void refused(const std::string& jinja) {
  CHECK_THROWS_MATCHES(
      parse_chat_template(jinja, "x.jinja"), Error,
      MessageMatches(ContainsSubstring("x.jinja") && ContainsSubstring("ChatML family")));
}

}  // namespace

TEST_CASE("our template's Jinja is the one that the golden script renders under jinja2") {
  CHECK(jinja_of({}) == read_file(testing::golden_path("tokenizer/chat_template.jinja"), 1 << 20));
}

TEST_CASE("what we write reads back") {
  for (const ChatTemplate& chat :
       {ChatTemplate{}, ChatTemplate{.default_system = std::nullopt},
        ChatTemplate{.default_system = "It's \"so\"\\\n  two lines, é {{ x }} {% y %}"},
        ChatTemplate{.assistant_start = "<think>\n"}, ChatTemplate{.images = false}}) {
    const test::TempFolder folder;
    write_chat_template(folder.path(), chat);
    CHECK(read_chat_template(folder.path()) == chat);
  }
}

TEST_CASE("templates of the tiny checkpoints are read from their folders") {
  CHECK(read_chat_template(testing::golden_path("tiny_qwen")) == ChatTemplate{});
  CHECK(read_chat_template(testing::golden_path("tiny_mimo")) ==
        ChatTemplate{.default_system = "You are MiMo, an AI assistant developed by Xiaomi."});
}

TEST_CASE("the default system text is found where the template writes it out") {
  CHECK(parse_chat_template(with_literals("", answer), "x").default_system == std::nullopt);
  CHECK(parse_chat_template(
            with_literals("{{- '<|im_start|>system\\nYou\\'re Qwen.<|im_end|>\\n' }}", answer), "x")
            .default_system == "You're Qwen.");
}

TEST_CASE("what opens the assistant's turn is kept, the switch for no thinking is not") {
  CHECK(parse_chat_template(with_literals("", answer + "<think>\\n"), "x").assistant_start ==
        "<think>\n");
  const std::string off =
      "' }}{%- if enable_thinking is defined and enable_thinking is false %}"
      "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{{- '";
  CHECK(parse_chat_template(with_literals("", answer + off), "x").assistant_start.empty());
}

TEST_CASE("the template of Qwen3's own file is a text-only member of the family") {
  const auto folder = testing::shared_path("data/qwen-tokenizer");
  if (!std::filesystem::exists(folder)) SKIP("needs ../shared/data/qwen-tokenizer");
  CHECK(read_chat_template(folder) ==
        ChatTemplate{.default_system = std::nullopt, .images = false});
}

TEST_CASE("a template of another family is refused by its file's name") {
  refused("");
  refused("[INST] {{ messages[0]['content'] }} [/INST]");
  refused("{% if add_generation_prompt %}<|im_start|><|im_end|>{% endif %}");
  refused(with_literals("", "<|im_start|>assistant "));
  refused(with_literals("{% set text = 'You are hidden.' %}", answer));
  refused(with_literals("", answer + "' }}{%- if x %}{%- else %}{{- '<think>"));
  refused(with_literals("", answer + "' }}{{ more }}{{ '"));
  refused(with_literals("{{ x | trim }}", answer));
  refused(
      with_literals("{{- '<|im_start|>system\\nA<|im_end|>' }}"
                    "{{- '<|im_start|>system\\nB<|im_end|>' }}",
                    answer));
  refused(with_literals("{{- '<|im_start|>system\\nA\\x41<|im_end|>' }}", answer));
}

TEST_CASE("the places of a folder are tried in order, and a folder without one is named") {
  const test::TempFolder folder;
  const auto put = [&](const char* file, const std::string& text) {
    replace_file(folder.path() / file, text);
  };
  const auto refused_as = [&](const std::string& why) {
    CHECK_THROWS_MATCHES(read_chat_template(folder.path()), Error,
                         MessageMatches(ContainsSubstring(why)));
  };
  const auto of = [](const char* system) { return jinja_of({.default_system = system}); };
  refused_as(folder.path().string());
  put("tokenizer_config.json", R"({"chat_template": null})");
  refused_as("got none");
  put("tokenizer_config.json", R"({"chat_template": 5})");
  refused_as("tokenizer_config.json");
  put("tokenizer_config.json", nlohmann::json{{"chat_template", of("third")}}.dump());
  CHECK(read_chat_template(folder.path()).default_system == "third");
  put("chat_template.json", nlohmann::json{{"chat_template",
                                            {{{"name", "tool"}, {"template", "x"}},
                                             {{"name", "default"}, {"template", of("second")}}}}}
                                .dump());
  CHECK(read_chat_template(folder.path()).default_system == "second");
  put("chat_template.jinja", of("first"));
  CHECK(read_chat_template(folder.path()).default_system == "first");
}
