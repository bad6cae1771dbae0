// Where unlabeled images come from: a folder, or a JSONL file that lists them.
//
//   ImageSource images("photos/");            // *.png *.jpg *.jpeg *.webp, recursive, sorted
//   ImagePtr first = images.load(0);
//
// Lines of a list have `image`, a path relative to the list; other fields are ignored.
#pragma once

#include <visplay/io/image_codec.hpp>

#include <cstddef>
#include <filesystem>
#include <vector>

namespace visplay {

/// The image files of a folder (any case of the extension; links to folders are not followed),
/// sorted by path, or of a JSONL list, in its order.
/// @throws Error if there is no such folder or file, none is listed, or a listed file is missing
[[nodiscard]] std::vector<std::filesystem::path> list_images(const std::filesystem::path& source);

/// The images of one folder or list, decoded when asked for and not kept.
class ImageSource {
 public:
  /// @throws Error as list_images
  explicit ImageSource(const std::filesystem::path& source, const ImageLimits& limits = {},
                       const ImagePolicy& policy = {});

  [[nodiscard]] std::size_t size() const { return paths_.size(); }
  [[nodiscard]] const std::vector<std::filesystem::path>& paths() const { return paths_; }
  /// Image i < size(). @throws Error as read_image
  [[nodiscard]] ImagePtr load(std::size_t i) const;

 private:
  std::vector<std::filesystem::path> paths_;
  ImageLimits limits_;
  ImagePolicy policy_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/image_source.ipp>
#endif
