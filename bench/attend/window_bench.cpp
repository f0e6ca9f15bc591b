// Swin's windows of 7x7 tokens on a 56x56 map: cut up beforehand (b0 to b2), and read from the map in place (m1, m2).
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;
using bench::operands;

/// The regions of shifted windows for windows that were cut out beforehand: batch item `b` is window (b / 8, b % 8).
/// `same_region` answers the same from the map.
struct cut_regions {
  using policy_category = mask_tag;
  static constexpr std::size_t side = 7, windows = 8, border = 4;  // a shift of 3: the last 3 rows are another region

  template <class Context>
  static constexpr std::size_t lower(const Context& c) noexcept {
    return c.batch / windows == windows - 1 ? border : side;
  }
  template <class Context>
  static constexpr std::size_t right(const Context& c) noexcept {
    return c.batch % windows == windows - 1 ? border : side;
  }

  template <class Context>
  constexpr tile classify(const Context& c, std::size_t, std::size_t, std::size_t, std::size_t) const noexcept {
    return lower(c) == side && right(c) == side ? tile::full : tile::partial;
  }
  template <class Context, class T>
  constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    return region<T>(c, q) == region<T>(c, k);
  }

 private:
  template <class T>
  static constexpr T constant(std::size_t n) noexcept {
    return batch_traits<T>::broadcast(static_cast<float>(n));
  }

  /// 0 to 3: behind the lower border, behind the right one.
  template <class T, class Context>
  static constexpr T region(const Context& c, T position) noexcept {
    using math::select;
    const T zero = constant<T>(0);
    const T column = position - detail::row_of(position, side) * constant<T>(side);
    return select(position >= constant<T>(lower(c) * side), constant<T>(2), zero) +
           select(column >= constant<T>(right(c)), constant<T>(1), zero);
  }
};

[[maybe_unused]] const bool registered = [] {
  static const std::vector<float> table = test::normal_vector(13 * 13 * 4, 3, 0.5);
  const relative_position_bias<7> bias{table.data(), 4};
  const bench::attention_shape cut{.batch = 64, .heads = 4, .grid = {1, 7, 7}};
  const bench::attention_shape map{.heads = 4, .grid = {1, 56, 56}, .where = operands::projection};
  add_attention<32>("window7", "b0", "Swin windows", attention<window<7>>{}, cut);
  add_attention<32>("window7_bias", "b1", "Swin windows, bias", attention{window<7>{}, bias}, cut);
  add_attention<32>("shifted7_bias", "b2", "Swin shifted windows, bias and regions",
                    attention{window<7>{}, cut_regions{}, bias}, cut);
  add_attention<32>("window7_bias", "m1", "map to map: Swin windows, bias", attention{window<7>{}, bias}, map);
  add_attention<32>("shifted7_bias", "m2", "map to map: Swin shifted windows", attention{window<7>{3, 3}, same_region{}, bias},
                    map);
  return true;
}();

}  // namespace
