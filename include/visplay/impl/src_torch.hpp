// The bodies of visplay::torch (needs libtorch): beside impl/src.hpp and impl/src_io.hpp.
#pragma once

#include <visplay/eval/world_benchmark.ipp>
#include <visplay/generate/engine.ipp>
#include <visplay/generate/sampler.ipp>
#include <visplay/model/qwen2_5_vl/assets.ipp>
#include <visplay/model/qwen2_5_vl/config.ipp>
#include <visplay/model/qwen2_5_vl/image_processor.ipp>
#include <visplay/model/qwen2_5_vl/initial_weights.ipp>
#include <visplay/model/qwen2_5_vl/positions.ipp>
#include <visplay/model/qwen2_5_vl/save_model.ipp>
#include <visplay/model/qwen2_5_vl/tensor_names.ipp>
#include <visplay/model/qwen2_5_vl/vision.ipp>
#include <visplay/model/qwen2_5_vl/weights.ipp>
#include <visplay/model/qwen2_5_vl/windows.ipp>
#include <visplay/policy/collate.ipp>
#include <visplay/report/jsonl.ipp>
#include <visplay/report/screen_text.ipp>
#include <visplay/report/terminal.ipp>
#include <visplay/tensor/attention.ipp>
#include <visplay/tensor/linear_log_probs.ipp>
#include <visplay/tensor/objective.ipp>
#include <visplay/tensor/rowwise.ipp>
#include <visplay/train/config.ipp>
#include <visplay/train/grpo.ipp>
#include <visplay/train/optimizer.ipp>
#include <visplay/train/self_play.ipp>
