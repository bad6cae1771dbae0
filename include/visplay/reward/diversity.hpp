// Diversity: how many others ask the same. The score is a penalty, the share k / G of the questions
// that are in one's own cluster, in (0, 1] (VisPlay, 2511.15661, eq. 6, without lambda).
//
// Distance is 1 - BLEU of the question texts, the earlier as hypothesis; average linkage.
//
//   Diversity{}                                  in the group of one image: the paper
//   Diversity{.scope = Diversity::Scope::batch}  over the whole call: the authors' code
#pragma once

#include <visplay/cluster/agglomerative.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/reward/format.hpp>
#include <visplay/reward/reward.hpp>
#include <visplay/text/bleu_distances.hpp>

#include <concepts>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

template <class S>
concept HasGroup = requires(const S& sample) {
  { sample.group } -> std::convertible_to<std::int64_t>;
};

/// Clusters of questions. Both have one entry per sample.
struct QuestionClusters {
  static constexpr int none = -1;
  std::vector<int> cluster{};  ///< counts up in order of first appearance; none: in no cluster
  std::vector<float> share{};  ///< in (0, 1]; 0 without a cluster
};

struct Diversity {
  static constexpr std::string_view name = "diversity";
  enum class Scope {
    /// Clusters are made among the well-formed questions of a group. k / G: G counts all samples
    /// of the group. What is not well formed has no cluster and share 0.
    group,
    /// Clusters are made among all samples, whatever their group; what is not well formed counts
    /// as an empty question, which is like no other.
    batch
  };
  Scope scope = Scope::group;
  double threshold = 0.5;  ///< clusters merge while 1 - BLEU is below, on average

  /// For every sample its cluster, with numbers that count up over the whole batch.
  template <class Sample>
  requires HasQuestion<Sample> && HasGroup<Sample>
  [[nodiscard]] QuestionClusters clusters(std::span<const Sample> batch, ThreadPool& pool) const {
    std::map<std::int64_t, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < batch.size(); ++i)
      groups[scope == Scope::group ? std::int64_t(batch[i].group) : 0].push_back(i);

    QuestionClusters all{std::vector<int>(batch.size(), QuestionClusters::none),
                         std::vector<float>(batch.size(), 0.f)};
    std::vector<std::string_view> texts;
    std::vector<std::size_t> members;
    int next_unique = 0;  // unique over groups, not yet in order of appearance
    for (const auto& [group, everyone] : groups) {
      texts.clear();
      members.clear();
      for (const std::size_t i : everyone) {
        if (scope == Scope::group && !batch[i].question) continue;
        members.push_back(i);
        texts.push_back(batch[i].question ? std::string_view(batch[i].question->text)
                                          : std::string_view{});
      }
      const std::vector<int> labels = cluster(texts, pool);
      std::vector<int> size(labels.size());
      for (const int label : labels) ++size[label];
      for (std::size_t m = 0; m < members.size(); ++m) {
        all.cluster[members[m]] = next_unique + labels[m];
        all.share[members[m]] = float(double(size[labels[m]]) / double(everyone.size()));
      }
      next_unique += int(labels.size());
    }
    count_up(all.cluster, next_unique);
    return all;
  }

  /// The shares alone. @throws Error if batch and out differ in length
  template <class Sample>
  requires HasQuestion<Sample> && HasGroup<Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    check(out.size() == batch.size(), "diversity: expected {} scores, got room for {}",
          batch.size(), out.size());
    ThreadPool alone(1);
    std::ranges::copy(clusters(batch, alone).share, out.begin());
  }

 private:
  [[nodiscard]] std::vector<int> cluster(std::span<const std::string_view> texts,
                                         ThreadPool& pool) const {
    const BleuTexts counted(texts);
    return Agglomerative{threshold}(
        DistanceMatrix::of_rows(texts.size(), BleuDistances(counted), pool));
  }

  static void count_up(std::vector<int>& clusters, int upper_bound) {
    std::vector<int> number(upper_bound, QuestionClusters::none);
    int seen = 0;
    for (int& cluster : clusters) {
      if (cluster == QuestionClusters::none) continue;
      if (number[cluster] == QuestionClusters::none) number[cluster] = seen++;
      cluster = number[cluster];
    }
  }
};
static_assert(RewardFor<Diversity, QuestionSample>);

}  // namespace visplay
