/// @file
/// Parameters: named, shaped places for a model's weights. They are bound to memory that somebody else made (a mapped
/// file, a converted copy) and share its ownership, so copies of a model share their weights.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "../core/view.hpp"

namespace heddle::inline v0 {

/// A tensor of float weights of static shape `[Es...]`, bound at load. `Trained` tells parameters (counted by
/// `parameters<M>`) from buffers such as running statistics (not counted).
template <bool Trained, std::size_t... Es>
class bound_tensor {
  static_assert(((Es != dyn) && ...), "heddle::parameter: every extent must be a constant");
  const float* data_ = nullptr;
  std::shared_ptr<const void> owner_{};

 public:
  using extents_type = extents<Es...>;
  using view_type = heddle::view<const float, extents_type>;
  static constexpr bool is_trained = Trained;
  static constexpr std::size_t size() noexcept { return (Es * ... * std::size_t{1}); }

  bool is_bound() const noexcept { return data_ != nullptr; }

  /// Points to `size()` row-major floats that `owner` keeps alive (null: the caller does).
  void bind(const float* data, std::shared_ptr<const void> owner = nullptr) noexcept {
    data_ = data;
    owner_ = std::move(owner);
  }

  const float* data() const noexcept { return data_; }
  view_type view() const noexcept { return view_type(data_, extents_type{}); }
  std::span<const float> span() const noexcept { return {data_, size()}; }
  const std::shared_ptr<const void>& owner() const noexcept { return owner_; }
};

/// A trained parameter of shape `[Es...]`.
template <std::size_t... Es>
using parameter = bound_tensor<true, Es...>;

/// A tensor that is stored with the weights but not trained, such as running statistics.
template <std::size_t... Es>
using buffer = bound_tensor<false, Es...>;

/// Stands where a layer has no parameter (no bias, no affine part): visited by nobody, counted as nothing.
struct no_parameter {
  static constexpr std::span<const float> span() noexcept { return {}; }
};

/// `parameter<Es...>` where `Present`, else `no_parameter`.
template <bool Present, std::size_t... Es>
using optional_parameter = std::conditional_t<Present, parameter<Es...>, no_parameter>;

namespace detail {
template <class>
inline constexpr bool is_bound_tensor = false;
template <bool Trained, std::size_t... Es>
inline constexpr bool is_bound_tensor<bound_tensor<Trained, Es...>> = true;
}  // namespace detail

}  // namespace heddle::inline v0
