/// @file
/// `inverse_cdf` on a device: one block sorts the scores, sums them in parallel where every sum is exact (and one after the
/// other where it is not, so that the distribution is that of the definition to the last bit), and reads the distribution
/// backwards for all points at once.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/cuda/runtime/memory.hpp>
#include <heddle/primitive/select/inverse_cdf.hpp>

#include "sort.cuh"

namespace heddle::inline v0 {

namespace device {

struct sample_scores {
  static constexpr unsigned threads = 256;
  static constexpr unsigned warps = threads / 32;
  const float* scores;
  std::uint64_t n;
  std::uint64_t points;
  bool from_zero;
  std::int32_t* order;
  float* distribution;
  std::int32_t* picked;
  std::uint64_t limit;  ///< places of `picked` that are written: -1 where nothing was picked
  std::uint32_t* count;
  std::uint32_t* hits;  ///< how many points are nearest to a place
  std::uint64_t* keys;  ///< in global memory; null: shared memory holds them
  std::uint64_t key_count;
  std::int32_t* order_seen;  ///< the trace, null where nobody looks
  float* distribution_seen;
  float* points_seen;

  /// Of the keys, then the sums of warps, then the counts of warps.
  static std::size_t shared_bytes(std::uint64_t n) noexcept {
    return sort_shared_bytes(n) + warps * sizeof(double) + block_numbering<threads>::shared_bytes;
  }

  HEDDLE_DEVICE void operator()() const {
    if (n == 0 || points == 0) return pick_nothing();
    const key_array sorted{{shared_base()}, keys};
    for (std::uint64_t i = thread(); i < key_count; i += threads)
      sorted.store(i, i < n ? key(load_global(scores + i), i) : no_key);
    block_sort<threads>::run(sorted, key_count);
    for (std::uint64_t t = thread(); t < n; t += threads)
      store_global(order + t, static_cast<std::int32_t>(sorted.load(t) & 0xffffffffU));
    accumulate(sorted);
    const bool tells_apart = distribute();
    if (tells_apart) {
      pick();
    } else {
      for (std::uint64_t i = thread(); i < limit; i += threads)
        store_global(picked + i, i == 0 ? load_global(order + n - 1) : -1);
      if (thread() == 0) store_global(count, 1U);
    }
    show(tells_apart);
  }

 private:
  HEDDLE_DEVICE void pick_nothing() const {
    for (std::uint64_t i = thread(); i < limit; i += threads) store_global(picked + i, -1);
    if (thread() == 0) store_global(count, 0U);
  }

  /// Scores are not negative, so that their bits are in their order.
  static HEDDLE_DEVICE std::uint64_t key(float score, std::uint64_t position) {
    return std::uint64_t{std::bit_cast<std::uint32_t>(heddle::detail::sampled_score(score))} << 32U | position;
  }
  static HEDDLE_DEVICE std::uint32_t bits_at(const key_array& sorted, std::uint64_t t) {
    return static_cast<std::uint32_t>(sorted.load(t) >> 32U);
  }
  static HEDDLE_DEVICE double score_at(const key_array& sorted, std::uint64_t t) {
    return static_cast<double>(std::bit_cast<float>(bits_at(sorted, t)));
  }
  HEDDLE_DEVICE shared_address after_keys() const {
    return shared_base() +
           static_cast<shared_address>((key_count < shared_keys ? key_count : shared_keys) * sizeof(std::uint64_t));
  }

  /// The running sums, rounded to float.
  HEDDLE_DEVICE void accumulate(const key_array& sorted) const {
    if (!sums_are_exact(sorted)) {
      if (thread() == 0) {
        double sum = 0.0;
        for (std::uint64_t t = 0; t < n; ++t) {
          sum += score_at(sorted, t);
          store_global(distribution + t, static_cast<float>(sum));
        }
      }
      sync_block();
      return;
    }
    const shared_view<double> totals{after_keys()};
    double before = 0.0;
    for (std::uint64_t first = 0; first < n; first += threads) {
      const std::uint64_t t = first + thread();
      double sum = t < n ? score_at(sorted, t) : 0.0;
      HEDDLE_DEVICE_UNROLL
      for (unsigned distance = 1; distance < 32; distance *= 2) {
        const double below = shuffle_up(sum, distance);
        if (lane() >= distance) sum += below;
      }
      if (lane() == 31) totals.store(warp(), sum);
      sync_block();
      sum += before;
      HEDDLE_DEVICE_UNROLL
      for (unsigned w = 0; w < warps; ++w) {
        const double total = totals.load(w);
        before += total;
        if (w < warp()) sum += total;
      }
      if (t < n) store_global(distribution + t, static_cast<float>(sum));
      sync_block();
    }
  }

  /// Whether all sums are multiples of the smallest score's last place below 2^53 of them: no order of additions rounds then.
  HEDDLE_DEVICE bool sums_are_exact(const key_array& sorted) const {
    const std::uint64_t first = first_above(0, n, [&](std::uint64_t t) { return bits_at(sorted, t) != 0; });
    if (first == n) return true;
    const std::uint32_t smallest = bits_at(sorted, first) >> 23U;
    const std::uint32_t largest = bits_at(sorted, n - 1) >> 23U;
    std::uint32_t digits = 0;
    while ((std::uint64_t{1} << digits) < n) ++digits;
    return digits + largest <= 29 + (smallest == 0 ? 1 : smallest);
  }

  /// The first of [begin, end) for which the condition holds, where it holds for all that follow.
  template <class Condition>
  static HEDDLE_DEVICE std::uint64_t first_above(std::uint64_t begin, std::uint64_t end, Condition condition) {
    while (begin < end) {
      const std::uint64_t middle = begin + (end - begin) / 2;
      if (condition(middle)) {
        end = middle;
      } else {
        begin = middle + 1;
      }
    }
    return begin;
  }

  /// From sums to shares; zeros and false where the scores tell nothing apart.
  HEDDLE_DEVICE bool distribute() const {
    const float lowest = from_zero ? 0.0F : load_global(distribution);
    const float range = load_global(distribution + n - 1) - lowest;
    const bool tells_apart = range > 0.0F && range <= 3.402823466e+38F;
    sync_block();
    for (std::uint64_t t = thread(); t < n; t += threads)
      store_global(distribution + t, tells_apart ? (load_global(distribution + t) - lowest) / range : 0.0F);
    sync_block();
    return tells_apart;
  }

  HEDDLE_DEVICE std::uint64_t first_share() const {
    return first_above(0, n, [&](std::uint64_t t) { return load_global(distribution + t) > 0.0F; });
  }

  /// Places are taken in their order: where shares lie too close to be told apart, a later point may hit an earlier one.
  HEDDLE_DEVICE void pick() const {
    const std::uint64_t first = first_share();
    const float start = load_global(distribution + first);
    for (std::uint64_t t = thread(); t < n; t += threads) store_global(hits + t, 0U);
    sync_block();
    for (std::uint64_t k = thread(); k < points; k += threads)
      atomic_add(hits + nearest(heddle::detail::sample_point(start, k, points), first), 1U);
    sync_block();
    block_numbering<threads> numbers(after_keys() + warps * static_cast<shared_address>(sizeof(double)));
    for (std::uint64_t done = 0; done < n; done += threads) {
      const std::uint64_t t = done + thread();
      const bool is_hit = t < n && load_global(hits + t) != 0;
      const std::uint64_t number = numbers.number(is_hit);
      if (is_hit) store_global(picked + number, load_global(order + t));
    }
    for (std::uint64_t i = numbers.total() + thread(); i < limit; i += threads) store_global(picked + i, -1);
    if (thread() == 0) store_global(count, static_cast<std::uint32_t>(numbers.total()));
  }

  /// The place whose share is nearest to `y`, the first of several.
  HEDDLE_DEVICE std::uint64_t nearest(float y, std::uint64_t first) const {
    const std::uint64_t above = first_above(first + 1, n, [&](std::uint64_t t) { return load_global(distribution + t) > y; });
    const std::uint64_t below = above - 1;
    const float distance = std::fabs(y - load_global(distribution + below));
    if (above < n && load_global(distribution + above) - y < distance) return above;
    return first_above(0, below, [&](std::uint64_t t) { return std::fabs(y - load_global(distribution + t)) <= distance; });
  }

  HEDDLE_DEVICE void show(bool tells_apart) const {
    for (std::uint64_t t = thread(); t < n; t += threads) {
      if (order_seen != nullptr) store_global(order_seen + t, load_global(order + t));
      if (distribution_seen != nullptr) store_global(distribution_seen + t, load_global(distribution + t));
    }
    if (points_seen == nullptr) return;
    const float start = tells_apart ? load_global(distribution + first_share()) : 1.0F;
    for (std::uint64_t k = thread(); k < points; k += threads)
      store_global(points_seen + k, heddle::detail::sample_point(start, k, points));
  }
};

/// The same of many rows, a block for each, or one for all where keys lie in global memory.
struct sample_rows {
  static constexpr unsigned threads = sample_scores::threads;
  const float* scores;
  std::uint64_t score_stride;
  const inverse_cdf_row* row;
  std::uint64_t rows;
  std::uint64_t n;  ///< places of a row
  std::uint64_t points;
  std::int32_t* order;  ///< `[rows, n]`, as the next
  float* distribution;
  std::uint32_t* hits;
  std::int32_t* picked;
  std::uint64_t picked_stride;
  std::uint64_t limit;
  std::int32_t* counts;
  std::uint64_t* keys;
  std::int32_t* order_seen;
  float* distribution_seen;
  float* points_seen;

  HEDDLE_DEVICE void operator()() const {
    for (std::uint64_t r = block_index(); r < rows; r += grid_size()) {
      const inverse_cdf_row own = load_global(row + r);
      const std::uint64_t present = own.scores < 0                              ? 0
                                    : own.scores < static_cast<std::int64_t>(n) ? static_cast<std::uint64_t>(own.scores)
                                                                                : n;
      std::uint64_t key_count = 1;
      while (key_count < present) key_count *= 2;
      sample_scores{scores + r * score_stride,
                    present,
                    points,
                    own.from_zero != 0,
                    order + r * n,
                    distribution + r * n,
                    picked + r * picked_stride,
                    limit,
                    reinterpret_cast<std::uint32_t*>(counts + r),
                    hits + r * n,
                    key_count <= shared_keys ? nullptr : keys,
                    key_count,
                    seen(order_seen, r * n),
                    seen(distribution_seen, r * n),
                    seen(points_seen, r * points)}();
      sync_block();
    }
  }

 private:
  template <class T>
  static HEDDLE_DEVICE T* seen(T* all, std::uint64_t first) {
    return all == nullptr ? nullptr : all + first;
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::inverse_cdf, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static constexpr std::size_t bytes(std::size_t scores) noexcept {
    return scratch_bytes<std::uint32_t>(1) + scratch_bytes<std::uint32_t>(scores) +
           scratch_bytes<std::uint64_t>(device::sort_global_keys(scores));
  }

  /// Waits for the count, which decides the shapes of what follows, and so cannot be captured into a graph.
  static std::size_t run(context<backend_type> ctx, std::span<const float> scores, const inverse_cdf_options& options,
                         std::int32_t* order, float* distribution, std::span<std::int32_t> picked,
                         const inverse_cdf_trace& trace) {
    device::require_device_pointer("inverse_cdf", "scores", scores.data());
    device::require_device_pointer("inverse_cdf", "picked", picked.data());
    device::require_not_capturing("inverse_cdf", ctx.backend.stream);
    const std::size_t n = scores.size();
    const std::uint64_t keys = device::sort_global_keys(n);
    auto* const count = ctx.scratch.template take<std::uint32_t>(1);
    auto* const hits = ctx.scratch.template take<std::uint32_t>(n);
    auto* const memory = keys == 0 ? nullptr : ctx.scratch.template take<std::uint64_t>(keys);
    device::launch(
        ctx.backend.stream, 1, device::sample_scores::shared_bytes(n),
        device::sample_scores{scores.data(), n, options.points, options.from_zero, order, distribution, picked.data(),
                              inverse_cdf_limit(n, options.points), count, hits, memory, device::sorted_keys(n),
                              seen(trace.order), seen(trace.distribution), seen(trace.points)});
    std::uint32_t found = 0;
    device::copy_to_host<std::uint32_t>(ctx.backend.stream, &found, count, 1);
    return found;
  }

  static constexpr std::size_t bytes_of_rows(std::size_t rows, std::size_t scores) noexcept {
    return scratch_bytes<std::int32_t>(rows * scores) + scratch_bytes<float>(rows * scores) +
           scratch_bytes<std::uint32_t>(rows * scores) + scratch_bytes<std::uint64_t>(device::sort_global_keys(scores));
  }

  /// Waits for nothing.
  static void run_rows(context<backend_type> ctx, const matrix_view<const float>& scores, std::span<const inverse_cdf_row> rows,
                       std::size_t points, const matrix_view<std::int32_t>& picked, std::span<std::int32_t> counts,
                       const inverse_cdf_trace& trace) {
    device::require_device_pointer("inverse_cdf_rows", "scores", scores.data_handle());
    device::require_device_pointer("inverse_cdf_rows", "rows", rows.data());
    device::require_device_pointer("inverse_cdf_rows", "picked", picked.data_handle());
    device::require_device_pointer("inverse_cdf_rows", "counts", counts.data());
    const std::size_t n = scores.extent(1);
    const std::uint64_t keys = device::sort_global_keys(n);
    auto* const order = ctx.scratch.template take<std::int32_t>(rows.size() * n);
    auto* const distribution = ctx.scratch.template take<float>(rows.size() * n);
    auto* const hits = ctx.scratch.template take<std::uint32_t>(rows.size() * n);
    auto* const memory = keys == 0 ? nullptr : ctx.scratch.template take<std::uint64_t>(keys);
    const device::sample_rows f{scores.data_handle(),
                                scores.stride(0),
                                rows.data(),
                                rows.size(),
                                n,
                                points,
                                order,
                                distribution,
                                hits,
                                picked.data_handle(),
                                picked.stride(0),
                                picked.extent(1),
                                counts.data(),
                                memory,
                                seen(trace.order),
                                seen(trace.distribution),
                                seen(trace.points)};
    device::launch(ctx.backend.stream, memory == nullptr ? device::grid_of(f.rows) : 1, device::sample_scores::shared_bytes(n),
                   f);
  }

 private:
  template <class T>
  static T* seen(std::span<T> s) noexcept {
    return s.empty() ? nullptr : s.data();
  }
};

}  // namespace heddle::inline v0
