/// @file
/// Random weights for any module, so that layers can be tested without a file.
#pragma once

#include <cmath>
#include <memory>
#include <string_view>
#include <vector>

#include "heddle/model/members.hpp"
#include "tests/support/random.hpp"

namespace heddle::test {

/// Binds every parameter and buffer to random numbers: scaled so that activations keep their size, variances and norm
/// weights positive.
template <class Module>
void bind_random_weights(Module& module, unsigned seed) {
  for_each_parameter(module, [&](std::string_view name, auto& tensor) {
    auto values = std::make_shared<std::vector<float>>(normal_vector(tensor.size(), seed++));
    const std::size_t outputs = tensor.view().extent(0);
    const float spread = tensor.view().rank() > 1 ? 1.0f / std::sqrt(static_cast<float>(tensor.size() / outputs)) : 0.3f;
    const bool positive = name.ends_with("running_var") || name.ends_with("norm.weight") || name.ends_with("norm1.weight") ||
                          name.ends_with("norm2.weight");
    for (float& v : *values) v = positive ? 1.0f + 0.3f * std::abs(v) : spread * v;
    tensor.bind(values->data(), values);
  });
}

}  // namespace heddle::test
