// A second unit with the same bodies: whatever is not inline is defined twice and does not link.
#include <visplay/impl/src.hpp>
#include <visplay/text/boxed.hpp>
