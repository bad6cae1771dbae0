// FeatureCache: what a frozen vision tower makes of pictures, kept across steps and roles.
//
// Pictures are told apart by their pixels, so the same file read twice is found. The ones not asked
// for the longest go first. Not for several threads at once.
#pragma once

#include <visplay/data/image.hpp>
#include <visplay/tensor/compat.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>

namespace visplay {

class FeatureCache {
 public:
  /// @param capacity  bytes of features to keep; what does not fit is computed each time
  explicit FeatureCache(std::int64_t capacity) : capacity_(capacity) {}

  /// The picture's features [rows, D]: those kept, else compute()'s, which are kept from now on.
  [[nodiscard]] at::Tensor get(const Image& image, const std::function<at::Tensor()>& compute);

  [[nodiscard]] std::int64_t bytes() const { return bytes_; }    ///< held now
  [[nodiscard]] std::int64_t misses() const { return misses_; }  ///< calls of compute so far

 private:
  struct Entry {
    std::string key;
    at::Tensor features;
  };
  std::int64_t capacity_ = 0, bytes_ = 0, misses_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/policy/feature_cache.ipp>
#endif
