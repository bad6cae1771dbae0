// RewardTable: the scores of a batch, part by part, and their total. Metrics log the parts, the
// advantage reads the total.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

struct RewardTable {
  struct Column {
    std::string name{};
    std::vector<float> scores{};  ///< [n], without weight
  };

  std::vector<Column> terms{};
  std::vector<float> total{};  ///< [n]

  /// Scores of the term of that name; empty if there is none.
  [[nodiscard]] std::span<const float> term(std::string_view name) const {
    const auto found = std::ranges::find(terms, name, &Column::name);
    return found == terms.end() ? std::span<const float>{} : std::span<const float>(found->scores);
  }
};

}  // namespace visplay
