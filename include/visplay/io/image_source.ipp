// Bodies of image_source.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/image_source.hpp>
#include <visplay/io/json_lines.hpp>

#include <algorithm>
#include <string>
#include <system_error>

namespace visplay {

namespace detail {

VISPLAY_INLINE bool is_image_name(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = 'A' <= c && c <= 'Z' ? char(c + ('a' - 'A')) : c;
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".webp";
}

VISPLAY_INLINE std::vector<std::filesystem::path> images_in_folder(
    const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code problem;
  std::filesystem::recursive_directory_iterator entry(folder, problem), end;
  for (; !problem && entry != end; entry.increment(problem)) {
    std::error_code ignored;
    if (is_image_name(entry->path()) && entry->is_regular_file(ignored))
      paths.push_back(entry->path());
  }
  check(!problem, "{}: cannot be read: {}", folder.string(), problem.message());
  check(!paths.empty(), "{}: expected .png, .jpg, .jpeg or .webp files in the folder, found none",
        folder.string());
  std::ranges::sort(paths, {}, [](const auto& path) { return path.generic_string(); });
  return paths;
}

VISPLAY_INLINE std::vector<std::filesystem::path> images_in_list(
    const std::filesystem::path& list) {
  check(!is_image_name(list), "{}: expected a folder of images or a JSONL list, got one image",
        list.string());
  std::vector<std::filesystem::path> paths;
  for_each_json_line(list, [&](const Json& line, const std::string& where) {
    paths.push_back(list.parent_path() / json_field<std::string>(line, "image", where));
    std::error_code ignored;
    check(std::filesystem::is_regular_file(paths.back(), ignored), "{}: there is no image file {}",
          where, paths.back().string());
  });
  check(!paths.empty(), "{}: expected lines with `image`, found none", list.string());
  return paths;
}

}  // namespace detail

VISPLAY_INLINE std::vector<std::filesystem::path> list_images(const std::filesystem::path& source) {
  std::error_code ignored;
  if (std::filesystem::is_directory(source, ignored)) return detail::images_in_folder(source);
  check(std::filesystem::exists(source, ignored), "{}: there is no such folder or file",
        source.string());
  return detail::images_in_list(source);
}

VISPLAY_INLINE ImageSource::ImageSource(const std::filesystem::path& source,
                                        const ImageLimits& limits, const ImagePolicy& policy)
    : paths_(list_images(source)), limits_(limits), policy_(policy) {}

VISPLAY_INLINE ImagePtr ImageSource::load(std::size_t i) const {
  check(i < paths_.size(), "images: expected an index below {}, got {}", paths_.size(), i);
  return std::make_shared<const Image>(read_image(paths_[i], limits_, policy_));
}

}  // namespace visplay
