// The device backend as a C++ source gets it: its kernels, run by the host.
#include <heddle/cuda/map.cuh>
#include <heddle/cuda/runtime/runtime.hpp>
#include <heddle/primitive/activation.hpp>

#include <cstdio>

int main() {
  using row = heddle::extents<heddle::dyn>;
  heddle::tensor<float, row> x{row(3)};
  for (std::size_t i = 0; i < 3; ++i) x(i) = static_cast<float>(i) - 1.0F;
  heddle::device_tensor<float, row> y{row(3)};
  y.copy_from(x.view());
  heddle::map(heddle::context<heddle::cuda<>>{}, heddle::make_matrix<const float>(y.data(), 1, 3),
              heddle::make_matrix(y.data(), 1, 3), heddle::relu{});
  y.copy_to(x.view());
  std::printf("%g %g %g\n", static_cast<double>(x(0)), static_cast<double>(x(1)), static_cast<double>(x(2)));
  return x(0) == 0.0F && x(1) == 0.0F && x(2) == 1.0F ? 0 : 1;
}
