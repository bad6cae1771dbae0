// The largest of some differences. A NaN among them stays, whatever comes after it.
#pragma once

namespace visplay::testing {

struct Worst {
  double value = 0;
  void add(double difference) {
    if (value == value && !(difference <= value)) value = difference;
  }
};

}  // namespace visplay::testing
