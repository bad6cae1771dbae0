// Bodies of feature_cache.hpp.
#pragma once

#include <visplay/io/durable_file.hpp>
#include <visplay/policy/feature_cache.hpp>

#include <fmt/format.h>

namespace visplay {

VISPLAY_INLINE at::Tensor FeatureCache::get(const Image& image,
                                            const std::function<at::Tensor()>& compute) {
  const auto key = fmt::format("{}x{} {}", image.height, image.width,
                               bytes_hash(std::as_bytes(std::span(image.pixels))));
  if (const auto found = index_.find(key); found != index_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->features;
  }
  ++misses_;
  auto features = compute().contiguous();
  const auto size = std::int64_t(features.nbytes());
  if (size > capacity_) return features;
  while (bytes_ + size > capacity_) {
    bytes_ -= std::int64_t(entries_.back().features.nbytes());
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, features});
  index_.emplace(key, entries_.begin());
  bytes_ += size;
  return features;
}

}  // namespace visplay
