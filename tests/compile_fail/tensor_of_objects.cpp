// Elements of tensors are copied as bytes.
// EXPECT: heddle::tensor: elements must be trivially copyable
#include <string>

#include <heddle/core/tensor.hpp>

#ifdef HEDDLE_MUST_FAIL
heddle::tensor<std::string, heddle::extents<3>> names;
#else
heddle::tensor<char, heddle::extents<3>> names;
#endif
