// The tensors a Qwen2.5-VL checkpoint must have, and the names under which they are found.
//
//   const auto found = match_tensors(config, files.entries(), "Qwen2.5-VL-3B-Instruct");
//   const TensorEntry& norm = files.entries()[found.at("model.norm.weight")];
//
// Canonical names are those of the published files (`visual.`, `model.layers.`, `lm_head.`). The
// other spellings that transformers and trainers have written since 4.52 are mapped to them.
#pragma once

#include <visplay/io/safetensors.hpp>
#include <visplay/model/qwen2_5_vl/config.hpp>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

struct TensorShape {
  std::string name;
  std::vector<std::int64_t> shape;
  friend bool operator==(const TensorShape&, const TensorShape&) = default;
};

/// Canonical names and shapes in model order. `lm_head.weight` is listed only if the head is not
/// tied. patch_embed.proj.weight keeps its file shape [E, C, 2, 14, 14].
[[nodiscard]] std::vector<TensorShape> tensor_inventory(const ModelConfig& config);

/// The canonical spelling of a key, wrappers such as `module.` stripped; a key of no known variant
/// comes back stripped but otherwise unchanged.
[[nodiscard]] std::string canonical_tensor_name(std::string_view key);

struct MatchedTensors {
  /// Canonical name -> index of the entry. Holds every name of the inventory; holds
  /// `lm_head.weight` only if the head has weights of its own.
  std::map<std::string, std::size_t, std::less<>> index;
  bool tied_head = false;               ///< the head is the embedding
  std::vector<std::string> unexpected;  ///< keys that the model has no use for, as in the files
  std::vector<std::string> warnings;    ///< sentences for the user; empty if nothing is odd

  /// @throws std::out_of_range if the name is not in the index
  [[nodiscard]] std::size_t at(std::string_view canonical) const;
};

/// Finds every tensor of the model among the entries of a checkpoint.
/// A stored head is used even if the flag says tied (with a warning if it differs from the
/// embedding; if equal it counts as tied); an absent one aliases the embedding if the flag says so.
/// @param where  names the checkpoint in messages
/// @throws Error listing the first few names and the count if tensors are missing, have another
///         shape or a type that is no float, or if two keys mean the same tensor
[[nodiscard]] MatchedTensors match_tensors(const ModelConfig& config,
                                           std::span<const TensorEntry> entries,
                                           std::string_view where);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/tensor_names.ipp>
#endif
