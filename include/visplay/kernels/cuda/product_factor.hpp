// ProductFactor: what a product of matrices is multiplied by when only the device knows it.
#pragma once

namespace visplay::cuda {

/// In an executor's memory. `none` and `all` are the shares of what was there that a product may add to.
struct ProductFactor {
  float factor, none = 0, all = 1;
};

}  // namespace visplay::cuda
