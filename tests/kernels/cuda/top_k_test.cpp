// select_top_k of the device: the positions of the definition, also among equal values, NaN, and rows longer than shared memory.
#include <heddle/cuda/top_k.cuh>

#include <limits>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

std::vector<float> values_with_ties(std::size_t count, std::uint64_t seed) {
  test::generator random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(random.integer(0, 9)) - 4.0F;
  for (std::size_t i = 3; i < count; i += 11) values[i] = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t i = 5; i < count; i += 13) values[i] = -0.0F;
  if (count > 7) values[7] = -std::numeric_limits<float>::infinity();
  return values;
}

void check(std::size_t rows, std::size_t columns, std::size_t k, top_k_order order) {
  const std::size_t pitch = columns + 3;
  const std::vector<float> values = values_with_ties(rows * pitch, columns);
  std::vector<std::int32_t> expected(rows * k);
  select_top_k(context<reference>{}, make_matrix(values.data(), rows, columns, pitch), make_matrix(expected.data(), rows, k),
               order);
  test::on_device<float> x(values);
  test::on_device<std::int32_t> y(std::vector<std::int32_t>(rows * k, -7));
  const test::device_scratch scratch(top_k_bytes(cuda<>{}, columns));
  select_top_k(scratch.ctx(), make_matrix<const float>(x.data(), rows, columns, pitch), make_matrix(y.data(), rows, k), order);
  INFO(rows << " x " << columns << ", k " << k);
  CHECK(y.to_host() == expected);
}

}  // namespace

TEST_CASE("largest values chosen by a device", "[top_k]") {
  test::in_both_orders([] {
    for (const top_k_order order : {top_k_order::by_value, top_k_order::by_position}) {
      check(3, 1, 1, order);
      check(2, 5, 3, order);
      check(2, 64, 64, order);
      check(2, 197, 60, order);
      check(1, 300, 290, order);
      check(1, 1025, 5, order);
    }
  });
}

TEST_CASE("rows longer than shared memory are sorted by a device", "[top_k]") {
  device::emulation::report_scope reports;
  check(2, 9000, 700, top_k_order::by_value);
  check(1, 4097, 4097, top_k_order::by_position);
  INFO(reports.text());
  CHECK(reports.empty());
}
