// visplay_selfplay: the whole loop. A vision-language model teaches itself on images that carry no
// labels. Without arguments: a small embedded model on pictures of the procedural world.
//
//   visplay_selfplay
//   visplay_selfplay --model Qwen2.5-VL-3B-Instruct --images photos/ --run runs/photos
#include "common/model_options.hpp"
#include "common/program.hpp"
#include "common/screen.hpp"
#include "visplay_selfplay/demo_images.hpp"
#include "visplay_selfplay/run_state.hpp"

#include <visplay/curriculum/mode_rules.hpp>
#include <visplay/eval/world_benchmark.hpp>
#include <visplay/io/checkpoint_store.hpp>
#include <visplay/io/image_source.hpp>
#include <visplay/io/run_folder.hpp>
#include <visplay/report/terminal.hpp>
#include <visplay/report/time_left.hpp>
#include <visplay/train/self_play.hpp>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <thread>

using namespace visplay;

namespace {

namespace fs = std::filesystem;

constexpr ProgramInfo info{
    .name = "visplay_selfplay",
    .summary = "a vision-language model teaches itself on images without labels (VisPlay)",
    .examples =
        "  visplay_selfplay                                   the embedded demo\n"
        "  visplay_selfplay --model DIR --images DIR --run DIR\n"
        "  visplay_selfplay --run DIR --resume",
    .strict_environment = true};

// Everything of a run that is on disk or on the screen.
class Session {
 public:
  Session(const Resolved<SelfPlayConfig>& resolved, int threads)
      : config_(resolved.config),
        identity_(run_identity(config_, threads)),
        run_(config_.run, config_.resume ? RunFolder::Open::resume : RunFolder::Open::fresh),
        store_(run_.checkpoints()),
        screen_(stdout, screen_style(stdout)) {
    if (config_.resume) find_checkpoint();
    replace_file(run_.config(), self_play_yaml(resolved));
    metrics_.emplace(run_.metrics(), state_.metrics);
    samples_.emplace(run_.samples(), state_.samples);
  }

  int run(const QwenPolicy& base) {
    const bool demo_images = config_.images.empty();
    const fs::path images = demo_images ? run_.images() : fs::path(config_.images);
    if (demo_images) make_demo_images(images, config_.demo.images, config_.seed);
    const ImageSource source(images);
    truth_ = read_scene_truth(images);
    SelfPlay play(config_, base, {source.size(), [&](std::size_t i) { return source.load(i); }});
    show({{"model", base.assets().folder.string()},
          {"images", fmt::format("{} in {}", source.size(), images.string())},
          {"run", run_.path().string()},
          {"seed", fmt::format("{}, {} threads", config_.seed, at::get_num_threads())}});
    if (config_.dry_run) return 0;
    plan();
    if (latest_) {
      restore_policy(play.questioner(), latest_->folder / "questioner");
      restore_policy(play.reasoner(), latest_->folder / "reasoner");
      screen_.note(fmt::format("resumed after iteration {}", state_.iteration));
    } else {
      evaluate(play, 0);
    }
    return iterate(play);
  }

 private:
  int iterate(SelfPlay& play) {
    for (int k = state_.iteration + 1; k <= config_.iterations; ++k) {
      iteration_ = k;
      const auto untrained = play.questioner().clone();
      const auto frozen = play.reasoner().clone();
      try {
        play.iterate(k, observer(play));
      } catch (const Stopped&) {
        screen_.end_phase();
        screen_.note(fmt::format("stopped; --resume continues after iteration {}", k - 1));
        return stop_code();
      }
      screen_.end_phase();
      compare_questioners(play, untrained, frozen);
      if (k == config_.iterations || k % config_.eval.every == 0) evaluate(play, k);
      commit(play, k);
    }
    screen_.summary(summary_);
    const auto model = run_.checkpoints() / checkpoint_name(config_.iterations) / "reasoner";
    show({{"run", run_.path().string()}, {"model", model.string()}});
    return 0;
  }

  SelfPlayObserver observer(const SelfPlay&) {
    return {.step =
                [this](std::string_view phase, int step, int steps, const Metrics& metrics) {
                  if (const double* spent = find_metric(metrics, metric::time_step))
                    left_.step_done(phase, *spent);
                  log(phase, step, metrics);
                  screen_.step({.iteration = iteration_,
                                .iterations = config_.iterations,
                                .phase = std::string(phase),
                                .step = step,
                                .steps = steps,
                                .metrics = metrics,
                                .seconds = seconds(),
                                .seconds_left = left_.seconds()});
                },
            .question =
                [this](std::string_view phase, int step, const JudgedQuestion& question) {
                  const auto record = record_of(phase, step, question);
                  samples_->write(question_record(record));
                  if (phase == "questioner" || question.kept()) screen_.question(record);
                },
            .labelled =
                [this](std::span<const JudgedQuestion> questions, Metrics& metrics) {
                  label_truth_.clear();
                  if (truth_.empty()) return;
                  label_truth_ = label_truth(questions, truth_);
                  metrics.insert(metrics.end(), label_truth_.begin(), label_truth_.end());
                },
            .stop = [] { return stop_requested() != 0; }};
  }

  QuestionRecord record_of(std::string_view phase, int step, const JudgedQuestion& judged) const {
    QuestionRecord record{
        .iteration = iteration_,
        .phase = std::string(phase),
        .step = step,
        .image = judged.voted.asked.image->source,
        .question = judged.voted.asked.question.text,
        .label = judged.voted.label.answer,
        .confidence = judged.voted.label.confidence(),
        .kept = phase == "label" && judged.kept(),
        .reason = std::string(judged.balanced_away ? "balanced_away" : name_of(judged.verdict))};
    if (phase != "label") record.reason = "reward";
    for (std::size_t v = 0; v < judged.voted.votes.size(); ++v)
      record.votes.push_back({judged.voted.completions[v].text, judged.voted.votes[v].kind,
                              judged.voted.votes[v].answer});
    return record;
  }

  // Accuracy on test questions, where the images are of the world whose truth is known.
  void evaluate(SelfPlay& play, int iteration) {
    if (truth_.empty() || config_.eval.questions == 0) return;
    const WorldBenchmark benchmark{.questions = config_.eval.questions,
                                   .first_seed = config_.eval.first_seed,
                                   .reasoner = config_.reasoner,
                                   .sampling = config_.votes.sampling,
                                   .banned_ids = play.banned_ids()};
    auto metrics = benchmark(play.reasoner(), Rng(config_.seed).fork("eval", iteration));
    metrics.insert(metrics.end(), label_truth_.begin(), label_truth_.end());
    metrics.insert(metrics.end(), questioner_truth_.begin(), questioner_truth_.end());
    iteration_ = iteration;
    log("eval", iteration, metrics);
    summary_.push_back({iteration ? fmt::format("{}", iteration) : "base", metrics});
  }

  // How difficult the questions of the trained and of the untrained Questioner are to the Reasoner
  // that the phase was played against. Needs no truth.
  void compare_questioners(SelfPlay& play, const QwenPolicy& untrained, const QwenPolicy& frozen) {
    questioner_truth_.clear();
    if (truth_.empty() || config_.eval.questions == 0) return;
    std::vector<ImagePtr> images;
    for (int i = 0; i < config_.eval.questions / 4; ++i)
      images.push_back(std::make_shared<const Image>(
          world::render(world::make_scene(config_.eval.first_seed + std::uint64_t(i)))));
    const auto difficulty = [&](const QwenPolicy& questioner) {
      const Rng rng = Rng(config_.seed).fork("compare", iteration_);
      auto pool = ask(questioner, config_.questioner, rules_of(config_.mode).parse,
                      sampling_params(config_.questioner.sampling, 2, play.banned_ids()), images,
                      rng.fork("ask"));
      double sum = 0;
      const auto voted =
          vote(frozen, config_.reasoner,
               sampling_params(config_.votes.sampling, config_.questioner.votes, play.banned_ids()),
               std::move(pool.questions), rng.fork("votes"));
      for (const auto& v : voted) sum += 1 - std::abs(2 * v.label.confidence() - 1);
      return voted.empty() ? 0. : sum / double(voted.size());
    };
    questioner_truth_ = {
        {std::string(metric::eval_difficulty_trained), difficulty(play.questioner())},
        {std::string(metric::eval_difficulty_untrained), difficulty(untrained)}};
  }

  void show(const std::vector<std::pair<std::string, std::string>>& facts) { screen_.facts(facts); }

  static std::string checkpoint_name(int iteration) {
    return fmt::format("iteration-{:02}", iteration);
  }

  void commit(SelfPlay& play, int iteration) {
    state_ = {iteration, metrics_->position(), samples_->position(), identity_};
    store_.commit({.name = checkpoint_name(iteration), .sequence = iteration},
                  [&](const fs::path& folder) {
                    save_policy(play.questioner(), folder / "questioner", {.sync = false});
                    save_policy(play.reasoner(), folder / "reasoner", {.sync = false});
                    fs::create_directories(folder / "trainer");
                    save_run_state(folder / "trainer" / "state.json", state_);
                  });
  }

  void find_checkpoint() {
    latest_ = store_.latest_complete();
    if (!latest_) return;
    state_ = load_run_state(latest_->folder / "trainer" / "state.json");
    check(state_.identity == identity_ || config_.allow_identity_change,
          "{}: the run was made by \"{}\", this is \"{}\": results would differ; "
          "--allow-identity-change continues all the same",
          run_.path().string(), state_.identity, identity_);
  }

  void plan() {
    left_ =
        TimeLeft({{"questioner", config_.iterations * config_.questioner.steps,
                   double(config_.questioner.images_per_step * config_.questioner.group_size *
                          (config_.questioner.votes + 2))},
                  {"label", config_.iterations,
                   double(config_.label.images * config_.label.questions_per_image *
                          (config_.label.votes + 1))},
                  {"reasoner", config_.iterations * config_.reasoner.steps,
                   double(config_.reasoner.questions_per_step * config_.reasoner.group_size * 3)}});
  }

  void log(std::string_view phase, int step, const Metrics& metrics) {
    metrics_->write(metrics_record(iteration_, phase, step, metrics));
  }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  const SelfPlayConfig& config_;
  std::string identity_;
  RunFolder run_;
  CheckpointStore store_;
  Terminal screen_;
  RunState state_;
  std::optional<Checkpoint> latest_;
  std::optional<JsonlLog> metrics_, samples_;
  SceneTruth truth_;
  Metrics label_truth_, questioner_truth_;
  std::vector<IterationView> summary_;
  TimeLeft left_;
  int iteration_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// The demo's settings stand below everything the user says, and only for the embedded model.
void add_demo_settings(ConfigSources& sources, SelfPlayConfig& shown) {
  const auto settings = gather_settings(sources, fields_of(shown));
  const auto* model = find_setting(settings, "model");
  if (model && !model->texts.empty() && !model->texts.front().empty()) return;
  sources.files.insert(sources.files.begin(), data_folder() / "demo.yaml");
}

int selfplay(int argc, char** argv) {
  SelfPlayConfig shown;
  auto sources = program_sources(argc, argv, info, fields_of(shown));
  if (!sources) return 0;
  add_demo_settings(*sources, shown);
  auto resolved = load_self_play_config(*sources);
  auto& config = resolved.config;
  if (config.device != Device::cpu) throw UsageError("device: cuda is not built yet; cpu is");
  if (config.run.empty()) {
    if (config.resume) throw UsageError("resume: --run names the run folder to continue");
    config.run = next_run_folder("runs").string();
  }
  const int threads = config.threads ? config.threads : int(std::thread::hardware_concurrency());
  at::set_num_threads(threads);
  // What can be wrong with the inputs is said before a run folder is made.
  const auto base =
      load_policy(config.model.empty() ? data_folder() / "model" : fs::path(config.model),
                  scalar_type(config.dtype));
  if (!config.images.empty()) (void)ImageSource(config.images).load(0);
  return Session(resolved, threads).run(base);
}

}  // namespace

int main(int argc, char** argv) {
  visplay::detail::watch_stop_signals();
  return run_guarded(info.name, [&] { return selfplay(argc, argv); });
}
