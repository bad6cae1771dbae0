// render: the picture of a scene, 84 x 84 RGB, in integer arithmetic: the same bytes everywhere.
//
//   Image image = world::render(world::make_scene(seed));
//
// A cell is 28 pixels, one token of the vision tower (14-pixel patches, merged 2 x 2). Objects are
// anti-aliased by 4 x 4 samples a pixel; the frame, two pixels wide with a color of its own on each
// side, tells the model where the edges are. Without it the model needed several times longer to
// learn places.
#pragma once

#include <visplay/data/image.hpp>
#include <visplay/world/scene.hpp>

namespace visplay::world {

inline constexpr int cell_pixels = 28;
inline constexpr int picture_pixels = 3 * cell_pixels;

struct RenderOptions {
  int noise = 13;  ///< standard deviation of the pixel noise in levels, 0 ... 64
  bool frame = true;
};

/// [84, 84, 3]; source is "scene SEED". About 0.2 ms.
/// @throws Error for noise out of range
[[nodiscard]] Image render(const Scene& scene, const RenderOptions& options = {});

}  // namespace visplay::world

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/world/render.ipp>
#endif
