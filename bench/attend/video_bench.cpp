// Space and time: windows of frames (Video Swin), divided attention (TimeSformer), axes; 8 frames of 56x56 or 14x14 tokens.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;
using bench::operands;

[[maybe_unused]] const bool registered = [] {
  const bench::attention_shape wide{.heads = 3, .grid = {8, 56, 56}, .where = operands::projection};
  const bench::attention_shape patches{.heads = 12, .grid = {8, 14, 14}, .where = operands::projection};
  add_attention<32>("window2x7x7", "", "Video Swin windows", attention<window<2, 7, 7>>{}, wide);
  add_attention<64>("spatial", "", "inside frames", attention<spatial>{}, patches);
  add_attention<64>("temporal", "", "along time", attention<temporal>{}, patches);
  add_attention<32>("axial_width", "", "rows of every frame", attention<axial<axis::width>>{}, wide);
  return true;
}();

}  // namespace
