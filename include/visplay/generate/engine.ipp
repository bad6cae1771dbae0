// Bodies of engine.hpp.
#pragma once

#include <visplay/generate/engine.hpp>
#include <visplay/generate/sampler.hpp>
#include <visplay/kernels/paged_attention.hpp>
#include <visplay/tensor/linear.hpp>

#include <algorithm>
#include <chrono>

namespace visplay {
namespace detail {

// One completion while it is being written.
struct DecodeRow {
  Completion* completion = nullptr;
  PagedSequence cache;
  Rng rng;
  std::int64_t position = 0;  // of the next token, on all three axes
};

// The prompts of one wave and the completions that are being written for them.
class Wave {
 public:
  Wave(const QwenPolicy& policy, const SamplingParams& params)
      : policy_(policy),
        model_(policy.model()),
        assets_(policy.assets()),
        params_(params),
        shape_{int(text().num_layers), int(text().num_kv_heads), int(text().head_dim()),
               model_.head().scalar_type() == at::kBFloat16} {}

  void run(std::span<RolloutGroup> groups, std::int64_t first_index, const Rng& rng,
           GenerateTimes& times) {
    std::vector<EncodedPrompt> prompts;
    prompts.reserve(groups.size());
    for (const auto& group : groups) prompts.push_back(encode_prompt(assets_, group.prompt));
    const Clock::time_point start = Clock::now();
    auto logits = prefill(prompts);
    const Clock::time_point prefilled = Clock::now();
    std::vector<std::int64_t> from;  // logits row of each decode row
    for (std::size_t p = 0; p < groups.size(); ++p) {
      const Rng of_prompt = rng.fork("prompt", std::uint64_t(first_index) + p);
      groups[p].completions.resize(std::size_t(params_.n));
      for (int c = 0; c < params_.n; ++c) {
        rows_.push_back({&groups[p].completions[c], caches_[p], of_prompt.fork("completion", c),
                         std::int64_t(prompts[p].ids.size()) + prompts[p].positions.delta});
        from.push_back(std::int64_t(p));
      }
    }
    caches_.clear();
    append_tokens(logits.index_select(0, to_tensor(from)));
    while (!rows_.empty()) {
      times.decoded_tokens += std::int64_t(rows_.size());
      append_tokens(decode());
    }
    const std::chrono::duration<double> prefilling = prefilled - start,
                                        decoding = Clock::now() - prefilled;
    times.prefill_seconds += prefilling.count();
    times.decode_seconds += decoding.count();
    for (const auto& prompt : prompts) times.prompt_tokens += std::int64_t(prompt.ids.size());
    for (auto& group : groups)
      for (auto& completion : group.completions) finish(completion);
  }

 private:
  using Clock = std::chrono::steady_clock;

  const TextConfig& text() const { return assets_.config.text; }

  // Encodes the prompts, fills one cache each, and returns the logits of each one's next token.
  at::Tensor prefill(std::span<const EncodedPrompt> prompts) {
    std::vector<SampleTokens> samples;
    for (const auto& prompt : prompts) samples.push_back({&prompt, {}});
    const auto batch = policy_.collate(samples);
    std::vector<std::int64_t> last;
    std::vector<std::vector<std::int64_t>> rows(prompts.size());
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      const auto& at = batch.samples[p];
      for (auto r = at.trunk_begin; r < at.trunk_end; ++r) rows[p].push_back(r);
      for (auto r = at.branch_begin; r < at.branch_end; ++r) rows[p].push_back(r);
      last.push_back(rows[p].back());
    }
    caches_.resize(prompts.size());
    for (std::size_t p = 0; p < prompts.size(); ++p)
      for (std::size_t page = 0; page * KvPage::tokens < rows[p].size(); ++page) {
        caches_[p].pages.push_back(std::make_shared<KvPage>(shape_));
        caches_[p].pages.back()->count =
            int(std::min<std::size_t>(KvPage::tokens, rows[p].size() - page * KvPage::tokens));
      }
    const auto attend = [&](std::size_t layer, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) {
      const auto k_rows = k.contiguous(), v_rows = v.contiguous();
      with_element(shape_.half, [&](auto number) {
        using T = decltype(number);
        fill_caches(int(layer), rows, numbers<T>(k_rows), numbers<T>(v_rows));
      });
      return attention(q, k, v, batch.layout, model_.decoder().scale());
    };
    const auto hidden =
        model_.decoder()(model_.embed(batch), text_rotary(batch.position_ids, text()), attend);
    return visplay::linear(hidden.index_select(0, to_tensor(last)), model_.head());
  }

  // Writes a layer's keys and values [rows, kv_heads, dim] of each prompt's rows into its cache.
  template <class T>
  void fill_caches(int layer, const std::vector<std::vector<std::int64_t>>& rows, const T* keys,
                   const T* values) {
    const auto step = shape_.kv_heads * shape_.head_dim;
    parallel_tasks(std::int64_t(rows.size()), [&](std::int64_t begin, std::int64_t end) {
      for (auto p = begin; p < end; ++p)
        for (std::size_t t = 0; t < rows[p].size(); ++t)
          caches_[p].pages[t / KvPage::tokens]->write(
              layer, int(t % KvPage::tokens), keys + rows[p][t] * step, values + rows[p][t] * step);
    });
  }

  // Appends a token's keys and values of a layer to each sequence and attends to all of it.
  template <class T>
  void attend_to_caches(int layer, std::span<const PagedSequence* const> sequences, const T* q,
                        const T* k, const T* v, T* out) {
    const auto step = shape_.kv_heads * shape_.head_dim;
    parallel_tasks(std::int64_t(sequences.size()), [&](std::int64_t begin, std::int64_t end) {
      for (auto r = begin; r < end; ++r) {
        auto& page = *sequences[r]->pages.back();
        page.write(layer, page.count, k + r * step, v + r * step);
      }
      paged_attention(sequences, shape_, layer, int(text().num_heads),
                      float(model_.decoder().scale()), q, out, begin, end);
    });
  }

  // Runs the rows' last tokens through the decoder and returns the logits of the next: [rows, V].
  at::Tensor decode() {
    const auto n = std::int64_t(rows_.size());
    std::vector<std::int64_t> ids;
    auto positions = at::empty({3, n}, at::kLong);
    auto* at = positions.mutable_data_ptr<std::int64_t>();
    std::vector<const PagedSequence*> sequences;
    for (std::int64_t r = 0; r < n; ++r) {
      ids.push_back(rows_[r].completion->token_ids.back());
      for (int axis = 0; axis < 3; ++axis) at[axis * n + r] = rows_[r].position;
      ++rows_[r].position;
      rows_[r].cache.grow(shape_);
      sequences.push_back(&rows_[r].cache);
    }
    const auto attend = [&](std::size_t layer, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) {
      const auto queries = q.contiguous(), keys = k.contiguous(), values = v.contiguous();
      auto out = at::empty_like(queries);
      with_element(shape_.half, [&](auto number) {
        using T = decltype(number);
        attend_to_caches(int(layer), sequences, numbers<T>(queries), numbers<T>(keys),
                         numbers<T>(values), mutable_numbers<T>(out));
      });
      return out;
    };
    const auto hidden = model_.decoder()(at::embedding(model_.embedding(), to_tensor(ids)),
                                         text_rotary(positions, text()), attend);
    for (auto& row : rows_) ++row.cache.pages.back()->count;
    return visplay::linear(hidden, model_.head());
  }

  // Draws the next token of every row; rows that end leave.
  void append_tokens(const at::Tensor& logits_in) {
    const auto logits = logits_in.to(at::kFloat).contiguous();
    const auto vocabulary = logits.size(1);
    const float* from = logits.const_data_ptr<float>();
    parallel_tasks(
        std::int64_t(rows_.size()),
        [&](std::int64_t begin, std::int64_t end) {
          SamplerBuffer buffer;
          for (auto r = begin; r < end; ++r) {
            auto& completion = *rows_[r].completion;
            const auto token = sample_token({from + r * vocabulary, std::size_t(vocabulary)},
                                            params_, rows_[r].rng, buffer);
            completion.token_ids.push_back(token.id);
            completion.log_probs.push_back(token.log_prob);
          }
        },
        16);
    std::erase_if(rows_, [&](const DecodeRow& row) {
      return is_eos(row.completion->token_ids.back()) ||
             std::int64_t(row.completion->token_ids.size()) >= params_.max_new_tokens;
    });
  }

  bool is_eos(std::int64_t id) const { return std::ranges::count(assets_.config.eos_ids, id) > 0; }

  void finish(Completion& completion) const {
    auto ids = std::span<const std::int64_t>(completion.token_ids);
    const bool stopped = is_eos(ids.back());
    completion.finish_reason = stopped ? FinishReason::stop : FinishReason::length;
    completion.text = assets_.tokenizer.decode(stopped ? ids.first(ids.size() - 1) : ids);
  }

  const QwenPolicy& policy_;
  const Qwen2_5_VL& model_;
  const ModelAssets& assets_;
  const SamplingParams& params_;
  CacheShape shape_;
  std::vector<PagedSequence> caches_;  // one per prompt, until its rows have taken it over
  std::vector<DecodeRow> rows_;
};

}  // namespace detail

VISPLAY_INLINE std::vector<RolloutGroup> LocalEngine::generate(std::span<const Prompt> prompts,
                                                               const SamplingParams& params,
                                                               Rng rng,
                                                               GenerateTimes* times) const {
  check(params.n > 0 && params.max_new_tokens > 0,
        "generate: expected n and max_new_tokens above 0, got {} and {}", params.n,
        params.max_new_tokens);
  const at::NoGradGuard no_gradients;
  GenerateTimes taken;
  std::vector<RolloutGroup> groups;
  groups.reserve(prompts.size());
  for (const auto& prompt : prompts) groups.push_back({prompt, {}});
  const auto per_wave = std::size_t(std::max<std::int64_t>(1, max_rows_ / params.n));
  for (std::size_t at = 0; at < groups.size(); at += per_wave) {
    const auto count = std::min(per_wave, groups.size() - at);
    detail::Wave(*policy_, params)
        .run(std::span(groups).subspan(at, count), std::int64_t(at), rng, times ? *times : taken);
  }
  return groups;
}

}  // namespace visplay
