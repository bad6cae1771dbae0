// RoleBaseline: SPIRAL's role-conditioned advantage (RAE, 2506.24119), for roles that share weights
//
//   b_role <- decay b_role + (1 - decay) r,        A = r - b_role
//
// one completion after another. The baselines live in a struct of their own, which the caller keeps,
// saves and restores:
//
//   RoleBaselines state{.values = {0, 0}};                  // Questioner, Reasoner
//   RoleBaseline{}(rewards, roles, state, out);
//
// Needs no groups. The order of the completions matters, and so does the state: no AdvantageEstimator.
#pragma once

#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>
#include <vector>

namespace visplay {

/// All that is carried from batch to batch. Saved and restored as it is, to the bit.
struct RoleBaselines {
  std::vector<double> values{};  ///< [roles]; SPIRAL begins at 0

  friend bool operator==(const RoleBaselines&, const RoleBaselines&) = default;
};

struct RoleBaseline {
  static constexpr std::string_view name = "role_baseline";
  enum class Reads { before_update, after_update };
  double decay = 0.95;  ///< in [0, 1]; SPIRAL 0.95
  Reads reads =
      Reads::before_update;  ///< unbiased, as SPIRAL's code; after_update: as its equation

  /// @param rewards  [n]
  /// @param roles    [n] in [0, roles)
  /// @param state    updated; left as it was if this throws
  /// @throws Error if sizes, a role or the decay do not fit
  void operator()(std::span<const float> rewards, std::span<const int> roles, RoleBaselines& state,
                  std::span<float> out) const {
    check(decay >= 0 && decay <= 1, "{}: expected a decay from 0 to 1, got {}", name, decay);
    detail::check_count(roles.size(), rewards.size(), name, "roles");
    detail::check_count(out.size(), rewards.size(), name, "advantages");
    for (const int role : roles)
      check(role >= 0 && std::size_t(role) < state.values.size(),
            "{}: expected a role below {}, got {}", name, state.values.size(), role);
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      double& baseline = state.values[std::size_t(roles[i])];
      const double before = baseline;
      baseline = decay * baseline + (1 - decay) * rewards[i];
      out[i] = detail::to_float(rewards[i] - (reads == Reads::before_update ? before : baseline));
    }
  }
};

}  // namespace visplay
