// QuestionArchive: the last questions that were asked, so that a new one can pay for repeating them.
//
//   QuestionArchive archive{.capacity = 4096};
//   const auto share = archive.shares(texts, pool);     // k_arch / N_arch of each, in [0, 1]
//   for (const auto text : texts) archive.add(text);
//
// k_arch counts the archived questions that are nearer than the threshold, 1 - BLEU with the archived
// one, the earlier, as hypothesis. Its state is its three members: write them where you like.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/text/bleu.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

struct QuestionArchive {
  std::size_t capacity = 4096;           ///< >= 1; beyond it the oldest is forgotten
  double threshold = 0.5;                ///< in (0, 1]; nearer ones count as the same
  std::vector<std::string> questions{};  ///< oldest first, at most capacity

  /// Share of the archive that asks what each text asks; 0 while it is empty.
  [[nodiscard]] std::vector<float> shares(std::span<const std::string_view> texts,
                                          ThreadPool& pool) const {
    std::vector<float> share(texts.size());
    if (questions.empty() || texts.empty()) return share;
    std::vector<std::string_view> all(questions.begin(), questions.end());
    all.insert(all.end(), texts.begin(), texts.end());
    const BleuTexts bleu(all);
    pool.run(texts.size(), [&](std::size_t t) {
      std::size_t near = 0;
      for (std::size_t a = 0; a < questions.size(); ++a)
        near += 1 - bleu.bleu(a, questions.size() + t) < threshold;
      share[t] = float(double(near) / double(questions.size()));
    });
    return share;
  }

  /// @throws Error if the capacity is 0
  void add(std::string_view text) {
    check(capacity >= 1, "archive: expected a capacity of at least 1, got {}", capacity);
    const std::size_t room = capacity - 1;
    if (questions.size() > room)
      questions.erase(questions.begin(), questions.end() - std::ptrdiff_t(room));
    questions.emplace_back(text);
  }

  friend bool operator==(const QuestionArchive&, const QuestionArchive&) = default;
};

}  // namespace visplay
