// config.json: what is accepted has an inventory of tensors and can be written for new weights.
#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/model/qwen2_5_vl/tensor_names.hpp>

#include "fuzz.hpp"

using namespace visplay;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_error_or([&] {
    const ModelConfig config = parse_model_config(fuzz::text_of(data, size), "config.json");
    std::int64_t sum = 0;
    for (const TensorShape& tensor : tensor_inventory(config)) {
      std::int64_t elements = 1;
      for (const auto side : tensor.shape) elements *= side;
      sum += elements;
      fuzz::require(canonical_tensor_name("module.base_model.model." + tensor.name) == tensor.name,
                    "a wrapped name is the canonical one");
    }
    fuzz::require(sum == parameter_count(config), "the inventory has the counted parameters");
    const ModelConfig written = parse_model_config(model_config_json(config), "written");
    fuzz::require(written.text == config.text && written.tokens == config.tokens &&
                      written.eos_ids == config.eos_ids,
                  "a config is written and read back");
    const ModelConfig half =
        parse_model_config(config_json_beside_weights(config.source, DType::bf16, true), "half");
    fuzz::require(half.vision == config.vision && !half.text.tie_word_embeddings,
                  "the type of the weights changes nothing else");
  });
  return 0;
}
