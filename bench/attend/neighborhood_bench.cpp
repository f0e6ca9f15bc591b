// Neighborhood attention (NAT) on a 56x56 map: 7x7 keys around every query, plain and dilated.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;
using bench::operands;

[[maybe_unused]] const bool registered = [] {
  const bench::attention_shape map{.heads = 4, .grid = {1, 56, 56}, .where = operands::projection};
  add_attention<32>("neighborhood7", "", "neighborhoods of 7x7", attention<neighborhood<7>>{}, map);
  add_attention<32>("neighborhood7_dilated2", "", "every second token of 13x13", attention{neighborhood<7>{.dilation = 2}},
                    map);
  return true;
}();

}  // namespace
