// Bodies of model/qwen2_5_vl/tensor_names.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/model/qwen2_5_vl/tensor_names.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace visplay {
namespace detail {

VISPLAY_INLINE void list_vision(const VisionConfig& v, std::vector<TensorShape>& out) {
  const std::int64_t E = v.hidden_size, I = v.intermediate_size, wide = v.merge_unit() * E;
  const auto linear = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
    out.push_back({name + ".weight", {rows, columns}});
    out.push_back({name + ".bias", {rows}});
  };
  out.push_back({"visual.patch_embed.proj.weight",
                 {E, v.in_channels, v.temporal_patch_size, v.patch_size, v.patch_size}});
  for (std::int64_t i = 0; i < v.depth; ++i) {
    const std::string block = "visual.blocks." + std::to_string(i);
    out.push_back({block + ".norm1.weight", {E}});
    out.push_back({block + ".norm2.weight", {E}});
    linear(block + ".attn.qkv", 3 * E, E);
    linear(block + ".attn.proj", E, E);
    linear(block + ".mlp.gate_proj", I, E);
    linear(block + ".mlp.up_proj", I, E);
    linear(block + ".mlp.down_proj", E, I);
  }
  out.push_back({"visual.merger.ln_q.weight", {E}});
  linear("visual.merger.mlp.0", wide, wide);
  linear("visual.merger.mlp.2", v.out_hidden_size, wide);
}

VISPLAY_INLINE void list_text(const TextConfig& t, std::vector<TensorShape>& out) {
  const std::int64_t D = t.hidden_size, kv = t.num_kv_heads * t.head_dim();
  out.push_back({"model.embed_tokens.weight", {t.vocab_size, D}});
  for (std::int64_t i = 0; i < t.num_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i);
    const auto projection = [&](const char* name, std::int64_t rows) {
      out.push_back({layer + ".self_attn." + name + ".weight", {rows, D}});
      out.push_back({layer + ".self_attn." + name + ".bias", {rows}});
    };
    out.push_back({layer + ".input_layernorm.weight", {D}});
    projection("q_proj", D);
    projection("k_proj", kv);
    projection("v_proj", kv);
    out.push_back({layer + ".self_attn.o_proj.weight", {D, D}});
    out.push_back({layer + ".post_attention_layernorm.weight", {D}});
    out.push_back({layer + ".mlp.gate_proj.weight", {t.intermediate_size, D}});
    out.push_back({layer + ".mlp.up_proj.weight", {t.intermediate_size, D}});
    out.push_back({layer + ".mlp.down_proj.weight", {D, t.intermediate_size}});
  }
  out.push_back({"model.norm.weight", {D}});
}

/// "a, b, c and 7 more".
VISPLAY_INLINE std::string first_few(const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(items.size(), 4); ++i)
    out += (i == 0 ? "" : ", ") + printable(items[i], 160);
  return items.size() > 4 ? fmt::format("{} and {} more", out, items.size() - 4) : out;
}

VISPLAY_INLINE bool is_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16 || dtype == DType::f64;
}

VISPLAY_INLINE bool same_tensor(const TensorEntry& a, const TensorEntry& b) {
  return a.dtype == b.dtype && a.bytes.size() == b.bytes.size() &&
         std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

/// Throws if tensors of the model are absent or do not fit.
VISPLAY_INLINE void check_against_inventory(const std::vector<TensorShape>& inventory,
                                            std::span<const TensorEntry> entries,
                                            const MatchedTensors& found, std::string_view where) {
  std::vector<std::string> missing, misshapen, no_floats;
  for (const TensorShape& wanted : inventory) {
    const auto place = found.index.find(wanted.name);
    if (place == found.index.end()) {
      missing.push_back(wanted.name);
      continue;
    }
    const TensorEntry& entry = entries[place->second];
    if (entry.shape != wanted.shape)
      misshapen.push_back(fmt::format("{} [{}] instead of [{}]", wanted.name,
                                      fmt::join(entry.shape, ", "), fmt::join(wanted.shape, ", ")));
    else if (!is_float(entry.dtype))
      no_floats.push_back(fmt::format("{} ({})", wanted.name, name_of(entry.dtype)));
  }
  const std::size_t all = inventory.size();
  check(missing.empty(), "{}: {} of {} tensors are missing: {}", where, missing.size(), all,
        first_few(missing));
  check(misshapen.empty(), "{}: {} of {} tensors have another shape than config.json says: {}",
        where, misshapen.size(), all, first_few(misshapen));
  check(no_floats.empty(), "{}: {} of {} tensors are not F32, BF16, F16 or F64: {}", where,
        no_floats.size(), all, first_few(no_floats));
}

}  // namespace detail

VISPLAY_INLINE std::vector<TensorShape> tensor_inventory(const ModelConfig& config) {
  std::vector<TensorShape> out;
  detail::list_vision(config.vision, out);
  detail::list_text(config.text, out);
  if (!config.text.tie_word_embeddings)
    out.push_back({"lm_head.weight", {config.text.vocab_size, config.text.hidden_size}});
  return out;
}

VISPLAY_INLINE std::string canonical_tensor_name(std::string_view key) {
  std::string name(key);
  // Compilers and sharders wrap modules at any depth, data parallelism and PEFT the whole.
  for (const std::string_view wrapper :
       {"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."})
    for (std::size_t at = 0; (at = name.find(wrapper, at)) != name.npos;)
      at == 0 || name[at - 1] == '.' ? void(name.erase(at, wrapper.size())) : void(++at);
  const auto strip = [&name](std::string_view prefix) {
    const bool there = name.starts_with(prefix);
    if (there) name.erase(0, prefix.size());
    return there;
  };
  while (strip("module.") || strip("base_model.model.")) {
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> renamings{{
      {"model.visual.", "visual."},
      {"model.language_model.", "model."},
      {"language_model.model.", "model."},
      {"language_model.lm_head.", "lm_head."},
      {"language_model.", "model."},
  }};
  for (const auto& [from, to] : renamings)
    if (strip(from)) return std::string(to) + name;
  return name;
}

VISPLAY_INLINE std::size_t MatchedTensors::at(std::string_view canonical) const {
  const auto place = index.find(canonical);
  if (place == index.end()) throw std::out_of_range("no tensor is named " + std::string(canonical));
  return place->second;
}

VISPLAY_INLINE MatchedTensors match_tensors(const ModelConfig& config,
                                            std::span<const TensorEntry> entries,
                                            std::string_view where) {
  constexpr std::string_view head = "lm_head.weight", embedding = "model.embed_tokens.weight";
  MatchedTensors found;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto [place, is_new] = found.index.emplace(canonical_tensor_name(entries[i].name), i);
    check(is_new, "{}: '{}' and '{}' are both '{}'", where, printable(entries[place->second].name),
          printable(entries[i].name), printable(place->first));
  }
  auto inventory = tensor_inventory(config);
  const bool flagged = config.text.tie_word_embeddings;
  if (flagged && found.index.contains(head))
    inventory.push_back({std::string(head), {config.text.vocab_size, config.text.hidden_size}});
  detail::check_against_inventory(inventory, entries, found, where);

  std::map<std::string, std::size_t, std::less<>> wanted;
  for (const TensorShape& tensor : inventory)
    wanted.insert(found.index.extract(found.index.find(tensor.name)));
  for (const auto& [name, i] : found.index) found.unexpected.push_back(entries[i].name);
  found.index = std::move(wanted);
  if (!found.unexpected.empty())
    found.warnings.push_back(fmt::format("{}: {} tensors are not used: {}", where,
                                         found.unexpected.size(),
                                         detail::first_few(found.unexpected)));
  found.tied_head = flagged;
  if (!flagged || !found.index.contains(head)) return found;
  if (detail::same_tensor(entries[found.at(head)], entries[found.at(embedding)])) {
    found.index.erase(found.index.find(head));
  } else {
    found.tied_head = false;
    found.warnings.push_back(fmt::format(
        "{}: config.json says that the head is tied, but lm_head.weight differs from the "
        "embedding and is used",
        where));
  }
  return found;
}

}  // namespace visplay
