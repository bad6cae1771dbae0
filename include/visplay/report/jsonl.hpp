// JSONL logs of a run: metrics.jsonl and samples.jsonl, one line per record, on disk line by line.
//
//   JsonlLog log(run.metrics());
//   log.write(metrics_record(iteration, "reasoner", step, metrics));
//   const LogPosition committed = log.position();          // kept in the checkpoint
//   JsonlLog resumed(run.metrics(), committed);            // later lines are cut off
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/core/metrics.hpp>
#include <visplay/data/vote.hpp>
#include <visplay/io/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

/// What of a log belongs to a checkpoint.
struct LogPosition {
  std::uint64_t bytes = 0;
  std::string hash{};  ///< file_hash of those bytes; empty: not compared

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

class JsonlLog {
 public:
  /// Opens or makes the file and cuts it back to `committed`; without one it starts empty.
  /// @throws Error  it cannot be written, or does not begin with what was committed
  explicit JsonlLog(const std::filesystem::path& path, const LogPosition& committed = {});
  ~JsonlLog();
  JsonlLog(const JsonlLog&) = delete;
  JsonlLog& operator=(const JsonlLog&) = delete;

  /// Appends one line. On failure the file is as before: never half a line.
  /// @throws Error  the disk is full, say
  void write(const OrderedJson& record);

  /// Length and hash of all lines so far, made durable.
  [[nodiscard]] LogPosition position() const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
};

/// {"iteration", "phase", "step", then the metrics in order}. Whole numbers are written without a
/// fraction, NaN and infinity as null.
[[nodiscard]] OrderedJson metrics_record(int iteration, std::string_view phase, int step,
                                         const Metrics& metrics);

/// One question as people look at it.
struct QuestionRecord {
  struct Vote {
    std::string text{};  ///< the whole completion
    VoteKind kind = VoteKind::unparsed;
    std::string answer{};
  };
  int iteration = 0;
  std::string phase{};
  int step = 0;
  std::string image{};
  std::string question{};
  std::vector<Vote> votes{};
  std::string label{};
  double confidence = 0;
  bool kept = false;
  std::string reason{};  ///< why it was not kept; "kept" if it was
};

[[nodiscard]] OrderedJson question_record(const QuestionRecord& question);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/report/jsonl.ipp>
#endif
