// truth.jsonl: the hidden truth of a folder of world images, read by evaluation alone. One line an
// image:
//
//   {"image":"scene-0000007.png","seed":7,"objects":[{"color":"red","shape":"circle","place":"north"}]}
//
//   for (const TruthRecord& record : read_truth("images/truth.jsonl"))
//     world::truth_of(record.scene, "What color is the circle?");
#pragma once

#include <visplay/world/scene.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace visplay {

struct TruthRecord {
  std::string image{};   ///< path relative to the file
  world::Scene scene{};  ///< seed and objects; looks and backdrop are not stored
};

/// One line without its end.
[[nodiscard]] std::string truth_line(const TruthRecord& record);

/// @throws Error, with file and line, for a missing field, an unknown name, or two objects in one
/// place
[[nodiscard]] std::vector<TruthRecord> read_truth(const std::filesystem::path& path);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/truth_file.ipp>
#endif
