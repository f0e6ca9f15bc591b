/// @file
/// `select_top_k` as its definition reads: the rank of a value is the number of values that go before it.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/select/top_k.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::top_k, reference> {
  static constexpr std::size_t worker_bytes(std::size_t) noexcept { return 0; }

  static void row(arena, const float* values, std::size_t columns, std::int32_t* positions, std::size_t k, top_k_order order) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < columns; ++i) {
      std::size_t rank = 0;
      for (std::size_t j = 0; j < columns; ++j) rank += before(values, j, i) ? 1U : 0U;
      if (rank < k) positions[order == top_k_order::by_position ? kept++ : rank] = static_cast<std::int32_t>(i);
    }
  }

 private:
  static bool before(const float* values, std::size_t j, std::size_t i) noexcept {
    const bool j_is_number = values[j] == values[j];
    const bool i_is_number = values[i] == values[i];
    if (j_is_number != i_is_number) return j_is_number;
    if (j_is_number && values[j] != values[i]) return values[j] > values[i];
    return j < i;
  }
};

}  // namespace heddle::inline v0
