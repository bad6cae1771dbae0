// Bodies of collate.hpp.
#pragma once

#include <visplay/policy/collate.hpp>

#include <algorithm>
#include <map>

namespace visplay {
namespace detail {

// Rows of the packed batch as they are appended.
class BatchBuilder {
 public:
  explicit BatchBuilder(const ModelAssets& assets) : assets_(assets) {}

  void add_tree(std::span<const SampleTokens> samples) {
    const auto prefix = common_prefix(samples);
    const auto& first = *samples.front().prompt;
    const auto trunk_begin = std::int64_t(ids_.size());
    append_image_rows(first, prefix);
    append_prompt(first, 0, prefix);
    std::vector<std::int32_t> branches;
    for (const auto& [prompt, completion] : samples) {
      const auto branch_begin = std::int64_t(ids_.size());
      const auto length = std::int64_t(prompt->ids.size());
      append_prompt(*prompt, prefix, length);
      append_completion(*prompt, completion);
      const auto branch_end = std::int64_t(ids_.size());
      branches.push_back(std::int32_t(branch_end - branch_begin));
      batch_.samples.push_back({trunk_begin, trunk_begin + prefix, branch_begin, branch_end});
      // Token t of the completion is predicted by the row before it.
      for (std::int64_t t = 0; t < std::int64_t(completion.size()); ++t) {
        const auto in_branch = length - prefix + t - 1;
        predict_rows_.push_back(in_branch < 0 ? trunk_begin + prefix - 1
                                              : branch_begin + in_branch);
        targets_.push_back(completion[t]);
      }
      batch_.completion_offsets.push_back(std::int64_t(targets_.size()));
    }
    layout_->add_tree(std::int32_t(prefix), branches);
  }

  ModelBatch finish(const KnownFeatures& features) {
    const auto n = std::int64_t(ids_.size());
    batch_.input_ids = to_tensor(ids_);
    batch_.position_ids = at::empty({3, n}, at::kLong);
    for (int axis = 0; axis < 3; ++axis)
      std::ranges::copy(positions_[axis],
                        batch_.position_ids.mutable_data_ptr<std::int64_t>() + axis * n);
    if (!images_.empty() && features) {
      batch_.image_features = features(images_);
    } else if (!images_.empty()) {
      auto pixels = assets_.processor(images_);
      batch_.pixel_values =
          to_tensor(pixels.pixel_values).view({-1, assets_.processor.patch_dim()});
      batch_.grids = std::move(pixels.grid_thw);
    }
    batch_.image_rows = to_tensor(image_rows_);
    batch_.feature_rows = to_tensor(feature_rows_);
    batch_.predict_rows = to_tensor(predict_rows_);
    batch_.targets = to_tensor(targets_);
    batch_.layout = layout_;
    return std::move(batch_);
  }

 private:
  // How many tokens all prompts of a tree begin with; never so few that an image is cut off.
  static std::int64_t common_prefix(std::span<const SampleTokens> samples) {
    const auto& first = samples.front().prompt->ids;
    std::size_t length = first.size();
    for (const auto& sample : samples) {
      if (sample.prompt == samples.front().prompt) continue;
      const auto& ids = sample.prompt->ids;
      const auto [end, other] = std::ranges::mismatch(first, ids);
      length = std::min(length, std::size_t(end - first.begin()));
    }
    return std::int64_t(length);
  }

  void append_prompt(const EncodedPrompt& prompt, std::int64_t begin, std::int64_t end) {
    ids_.insert(ids_.end(), prompt.ids.begin() + begin, prompt.ids.begin() + end);
    for (int axis = 0; axis < 3; ++axis) {
      const auto from = prompt.positions.axis(axis);
      positions_[axis].insert(positions_[axis].end(), from.begin() + begin, from.begin() + end);
    }
  }

  // The last token of a completion predicts nothing that is asked for: it needs no row.
  void append_completion(const EncodedPrompt& prompt, std::span<const std::int64_t> completion) {
    for (std::size_t t = 0; t + 1 < completion.size(); ++t) {
      ids_.push_back(completion[t]);
      for (auto& axis : positions_)
        axis.push_back(std::int64_t(prompt.ids.size() + t) + prompt.positions.delta);
    }
  }

  void append_image_rows(const EncodedPrompt& prompt, std::int64_t prefix) {
    const auto image_token = assets_.config.tokens.image;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < prompt.images.size(); ++i) {
      const auto feature = feature_row_of(prompt.images[i], prompt.grids[i]);
      while (at < prefix && prompt.ids[at] != image_token) ++at;
      const auto count = prompt.grids[i].tokens(assets_.config.vision.spatial_merge_size);
      for (std::int64_t c = 0; c < count; ++c, ++at) {
        image_rows_.push_back(std::int64_t(ids_.size()) + at);
        feature_rows_.push_back(feature + c);
      }
    }
  }

  // The first output row of an image; the same picture is processed once.
  std::int64_t feature_row_of(const ImagePtr& image, const ImageGrid& grid) {
    const auto [at, added] = features_.emplace(image.get(), next_feature_);
    if (added) {
      images_.push_back(image);
      next_feature_ += grid.tokens(assets_.config.vision.spatial_merge_size);
    }
    return at->second;
  }

  const ModelAssets& assets_;
  ModelBatch batch_;
  std::shared_ptr<AttentionLayout> layout_ = std::make_shared<AttentionLayout>();
  std::vector<std::int64_t> ids_, positions_[3], image_rows_, feature_rows_, predict_rows_,
      targets_;
  std::vector<ImagePtr> images_;
  std::map<const Image*, std::int64_t> features_;
  std::int64_t next_feature_ = 0;
};

// May b stand in one tree with a? Same pictures, and the same tokens up to behind the last one.
VISPLAY_INLINE bool same_trunk(const EncodedPrompt& a, const EncodedPrompt& b) {
  return &a == &b ||
         (a.images == b.images && a.shareable_from == b.shareable_from && a.shareable_from > 0 &&
          std::equal(a.ids.begin(), a.ids.begin() + a.shareable_from, b.ids.begin()));
}

}  // namespace detail

VISPLAY_INLINE EncodedPrompt encode_prompt(const ModelAssets& assets, const Prompt& prompt) {
  EncodedPrompt encoded{.images = prompt.images, .grids = {}, .ids = {}, .positions = {}};
  std::vector<std::int64_t> counts;
  for (const auto& image : prompt.images) {
    encoded.grids.push_back(assets.processor.grid({image->height, image->width}));
    counts.push_back(encoded.grids.back().tokens(assets.config.vision.spatial_merge_size));
  }
  encoded.ids = encode_chat(assets.tokenizer, assets.chat, prompt, counts);
  encoded.positions = mrope_positions(encoded.ids, encoded.grids, assets.config);
  const auto last = std::find(encoded.ids.rbegin(), encoded.ids.rend(), assets.config.tokens.image);
  encoded.shareable_from = std::max<std::int64_t>(1, encoded.ids.rend() - last);
  return encoded;
}

VISPLAY_INLINE ModelBatch collate(const ModelAssets& assets, std::span<const SampleTokens> samples,
                                  const KnownFeatures& features) {
  check(!samples.empty(), "collate: expected at least one sample, got none");
  detail::BatchBuilder builder(assets);
  for (std::size_t begin = 0, end = 0; begin < samples.size(); begin = end) {
    while (end < samples.size() && detail::same_trunk(*samples[begin].prompt, *samples[end].prompt))
      ++end;
    builder.add_tree(samples.subspan(begin, end - begin));
  }
  return builder.finish(features);
}

}  // namespace visplay
