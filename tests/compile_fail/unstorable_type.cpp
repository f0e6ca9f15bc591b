// Unsigned integers of more than one byte have no type in the files that the library writes.
// EXPECT: heddle::io: files have no type for these elements
#include <cstdint>

#include <heddle/io/safetensors_writer.hpp>

#ifdef HEDDLE_MUST_FAIL
using element = std::uint32_t;
#else
using element = std::uint8_t;
#endif
heddle::io::tensor_entry make(const element* data) {
  return heddle::io::make_entry("counts", heddle::view<const element, heddle::extents<4>>(data, {}));
}
