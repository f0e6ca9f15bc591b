/// @file
/// Parameters: named, shaped places for a model's weights. They are bound to memory that somebody else made (a mapped
/// file, a converted copy) and share its ownership, so copies of a model share their weights.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "../core/shared_owner.hpp"
#include "../core/view.hpp"

namespace heddle::inline v0 {

/// The memory that a parameter is bound to, whatever its shape.
class weight_slot {
  const float* data_ = nullptr;
  shared_owner owner_{};

 public:
  bool is_bound() const noexcept { return data_ != nullptr; }

  /// Points to row-major floats, as many as the parameter has, that `owner` keeps alive (null: the caller does).
  void bind(const float* data, shared_owner owner = {}) noexcept {
    data_ = data;
    owner_ = std::move(owner);
  }

  const float* data() const noexcept { return data_; }
  const shared_owner& owner() const noexcept { return owner_; }
};

/// A tensor of float weights of static shape `[Es...]`, bound at load. `Trained` tells parameters (counted by
/// `parameters<M>`) from buffers such as running statistics (not counted).
template <bool Trained, std::size_t... Es>
class bound_tensor : public weight_slot {
  static_assert(((Es != dyn) && ...), "heddle::parameter: every extent must be a constant");

 public:
  using extents_type = extents<Es...>;
  using view_type = heddle::view<const float, extents_type>;
  static constexpr bool is_trained = Trained;
  static constexpr std::size_t size() noexcept { return (Es * ... * std::size_t{1}); }

  /// The extents as an array.
  static constexpr std::array<std::size_t, sizeof...(Es)> shape{Es...};

  view_type view() const noexcept { return view_type(data(), extents_type{}); }
  std::span<const float> span() const noexcept { return {data(), size()}; }
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
