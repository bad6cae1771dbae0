// A model config in code, small enough to write its weights in a test.
#pragma once

#include <visplay/model/qwen2_5_vl/config.hpp>

namespace visplay::testing {

/// Two layers of width 16, two vision blocks; the embedding has `rows` rows.
inline ModelConfig small_config(bool tied = false, std::int64_t rows = 40) {
  ModelConfig config;
  config.text = {.hidden_size = 16,
                 .num_layers = 2,
                 .num_heads = 4,
                 .num_kv_heads = 2,
                 .intermediate_size = 32,
                 .vocab_size = rows,
                 .mrope_section = {1, 1, 0},
                 .tie_word_embeddings = tied};
  config.vision = {.depth = 2,
                   .hidden_size = 16,
                   .num_heads = 2,
                   .intermediate_size = 24,
                   .out_hidden_size = 16,
                   .patch_size = 2,
                   .window_size = 16,
                   .fullatt_block_indexes = {1}};
  config.tokens = {.bos = 1,
                   .pad = 1,
                   .vision_start = 2,
                   .vision_end = 3,
                   .vision_pad = 4,
                   .image = 5,
                   .video = 6};
  config.eos_ids = {7};
  return config;
}

}  // namespace visplay::testing
