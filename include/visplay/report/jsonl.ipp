// Bodies of report/jsonl.hpp.
#pragma once

#include <visplay/report/jsonl.hpp>

#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace visplay {

VISPLAY_INLINE JsonlLog::JsonlLog(const std::filesystem::path& path, const LogPosition& committed)
    : path_(path), bytes_(committed.bytes) {
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  check(fd_ >= 0, "{}: {}", path.string(), std::strerror(errno));
  try {
    const auto present = std::filesystem::file_size(path);
    check(present >= bytes_, "{}: {} bytes, shorter than the {} that the checkpoint committed",
          path.string(), present, bytes_);
    check(::ftruncate(fd_, off_t(bytes_)) == 0, "{}: {}", path.string(), std::strerror(errno));
    check(committed.hash.empty() || file_hash(path) == committed.hash,
          "{}: does not begin with what the checkpoint committed", path.string());
  } catch (...) {
    ::close(std::exchange(fd_, -1));
    throw;
  }
}

VISPLAY_INLINE JsonlLog::~JsonlLog() {
  if (fd_ >= 0) ::close(fd_);
}

VISPLAY_INLINE void JsonlLog::write(const OrderedJson& record) {
  const std::string line = write_json(record) + "\n";
  std::size_t done = 0;
  while (done < line.size()) {
    const auto written = ::write(fd_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int reason = errno;
      const bool whole = done == 0 || ::ftruncate(fd_, off_t(bytes_)) == 0;
      throw Error(fmt::format("{}: write failed: {}{}", path_.string(), std::strerror(reason),
                              whole ? "" : "; its last line is cut off"));
    }
    done += std::size_t(written);
  }
  bytes_ += line.size();
}

VISPLAY_INLINE LogPosition JsonlLog::position() const {
  check(::fsync(fd_) == 0, "{}: fsync failed: {}", path_.string(), std::strerror(errno));
  return {.bytes = bytes_, .hash = file_hash(path_)};
}

VISPLAY_INLINE OrderedJson metrics_record(int iteration, std::string_view phase, int step,
                                          const Metrics& metrics) {
  OrderedJson record{{"iteration", iteration}, {"phase", phase}, {"step", step}};
  for (const auto& [name, value] : metrics) {
    const bool whole = std::abs(value) < 9e15 && value == std::trunc(value);
    record[name] = whole ? OrderedJson(std::int64_t(value)) : OrderedJson(value);
  }
  return record;
}

VISPLAY_INLINE OrderedJson question_record(const QuestionRecord& question) {
  OrderedJson votes = OrderedJson::array();
  for (const auto& [text, kind, answer] : question.votes)
    votes.push_back({{"text", text}, {"kind", name_of(kind)}, {"answer", answer}});
  return {{"iteration", question.iteration}, {"phase", question.phase},
          {"step", question.step},           {"image", question.image},
          {"question", question.question},   {"votes", std::move(votes)},
          {"label", question.label},         {"confidence", question.confidence},
          {"kept", question.kept},           {"reason", question.reason}};
}

}  // namespace visplay
