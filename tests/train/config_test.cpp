#include <visplay/core/error.hpp>
#include <visplay/train/config.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Message;
using Catch::Matchers::MessageMatches;

namespace {

SelfPlayConfig load(const std::vector<std::string>& arguments, const std::string& yaml = "") {
  const auto path = std::filesystem::temp_directory_path() / "visplay_config_test.yaml";
  std::ofstream(path) << yaml;
  return load_self_play_config({.files = {path}, .arguments = arguments}).config;
}

// One column of the table in docs: key and value as text.
using Column = std::vector<std::pair<std::string, std::string>>;

void check_defaults(Mode mode, const Column& column) {
  SelfPlayConfig config = default_config(mode);
  const auto fields = fields_of(config);
  for (const auto& [key, value] : column) {
    CAPTURE(key);
    const auto field = std::ranges::find(fields, key, &Field::key);
    REQUIRE(field != fields.end());
    CHECK(field->texts() == std::vector<std::string>{value});
  }
}

}  // namespace

TEST_CASE("the defaults of each mode are those of the contract") {
  check_defaults(Mode::paper, {{"questioner.steps", "20"},
                               {"questioner.images_per_step", "64"},
                               {"questioner.group_size", "8"},
                               {"questioner.votes", "10"},
                               {"questioner.diversity_weight", "1"},
                               {"label.images", "1000"},
                               {"label.questions_per_image", "1"},
                               {"label.votes", "10"},
                               {"label.low", "0.25"},
                               {"label.high", "0.75"},
                               {"label.margin", "off"},
                               {"label.max_unparsed", "1"},
                               {"reasoner.steps", "20"},
                               {"reasoner.questions_per_step", "64"},
                               {"reasoner.group_size", "8"},
                               {"reasoner.optimizer.learning_rate", "1e-06"},
                               {"reasoner.optimizer.beta2", "0.999"},
                               {"reasoner.optimizer.weight_decay", "0.01"},
                               {"votes.sampling.top_k", "off"},
                               {"votes.sampling.max_new_tokens", "2048"},
                               {"clip.low", "0.2"},
                               {"clip.high", "0.2"},
                               {"clip.dual", "off"},
                               {"kl.coefficient", "0.01"},
                               {"kl.estimator", "k3"},
                               {"kl.reference", "phase_start"},
                               {"advantage.epsilon", "1e-06"}});
  check_defaults(Mode::official, {{"questioner.steps", "40"},
                                  {"questioner.images_per_step", "512"},
                                  {"label.questions_per_image", "8"},
                                  {"label.votes", "9"},
                                  {"label.low", "0.3"},
                                  {"label.high", "0.8"},
                                  {"label.margin", "off"},
                                  {"reasoner.steps", "40"},
                                  {"reasoner.questions_per_step", "512"},
                                  {"reasoner.sampling.top_p", "0.99"},
                                  {"clip.high", "0.3"},
                                  {"clip.dual", "3"}});
  check_defaults(Mode::robust, {{"questioner.steps", "20"},
                                {"label.questions_per_image", "2"},
                                {"label.low", "0.4"},
                                {"label.high", "0.95"},
                                {"label.margin", "0.1"},
                                {"label.max_unparsed", "0.3"},
                                {"reasoner.sampling.top_p", "1"},
                                {"clip.high", "0.28"},
                                {"clip.dual", "off"}});
}

TEST_CASE("an explicit key beats the mode, wherever the mode comes from") {
  CHECK(load({"--mode", "robust"}).label.band.low == 0.4);
  CHECK(load({"--mode", "robust"}, "label: {low: 0.1}").label.band.low == 0.1);
  CHECK(load({"--mode", "paper"}, "mode: robust").label.band.low == 0.25);
  CHECK(load({"--label.margin", "off"}, "mode: robust").label.band.margin == std::nullopt);
}

TEST_CASE("official mode asks for what its gate demands, and clips twice") {
  const auto config = load({"--mode", "official"});
  for (const char* tag : {"<type>", "<question>", "<answer>"})
    CHECK_THAT(config.questioner.prompt, ContainsSubstring(tag));
  CHECK(config.questioner.votes == 10);
  CHECK(config.clip.dual == 3);
  CHECK(load({"--mode", "official", "--clip.dual", "off"}).clip.dual == std::nullopt);
}

TEST_CASE("what is not built yet is refused by name") {
  CHECK_THROWS_MATCHES(load({"--mode", "papr"}), UsageError,
                       Message("mode: expected paper | official | robust, got 'papr' (flag)"));
  CHECK_THROWS_MATCHES(load({"--kl.estimator", "k1"}), UsageError,
                       Message("kl.estimator: k1 is not built yet; k3 is"));
}

TEST_CASE("adapters are off unless lora.rank says otherwise") {
  CHECK(load({}).lora.rank == 0);
  const auto config = load({"--lora.rank", "8", "--lora.targets", "q_proj", "mlp.*", "--dtype",
                            "bfloat16", "--gradient_checkpointing"});
  CHECK(config.lora.rank == 8);
  CHECK(config.lora.targets == std::vector<std::string>{"q_proj", "mlp.*"});
  CHECK(config.dtype == DataType::bfloat16);
  CHECK(config.gradient_checkpointing);
  CHECK_THROWS_AS(load({"--lora.rank", "-1"}), UsageError);
  CHECK_THROWS_AS(load({"--lora.alpha", "0"}), UsageError);
}

TEST_CASE("settings that contradict each other are refused with both keys") {
  CHECK_THROWS_MATCHES(load({"--label.low", "0.8"}), UsageError,
                       Message("label.low 0.8 is above label.high 0.75"));
  CHECK_THROWS_AS(load({"--reasoner.prompt", "answer it"}), UsageError);
  CHECK_THROWS_AS(load({"--reasoner.sampling.temperature", "0"}), UsageError);
  CHECK_THROWS_AS(load({"--questioner.blind_weight", "1"}), UsageError);
  CHECK_THROWS_AS(load({"--mode", "robust", "--questioner.archive_weight", "1"}), UsageError);
  CHECK_THROWS_AS(load({"--clip.dual", "1"}), UsageError);
}

TEST_CASE("the saved config given to --config is the same config") {
  for (const char* mode : {"paper", "official", "robust"}) {
    auto resolved = load_self_play_config(
        {.arguments = {"--mode", mode, "--resume", "--seed", "18446744073709551615",
                       "--sampling.banned_ids", "3,5", "--run", "runs/a b"}});
    const std::string yaml = self_play_yaml(resolved);
    CHECK_THAT(yaml, ContainsSubstring(std::string("# ") + mode + " default"));
    CHECK(differing_keys(load({}, yaml), resolved.config) == std::vector<std::string>{"resume"});
  }
}

TEST_CASE("sampling settings become what an engine is asked for") {
  const auto params = sampling_params({.temperature = 0.5, .top_k = 3}, 8, {1, 2});
  CHECK(params.temperature == 0.5);
  CHECK(params.top_k == 3);
  CHECK(params.n == 8);
  CHECK(params.banned_ids == std::vector<std::int64_t>{1, 2});
  CHECK(sampling_params({}, 1).top_k == 0);
}

TEST_CASE("every key has a help line") {
  SelfPlayConfig config;
  for (const Field& field : fields_of(config)) {
    CAPTURE(field.key);
    CHECK_FALSE(field.help.empty());
    CHECK_FALSE(field.help.ends_with('.'));
  }
}
