// score_each: the loop of every reward that looks at one sample at a time.
//
//   detail::score_each(name, batch, out, [](const Sample& s) { return s.confidence; });
#pragma once

#include <visplay/core/error.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace visplay::detail {

/// @throws Error, named after the reward, if batch and out differ in length
template <class Sample, class Score>
void score_each(std::string_view name, std::span<const Sample> batch, std::span<float> out,
                const Score& score) {
  check(out.size() == batch.size(), "{}: expected {} scores, got room for {}", name, batch.size(),
        out.size());
  for (std::size_t i = 0; i < batch.size(); ++i) out[i] = float(score(batch[i]));
}

}  // namespace visplay::detail
