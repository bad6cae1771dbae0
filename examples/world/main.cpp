// visplay_world: pictures of the procedural world as PNG files, their hidden truth and labelled lines.
//
//   visplay_world --out pictures --seed 1000000 --count 100
//
// Writes scene-SEED.png for the seeds from --seed on, truth.jsonl (for evaluation alone) and, unless
// --lines is 0, sft.jsonl: {"image", "prompt", "completion"} lines for visplay_sft.
#include <visplay/core/error.hpp>
#include <visplay/io/image_codec.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/truth_file.hpp>
#include <visplay/world/annotator.hpp>
#include <visplay/world/render.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#ifndef VISPLAY_VERSION
#define VISPLAY_VERSION "unversioned"
#endif

namespace {

using namespace visplay;
namespace fs = std::filesystem;

struct Settings {
  fs::path out;
  std::uint64_t seed = 0;
  std::uint64_t count = 100;
  int lines = 3;
  int noise = world::RenderOptions{}.noise;
  std::string pairs = "seen";
  world::LessonMix mix;
};

void declare(CLI::App& app, Settings& s) {
  const CLI::Range share(0., 1.);
  app.set_help_flag("--help", "Print this and exit");
  app.set_version_flag("--version", "visplay_world " VISPLAY_VERSION);
  app.add_option("--out", s.out, "Folder to write; made if absent")->required();
  app.add_option(
         "--seed", s.seed,
         "World seed of the first picture; the others follow. Below 1000000: training, from "
         "there: test, from 2000000: tuning")
      ->capture_default_str();
  app.add_option("--count", s.count, "Pictures")
      ->check(CLI::Range(std::uint64_t(1), std::uint64_t(10'000'000)))
      ->capture_default_str();
  app.add_option("--pairs", s.pairs,
                 "Color-shape pairs in the pictures: seen, unseen (at least one of the six that "
                 "labelled pictures never show) or any")
      ->check(CLI::IsMember({"seen", "unseen", "any"}))
      ->capture_default_str();
  app.add_option("--noise", s.noise, "Standard deviation of the pixel noise, levels")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  app.add_option("--lines", s.lines, "Labelled lines a picture; 0: no sft.jsonl")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  const CLI::Range weight(0., 1e6);
  app.add_option("--careful", s.mix.careful, "Weight of the annotator that looks, then answers")
      ->check(weight)
      ->capture_default_str();
  app.add_option("--hasty", s.mix.hasty,
                 "Weight of the annotator that answers at once, often wrong")
      ->check(weight)
      ->capture_default_str();
  app.add_option("--questioner", s.mix.questioner, "Weight of the annotator that asks")
      ->check(weight)
      ->capture_default_str();
  app.add_option("--false-premise,--false_premise", s.mix.false_premise,
                 "Share of questions about what is absent or there several times")
      ->check(CLI::Range(0., 0.75))
      ->capture_default_str();
  app.add_option("--noise.recolor", s.mix.noise.recolor, "Hasty: the color is drawn again")
      ->check(share)
      ->capture_default_str();
  app.add_option("--noise.reshape", s.mix.noise.reshape, "Hasty: the shape is drawn again")
      ->check(share)
      ->capture_default_str();
  app.add_option("--noise.move", s.mix.noise.move, "Hasty: it seems to be elsewhere")
      ->check(share)
      ->capture_default_str();
  app.add_option("--noise.miss", s.mix.noise.miss, "Hasty: it is not seen")
      ->check(share)
      ->capture_default_str();
  app.add_option("--noise.refuse", s.mix.noise.refuse, "Hasty: none and many are said, not guessed")
      ->check(share)
      ->capture_default_str();
}

/// A text file that must not be there yet; its end is checked, so a full disk is an error.
class LineFile {
 public:
  explicit LineFile(fs::path path) : path_(std::move(path)) {
    check(!fs::exists(path_), "{}: is already there, expected a folder without it", path_.string());
    file_.open(path_);
    check(file_.is_open(), "{}: cannot be written", path_.string());
  }
  void write(const std::string& line) { file_ << line << '\n'; }
  void close() {
    file_.close();
    check(!file_.fail(), "{}: cannot be written", path_.string());
  }

 private:
  fs::path path_;
  std::ofstream file_;
};

std::string sft_line(const std::string& image, const world::Lesson& lesson) {
  return write_json(
      OrderedJson{{"image", image}, {"prompt", lesson.prompt}, {"completion", lesson.completion}});
}

world::Pairs pairs_named(const std::string& name) {
  if (name == "any") return world::Pairs::any;
  return name == "unseen" ? world::Pairs::unseen : world::Pairs::seen;
}

void write_world(const Settings& s) {
  std::error_code problem;
  fs::create_directories(s.out, problem);
  check(!problem, "{}: cannot be made: {}", s.out.string(), problem.message());
  LineFile truth(s.out / "truth.jsonl");
  std::optional<LineFile> lessons;
  if (s.lines > 0) lessons.emplace(s.out / "sft.jsonl");
  for (std::uint64_t seed = s.seed; seed < s.seed + s.count; ++seed) {
    const world::Scene scene = world::make_scene(seed, {.pairs = pairs_named(s.pairs)});
    const std::string name = fmt::format("scene-{:07}.png", seed);
    write_png(s.out / name, world::render(scene, {.noise = s.noise}));
    truth.write(truth_line({.image = name, .scene = scene}));
    for (std::uint64_t i = 0; lessons && i < std::uint64_t(s.lines); ++i)
      lessons->write(
          sft_line(name, world::random_lesson(scene, Rng(seed).fork("lesson", i), s.mix)));
  }
  truth.close();
  if (lessons) lessons->close();
}

int run(int argc, char** argv) {
  CLI::App app("Pictures of the procedural world: PNG files, their truth and labelled lines.",
               "visplay_world");
  Settings settings;
  declare(app, settings);
  try {
    app.parse(argc, argv);
    const world::LessonMix& mix = settings.mix;
    if (settings.lines > 0 && mix.careful + mix.hasty + mix.questioner <= 0)
      throw UsageError("--careful, --hasty and --questioner are all 0; --lines 0 writes no lines");
    if (settings.seed > std::numeric_limits<std::uint64_t>::max() - settings.count)
      throw UsageError("--seed: the last picture's seed does not fit 64 bits");
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  write_world(settings);
  fmt::print("{}: {} pictures, truth.jsonl{}\n", settings.out.string(), settings.count,
             settings.lines > 0 ? ", sft.jsonl" : "");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const UsageError& error) {
    fmt::print(stderr, "visplay_world: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "visplay_world: {}\n", error.what());
    return 1;
  }
}
