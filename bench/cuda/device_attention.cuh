// attend on a device as a benchmark: any composition, on seeded random operands, checked against rows of the definition.
#pragma once

#include <heddle/backend/cuda.hpp>

#include <algorithm>

#include "bench/support/attention_shape.hpp"
#include "device_subject.hpp"

namespace heddle::bench {

#if defined(HEDDLE_BENCH_SM90)
using device_backend = cuda<arch::sm_90a>;
#else
using device_backend = cuda<arch::sm_80>;
#endif

/// A table that a policy reads, where host and device both find it. Kept until the program ends.
inline const float* policy_table(std::size_t count, std::uint64_t seed, double spread) {
  static std::vector<device::memory> kept;
  const std::vector<float> values = test::normal_vector(count, seed, spread);
  kept.push_back(device::allocate_managed(count * sizeof(float)));
  float* const table = kept.back().as<float>();
  std::copy(values.begin(), values.end(), table);
  return table;
}

/// `T`: how operands are stored. `D`: the head dimension that the kernel is compiled for.
template <class T, std::size_t D, class Composition>
class device_attention final : public device_subject {
  using tensor_type = device_tensor<T, extents<dyn>>;

  Composition composition_;
  operand_views<T, D> views_;
  tensor_type q_, k_, v_, out_;
  device_workspace memory_;
  arena scratch_;
  attention_plan<Composition> plan_;

  const attention_shape& shape() const { return views_.shape; }
  token_grid key_grid() const { return Composition::source_type::same_tokens ? shape().grid : sequence_grid(shape().keys); }

  static tensor_type random(std::size_t count, std::uint64_t seed) {
    const std::vector<T> values = operand_views<T, D>::random(count, seed);
    return tensor_type(view<const T, extents<dyn>>(values.data(), extents<dyn>(count)));
  }

 public:
  device_attention(const Composition& c, const attention_shape& s)
      : composition_(c),
        views_{s},
        q_(random(views_.q_size(), 7)),
        k_(random(views_.k_size(), 8)),
        v_(random(views_.k_size(), 9)),
        out_(extents<dyn>(views_.out_size())),
        memory_(plan_size(c, s) + attend_bytes<T>(device_backend{}, c, s.grid, key_grid(), D)),
        scratch_(memory_.scratch()),
        plan_(make_plan(composition_, s, scratch_)) {}

  void enqueue(device::stream s) override {
    const auto x = views_.inputs(q_.data(), k_.data(), v_.data());
    attend(context<device_backend>{device_backend{s}, scratch_}, plan_, x.q, x.k, x.v, views_.result(out_.data()));
  }
  double error(device::stream s) override {
    enqueue(s);
    const auto q = q_.to_host(s);
    const auto k = k_.to_host(s);
    const auto v = v_.to_host(s);
    auto out = out_.to_host(s);
    const workspace host(plan_size(composition_, shape()));
    arena scratch = host.scratch();
    const auto plan = make_plan(composition_, shape(), scratch);
    const auto x = views_.inputs(q.data(), k.data(), v.data());
    return rows_error(plan, x.q, x.k, x.v, views_.result(out.data()));
  }
  double flop() const override {
    double pairs = 0;
    for (std::size_t b = 0; b < shape().batch; ++b) pairs += visible_pairs(plan_, b);
    return 4.0 * pairs * static_cast<double>(shape().heads * D);
  }
  double bytes() const override { return views_.bytes(); }
};

/// Registers `attend/<variant>/cuda/<dtype>/<shape>`. `key` names the case of the comparison, or is empty. `make` gives the
/// composition when the case is prepared, so that its tables are on the device that is current then.
template <class T, std::size_t D, class Make>
void add_device_attention(const std::string& variant, const std::string& key, const std::string& text, Make make,
                          const attention_shape& s) {
  using composition_type = decltype(make());
  device_entry e;
  e.name = "attend/" + variant + "/cuda/" + dtype_name<T> + '/' + shape_text(s, D);
  e.key = key;
  e.text = text;
  e.dtype = dtype_name<T>;
  e.tolerance = std::is_same_v<T, float> ? 1e-5 : 2e-2;  // rounding to 8 bits, of the weights too
  e.make = [=]() -> std::unique_ptr<device_subject> {
    return std::make_unique<device_attention<T, D, composition_type>>(make(), s);
  };
  device_entries().push_back(std::move(e));
}

}  // namespace heddle::bench
