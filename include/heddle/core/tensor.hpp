/// @file
/// Owning, 64-byte aligned tensors.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "view.hpp"

namespace heddle::inline v0 {

/// Alignment in bytes of every allocation of the library: one cache line, the widest vector.
inline constexpr std::size_t memory_alignment = 64;

namespace detail {

/// Aligned, uniquely owned, zero-initialised memory. Memory is taken here and nowhere else.
class aligned_bytes {
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;

 public:
  aligned_bytes() noexcept = default;
  explicit aligned_bytes(std::size_t size) : size_(size) {
    if (size == 0) return;
    data_ = static_cast<std::byte*>(::operator new(size, std::align_val_t{memory_alignment}));
    std::memset(data_, 0, size);
  }
  aligned_bytes(aligned_bytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  aligned_bytes& operator=(aligned_bytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  aligned_bytes(const aligned_bytes&) = delete;
  aligned_bytes& operator=(const aligned_bytes&) = delete;
  ~aligned_bytes() {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t{memory_alignment});
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
};

}  // namespace detail

/// A row-major array that owns its elements, zero at first. `T` is trivially copyable. Copies are deep and explicit
/// (`clone`), moves are cheap.
/// @code
/// heddle::tensor<float, heddle::extents<heddle::dyn, 48>> x{heddle::extents<heddle::dyn, 48>{100}};
/// heddle::view rows = x.view();
/// @endcode
template <class T, class Extents>
class tensor {
  static_assert(std::is_trivially_copyable_v<T>, "heddle::tensor: elements must be trivially copyable");
  detail::aligned_bytes memory_;
  [[no_unique_address]] Extents extents_{};

 public:
  using element_type = T;
  using extents_type = Extents;
  using view_type = heddle::view<T, Extents>;
  using const_view_type = heddle::view<const T, Extents>;

  /// All static extents, or zero along every dynamic one.
  tensor() : tensor(Extents{}) {}
  explicit tensor(const Extents& e) : memory_(e.size() * sizeof(T)), extents_(e) {}

  const Extents& extents() const noexcept { return extents_; }
  std::size_t extent(std::size_t r) const noexcept { return extents_.extent(r); }
  std::size_t size() const noexcept { return extents_.size(); }
  T* data() noexcept { return reinterpret_cast<T*>(memory_.data()); }
  const T* data() const noexcept { return reinterpret_cast<const T*>(memory_.data()); }

  view_type view() noexcept { return view_type(data(), extents_); }
  const_view_type view() const noexcept { return const_view_type(data(), extents_); }

  template <class... Indices>
  T& operator()(Indices... indices) noexcept {
    return view()(indices...);
  }
  template <class... Indices>
  const T& operator()(Indices... indices) const noexcept {
    return view()(indices...);
  }

  /// A deep copy.
  tensor clone() const {
    tensor copy(extents_);
    if (size() != 0) std::memcpy(copy.memory_.data(), memory_.data(), memory_.size());
    return copy;
  }
};

}  // namespace heddle::inline v0
