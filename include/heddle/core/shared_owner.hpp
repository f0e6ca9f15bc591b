/// @file
/// What keeps memory alive that somebody else reads. It does the work of a `std::shared_ptr<const void>`, whose header is
/// among the most expensive of the standard library, and whose copies are expanded wherever a model is copied.
#pragma once

#include <cstddef>
#include <type_traits>

#include "../config.hpp"

#if !defined(__GNUC__) && !defined(__clang__)
#include <atomic>
#endif

namespace heddle::inline v0 {

/// A counted reference to an owner of any type: a `std::shared_ptr`, an array that was moved here, a mapped file. The owner
/// is destroyed with the last reference; counting is safe between threads.
/// @code
/// auto values = std::make_shared<std::vector<float>>(48);
/// layer.bias.bind(values->data(), values);          // converts
/// @endcode
class shared_owner {
  /// The count of an owner and how it is destroyed.
  class counted {
#if defined(__GNUC__) || defined(__clang__)
    std::size_t count_ = 1;

   public:
    void add() noexcept { __atomic_fetch_add(&count_, 1, __ATOMIC_RELAXED); }
    bool drop() noexcept { return __atomic_sub_fetch(&count_, 1, __ATOMIC_ACQ_REL) == 0; }
    std::size_t count() const noexcept { return __atomic_load_n(&count_, __ATOMIC_RELAXED); }
#else
    std::atomic<std::size_t> count_{1};

   public:
    void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
    bool drop() noexcept { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
#endif
    explicit counted(void (*d)(counted*) noexcept) noexcept : destroy(d) {}
    void (*const destroy)(counted*) noexcept;
  };

  template <class Owner>
  struct holder : counted {
    Owner owner;
    template <class From>
    explicit holder(From&& from)
        : counted([](counted* c) noexcept { delete static_cast<holder*>(c); }), owner(static_cast<From&&>(from)) {}
  };

  counted* owner_ = nullptr;

  // Out of line and without a branch at the caller: a model has hundreds of parameters.
  HEDDLE_NOINLINE static counted* shared(counted* c) noexcept {
    if (c != nullptr) c->add();
    return c;
  }
  HEDDLE_NOINLINE static void release(counted* c) noexcept {
    if (c != nullptr && c->drop()) c->destroy(c);
  }

 public:
  constexpr shared_owner() noexcept = default;
  constexpr shared_owner(std::nullptr_t) noexcept {}

  /// Takes (a copy of) an owner; of a null pointer nothing. Allocates.
  template <class Owner>
    requires(!std::is_same_v<std::remove_cvref_t<Owner>, shared_owner> &&
             !std::is_same_v<std::remove_cvref_t<Owner>, std::nullptr_t>)
  shared_owner(Owner&& owner) {
    if constexpr (requires { owner == nullptr; }) {
      if (owner == nullptr) return;
    }
    owner_ = new holder<std::remove_cvref_t<Owner>>(static_cast<Owner&&>(owner));
  }

  shared_owner(const shared_owner& other) noexcept : owner_(shared(other.owner_)) {}
  shared_owner(shared_owner&& other) noexcept : owner_(other.owner_) { other.owner_ = nullptr; }
  shared_owner& operator=(const shared_owner& other) noexcept { return *this = shared_owner(other); }
  /// What was here before goes with `other`.
  shared_owner& operator=(shared_owner&& other) noexcept {
    counted* const mine = owner_;
    owner_ = other.owner_;
    other.owner_ = mine;
    return *this;
  }
  ~shared_owner() { release(owner_); }

  explicit operator bool() const noexcept { return owner_ != nullptr; }
  /// References to the owner.
  std::size_t use_count() const noexcept { return owner_ == nullptr ? 0 : owner_->count(); }

  /// The same owner?
  friend bool operator==(const shared_owner& a, const shared_owner& b) noexcept { return a.owner_ == b.owner_; }
  friend bool operator==(const shared_owner& a, std::nullptr_t) noexcept { return a.owner_ == nullptr; }
};

}  // namespace heddle::inline v0
