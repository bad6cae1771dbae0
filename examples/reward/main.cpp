// visplay_reward: what questions are worth, and which of them get a label. No model is needed.
//
//   visplay_reward --mode robust --data questions.jsonl --label.margin 0.2
#include "judge_lines.hpp"

#include <fmt/format.h>
#include <common/program.hpp>

namespace visplay {
namespace {

constexpr ProgramInfo info{
    .name = "visplay_reward",
    .summary =
        "Rewards and labels of questions that were answered m times (VisPlay, arXiv 2511.15661).\n"
        "Each line of the file is one question: group (the image), text (what the Questioner "
        "wrote),\n"
        "votes (what the Reasoner wrote, a text or {text, finish_reason}), optionally "
        "blind_votes.\n"
        "Each comes out in order with its label, confidence, cluster, reward and its terms.",
    .examples = "  visplay_reward --mode paper|official|robust --data questions.jsonl",
    .strict_environment = false};

int reward(const RewardOptions& options) {
  auto lines = read_judged_lines(options.data, options.rules);
  if (!options.archive.empty()) put_archive_shares(read_archive(options.archive), lines.samples);
  for (const auto& line : reward_lines(options.rules, lines)) fmt::print("{}\n", write_json(line));
  return 0;
}

}  // namespace
}  // namespace visplay

int main(int argc, char** argv) {
  using namespace visplay;
  return run_guarded(info.name, [&] {
    RewardOptions shown;
    const auto sources = program_sources(argc, argv, info, fields_of(shown));
    return sources ? reward(load_reward_options(*sources)) : 0;
  });
}
