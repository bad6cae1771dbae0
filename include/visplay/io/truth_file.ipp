// Bodies of truth_file.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/json_lines.hpp>
#include <visplay/io/truth_file.hpp>

#include <algorithm>

namespace visplay {

namespace detail {

template <class Enum>
Enum name_in(const Json& object, const char* field, const std::string& where,
             std::optional<Enum> (*named)(std::string_view)) {
  const auto name = json_field<std::string>(object, field, where);
  const std::optional<Enum> value = named(name);
  check(value.has_value(), "{}: '{}' is not a {}", where, name.substr(0, 40), field);
  return *value;
}

VISPLAY_INLINE world::Object object_of(const Json& json, const std::string& where) {
  return {.color = name_in(json, "color", where, world::color_named),
          .shape = name_in(json, "shape", where, world::shape_named),
          .place = name_in(json, "place", where, world::place_named)};
}

}  // namespace detail

VISPLAY_INLINE std::string truth_line(const TruthRecord& record) {
  OrderedJson line{{"image", record.image}, {"seed", record.scene.seed}};
  line["objects"] = OrderedJson::array();
  for (const world::Object& object : record.scene.objects)
    line["objects"].push_back({{"color", name_of(object.color)},
                               {"shape", name_of(object.shape)},
                               {"place", name_of(object.place)}});
  return write_json(line);
}

VISPLAY_INLINE std::vector<TruthRecord> read_truth(const std::filesystem::path& path) {
  std::vector<TruthRecord> records;
  for_each_json_line(path, [&](const Json& line, const std::string& where) {
    TruthRecord record{.image = json_field<std::string>(line, "image", where)};
    world::Scene& scene = record.scene;
    scene.seed = json_field_or<std::uint64_t>(line, "seed", where, 0);
    const auto objects = line.find("objects");
    check(objects != line.end() && objects->is_array(), "{}: expected a list in 'objects'", where);
    for (const Json& object : *objects) scene.objects.push_back(detail::object_of(object, where));
    sort_by_place(scene.objects);
    const auto same = std::ranges::adjacent_find(scene.objects, {}, &world::Object::place);
    check(same == scene.objects.end(), "{}: two objects are in one place", where);
    records.push_back(std::move(record));
  });
  return records;
}

}  // namespace visplay
