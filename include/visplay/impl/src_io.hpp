// The bodies of visplay::io (needs nlohmann-json, yaml-cpp, libpng, libjpeg, libwebp): beside
// impl/src.hpp, in the same unit or another.
#pragma once

#include <visplay/io/chat_template_file.ipp>
#include <visplay/io/checkpoint_store.ipp>
#include <visplay/io/dtype.ipp>
#include <visplay/io/durable_file.ipp>
#include <visplay/io/exif_orientation.ipp>
#include <visplay/io/image_codec.ipp>
#include <visplay/io/image_source.ipp>
#include <visplay/io/json.ipp>
#include <visplay/io/json_lines.ipp>
#include <visplay/io/mapped_file.ipp>
#include <visplay/io/prompt_lines.ipp>
#include <visplay/io/run_folder.ipp>
#include <visplay/io/safetensors.ipp>
#include <visplay/io/safetensors_header.ipp>
#include <visplay/io/safetensors_index.ipp>
#include <visplay/io/safetensors_writer.ipp>
#include <visplay/io/tensor_entry.ipp>
#include <visplay/io/tokenizer_json.ipp>
#include <visplay/io/truth_file.ipp>
#include <visplay/io/yaml_config.ipp>
