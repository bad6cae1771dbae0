// visplay_make_model: makes the embedded base model of the self-play demo from labelled pictures of
// the procedural world. README.md beside this file says how it was called and what came out.
//
//   1. a byte-level BPE vocabulary from the world's text
//   2. the vision tower learns colors and shapes cell by cell (two linear heads, thrown away)
//   3. supervised fine-tuning on careful answers and on questions
//   4. supervised fine-tuning on the mixture of both habits
#include <visplay/eval/world_benchmark.hpp>
#include <visplay/io/chat_template_file.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/model/qwen2_5_vl/initial_weights.hpp>
#include <visplay/text/bpe_trainer.hpp>
#include <visplay/train/schedule.hpp>
#include <visplay/train/sft.hpp>
#include <visplay/world/annotator.hpp>
#include <visplay/world/render.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace visplay;

namespace {

struct Settings {
  std::filesystem::path out = "model";
  std::uint64_t seed = 1;
  int images = 32;         // per step
  int questions = 4;       // per image
  int warmup_steps = 600;  // vision heads; 64 images each
  int careful_steps = 1500;
  int mixture_steps = 250;
  double warmup_rate = 2e-3, careful_rate = 1.5e-3, mixture_rate = 5e-4;
  double careful_share = 0.35;
  float question_weight = 4, answer_weight = 8;  // of their tokens in the loss
  // Share of such questions among the careful lessons and in the mixture, whose questions the
  // Questioner learns to write.
  double careful_false_premise = 0.25, mixture_false_premise = 0.11;
  // Stronger than the default, and half of its "none" and "many" are guesses: errors that scatter.
  world::HastyNoise noise{
      .recolor = 0.52, .reshape = 0.52, .move = 0.37, .miss = 0.15, .refuse = 0.5};
  std::int64_t hidden = 128, layers = 4, vision_hidden = 64, vision_depth = 4;
};

// Pictures of labelled training come from the lower half of the training seeds; the demo's
// unlabeled pictures from the upper half.
std::uint64_t labelled_seed(Rng& rng) { return rng.below(world::test_seeds / 2); }

struct Picture {
  world::Scene scene;
  ImagePtr image;
};

Picture draw_picture(Rng& rng) {
  auto scene = world::make_scene(labelled_seed(rng));
  auto image = std::make_shared<const Image>(world::render(scene));
  return {std::move(scene), std::move(image)};
}

Vocabulary make_vocabulary(const Settings& settings) {
  WordCounts words;
  const ChatTemplate chat;
  Rng rng = Rng(settings.seed).fork("vocabulary");
  for (int i = 0; i < 4000; ++i) {
    const auto scene = world::make_scene(labelled_seed(rng));
    const auto lesson = world::random_lesson(scene, rng.fork("lesson", i));
    for (const auto& piece : chat.render({.text = lesson.prompt})) count_words(words, piece.text);
    count_words(words, lesson.completion);
  }
  auto vocabulary = train_bpe(words, {.size = 512});
  add_qwen_tokens(vocabulary);
  return vocabulary;
}

ModelConfig make_config(const Settings& settings, const Tokenizer& tokenizer) {
  ModelConfig config;
  config.text = {.hidden_size = settings.hidden,
                 .num_layers = settings.layers,
                 .num_heads = settings.hidden / 32,
                 .num_kv_heads = settings.hidden / 64,
                 .intermediate_size = settings.hidden * 3,
                 .vocab_size = (tokenizer.size() + 15) / 16 * 16,
                 .max_position_embeddings = 4096,
                 .rms_norm_eps = 1e-6,
                 .rope_theta = 1e4,
                 .mrope_section = {4, 6, 6},
                 .tie_word_embeddings = true};
  config.vision.depth = settings.vision_depth;
  config.vision.hidden_size = settings.vision_hidden;
  config.vision.num_heads = settings.vision_hidden / 16;
  config.vision.intermediate_size = settings.vision_hidden * 5 / 2;
  config.vision.out_hidden_size = settings.hidden;
  config.vision.fullatt_block_indexes = {settings.vision_depth - 1};
  config.tokens = {.bos = tokenizer.id_of("<|endoftext|>"),
                   .vision_start = tokenizer.id_of("<|vision_start|>"),
                   .vision_end = tokenizer.id_of("<|vision_end|>"),
                   .vision_pad = tokenizer.id_of("<|vision_pad|>"),
                   .image = tokenizer.id_of("<|image_pad|>"),
                   .video = tokenizer.id_of("<|video_pad|>")};
  config.eos_ids = {tokenizer.id_of("<|im_end|>"), tokenizer.id_of("<|endoftext|>")};
  return config;
}

void write_folder(const Settings& settings) {
  std::filesystem::create_directories(settings.out);
  const auto vocabulary = make_vocabulary(settings);
  const auto config = make_config(settings, Tokenizer(vocabulary));
  write_tokenizer_json(settings.out / "tokenizer.json", vocabulary);
  write_tokenizer_config(settings.out / "tokenizer_config.json", {.model_max_length = 4096});
  write_chat_template(settings.out, {});
  replace_file(settings.out / "config.json", model_config_json(config));
  replace_file(settings.out / "generation_config.json", generation_config_json(config));
  replace_file(settings.out / "preprocessor_config.json",
               R"({
  "do_convert_rgb": true,
  "do_normalize": true,
  "do_rescale": true,
  "do_resize": true,
  "image_mean": [0.48145466, 0.4578275, 0.40821073],
  "image_processor_type": "Qwen2VLImageProcessor",
  "image_std": [0.26862954, 0.26130258, 0.27577711],
  "max_pixels": 1003520,
  "merge_size": 2,
  "min_pixels": 3136,
  "patch_size": 14,
  "processor_class": "Qwen2_5_VLProcessor",
  "resample": 3,
  "rescale_factor": 0.00392156862745098,
  "temporal_patch_size": 2
}
)");
  std::filesystem::remove(settings.out / "model.safetensors");
  write_new_weights(settings.out, config, Rng(settings.seed).fork("weights"));
}

// Teaches the tower to say, cell by cell, which color and which shape stands there.
void warm_up_vision(QwenPolicy& policy, const Settings& settings) {
  constexpr int images = 64, cells = 9, colors = 7, shapes = 6;  // the last class: nothing there
  const auto& config = policy.assets().config;
  Weights heads({{"color", at::randn({colors, config.text.hidden_size}).mul_(0.05)},
                 {"shape", at::randn({shapes, config.text.hidden_size}).mul_(0.05)}});
  const AdamWSettings adamw{.beta2 = 0.99, .weight_decay = 0.01, .max_grad_norm = 1};
  AdamW tower(policy.weights(), adamw, [](auto name) { return name.starts_with("visual."); });
  AdamW head_optimizer(heads, adamw);
  const LinearSchedule rate{settings.warmup_rate, settings.warmup_steps, 50, 0.02};
  double right_color = 0, right_shape = 0;
  for (int step = 0; step < settings.warmup_steps; ++step) {
    Rng rng = Rng(settings.seed).fork("warm-up", step);
    std::vector<ImagePtr> pictures;
    std::vector<std::int64_t> color(images * cells, colors - 1), shape(images * cells, shapes - 1);
    for (int i = 0; i < images; ++i) {
      const auto picture = draw_picture(rng);
      pictures.push_back(picture.image);
      for (const auto& object : picture.scene.objects) {
        color[i * cells + int(object.place)] = int(object.color);
        shape[i * cells + int(object.place)] = int(object.shape);
      }
    }
    const auto processed = policy.assets().processor(pictures);
    const auto pixels =
        to_tensor(processed.pixel_values).view({-1, policy.assets().processor.patch_dim()});
    tower.zero_grad(), head_optimizer.zero_grad();
    const auto features = policy.model().vision()(pixels, processed.grid_thw);
    // The decoder reads features through an RMS norm: so do the heads.
    const auto seen = rms_norm(features, at::ones({config.text.hidden_size}), 1e-6);
    const auto color_logits = at::linear(seen, heads.at("color")),
               shape_logits = at::linear(seen, heads.at("shape"));
    const auto color_truth = to_tensor(color), shape_truth = to_tensor(shape);
    const auto loss = at::cross_entropy_loss(color_logits, color_truth) +
                      at::cross_entropy_loss(shape_logits, shape_truth);
    loss.backward();
    tower.step(rate(step)), head_optimizer.step(rate(step));
    const auto occupied = color_truth.ne(colors - 1);
    const auto share = [&](const at::Tensor& logits, const at::Tensor& truth) {
      return logits.argmax(1)
          .eq(truth)
          .masked_select(occupied)
          .to(at::kFloat)
          .mean()
          .item<double>();
    };
    right_color = 0.98 * right_color + 0.02 * share(color_logits, color_truth);
    right_shape = 0.98 * right_shape + 0.02 * share(shape_logits, shape_truth);
    if ((step + 1) % 100 == 0)
      std::printf("warm-up %5d  loss %.4f  color %.3f  shape %.3f\n", step + 1, loss.item<double>(),
                  right_color, right_shape),
          std::fflush(stdout);
  }
  policy.weights().require_gradients(false);
}

// Weight of each completion token. The repeated question and the answer are few tokens beside the
// list, and take longer to learn.
at::Tensor token_weights(const QwenPolicy& policy, const ModelBatch& batch,
                         const Settings& settings) {
  const auto& assets = policy.assets();
  const auto id_of = [&](std::string_view text) {
    return assets.tokenizer.encode_plain(text).back();
  };
  const auto stop = id_of("."), boxed = assets.tokenizer.encode_plain(">\\boxed{").at(1);
  const auto ids = to_vector<std::int64_t>(batch.targets);
  std::vector<float> weights;
  for (std::size_t c = 1; c < batch.completion_offsets.size(); ++c) {
    enum { list, question, answer } part = list;
    for (auto at = batch.completion_offsets[c - 1]; at < batch.completion_offsets[c]; ++at) {
      const auto id = ids[std::size_t(at)];
      weights.push_back(part == list       ? 1.f
                        : part == question ? settings.question_weight
                                           : settings.answer_weight);
      if (part == list && id == stop) part = question;
      if (id == boxed) part = answer;
    }
  }
  return to_tensor(weights);
}

// Lessons on fresh pictures; each picture's lessons stand next to each other and share its encoding.
void teach(QwenPolicy& policy, const Settings& settings, const char* stage, int steps, double rate,
           const world::LessonMix& mix) {
  AdamW optimizer(policy.weights(), {.beta2 = 0.99, .weight_decay = 0.01, .max_grad_norm = 1});
  const LinearSchedule schedule{rate, steps, std::min(50, steps / 10), 0.02};
  const auto start = std::chrono::steady_clock::now();
  double mean = 0;
  for (int step = 0; step < steps; ++step) {
    Rng rng = Rng(settings.seed).fork(stage, step);
    std::vector<SftExample> examples;
    for (int i = 0; i < settings.images; ++i) {
      const auto picture = draw_picture(rng);
      for (int q = 0; q < settings.questions; ++q) {
        auto lesson = world::random_lesson(picture.scene, Rng(rng()), mix);
        examples.push_back({{.images = {picture.image}, .text = std::move(lesson.prompt)},
                            std::move(lesson.completion)});
      }
    }
    const auto report =
        sft_step(policy, optimizer, examples, schedule(step), true,
                 [&](const ModelBatch& batch) { return token_weights(policy, batch, settings); });
    mean = step ? 0.98 * mean + 0.02 * report.loss : report.loss;
    if ((step + 1) % 50 == 0 || step + 1 == steps) {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      std::printf("%s %5d  loss %.4f  %.2f s/step\n", stage, step + 1, mean,
                  spent.count() / (step + 1));
      std::fflush(stdout);
    }
    if ((step + 1) % 500 == 0) save_policy(policy, settings.out);
  }
  policy.weights().require_gradients(false);
}

// Accuracy on tuning scenes, which no model is trained or reported on.
void evaluate(const QwenPolicy& policy, std::string_view what) {
  const WorldBenchmark benchmark{.questions = 400,
                                 .first_seed = world::tuning_seeds,
                                 .reasoner = {.prompt = "{question}"},
                                 .sampling = {.max_new_tokens = 64}};
  for (const auto& [name, value] : benchmark(policy, Rng(7)))
    std::printf("%s  %-34s %5.1f %%\n", std::string(what).c_str(), name.c_str(), 100 * value);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  CLI::App app("makes the embedded base model of the self-play demo");
  std::string from, out = s.out.string(), evaluated;
  app.add_option("--out", out, "folder to write")->capture_default_str();
  app.add_option("--from", from, "start from this folder and skip tokenizer and warm-up");
  app.add_option("--evaluate", evaluated, "only score this folder on tuning scenes");
  app.add_option("--seed", s.seed)->capture_default_str();
  app.add_option("--images", s.images, "pictures a step")->capture_default_str();
  app.add_option("--questions", s.questions, "lessons a picture")->capture_default_str();
  app.add_option("--warmup-steps", s.warmup_steps)->capture_default_str();
  app.add_option("--careful-steps", s.careful_steps)->capture_default_str();
  app.add_option("--mixture-steps", s.mixture_steps)->capture_default_str();
  app.add_option("--careful-rate", s.careful_rate)->capture_default_str();
  app.add_option("--mixture-rate", s.mixture_rate)->capture_default_str();
  app.add_option("--careful-share", s.careful_share, "of answers in the mixture")
      ->capture_default_str();
  app.add_option("--question-weight", s.question_weight)->capture_default_str();
  app.add_option("--answer-weight", s.answer_weight)->capture_default_str();
  app.add_option("--careful-false-premise", s.careful_false_premise)->capture_default_str();
  app.add_option("--mixture-false-premise", s.mixture_false_premise)->capture_default_str();
  app.add_option("--hidden", s.hidden)->capture_default_str();
  app.add_option("--layers", s.layers)->capture_default_str();
  app.add_option("--vision-hidden", s.vision_hidden)->capture_default_str();
  app.add_option("--vision-depth", s.vision_depth)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  s.out = out;
  try {
    if (!evaluated.empty()) return evaluate(load_policy(evaluated), evaluated), 0;
    if (from.empty()) write_folder(s);
    auto policy = load_policy(from.empty() ? s.out : std::filesystem::path(from));
    if (from.empty()) warm_up_vision(policy, s), save_policy(policy, s.out);
    if (s.careful_steps)
      teach(policy, s, "careful", s.careful_steps, s.careful_rate,
            {.careful = 0.85,
             .hasty = 0,
             .questioner = 0.15,
             .false_premise = s.careful_false_premise,
             .noise = {}});
    std::filesystem::create_directories(s.out);
    save_policy(policy, s.out / "careful");
    evaluate(policy, "careful");
    if (s.mixture_steps)
      teach(policy, s, "mixture", s.mixture_steps, s.mixture_rate,
            {.careful = 0.75 * s.careful_share,
             .hasty = 0.75 * (1 - s.careful_share),
             .questioner = 0.25,
             .false_premise = s.mixture_false_premise,
             .noise = s.noise});
    save_policy(policy, s.out);
    evaluate(policy, "base");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "visplay_make_model: %s\n", error.what());
    return 1;
  }
}
