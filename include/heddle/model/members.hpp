/// @file
/// Named children of a module, and what follows from them: visiting parameters by name, counting them, preparing weights.
///
/// A module names its children once:
/// @code
/// struct feed_forward {
///   heddle::linear<48, 192> fc1;
///   heddle::linear<192, 48> fc2;
///   static constexpr auto members() { return heddle::members<&feed_forward::fc1, &feed_forward::fc2>("fc1", "fc2"); }
/// };
/// @endcode
/// A container whose children are not data members (`repeat`, `sequential`) provides instead
/// `template <class Self, class F> static void visit_children(Self&, F&& f)`, which calls `f(name, child)`, and
/// `static constexpr std::size_t parameter_count()`.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/context.hpp"
#include "parameter.hpp"

namespace heddle::inline v0 {

/// Pointers to members with a name for each. An empty name is transparent: its children appear as the module's own.
template <auto... Pointers>
struct member_list {
  std::array<std::string_view, sizeof...(Pointers)> names;
};

/// Names members in order: `members<&m::a, &m::b>("a", "b")`.
template <auto... Pointers, class... Names>
constexpr member_list<Pointers...> members(Names... names) {
  static_assert(sizeof...(Names) == sizeof...(Pointers), "heddle::members: one name for every member");
  return {{std::string_view(names)...}};
}

namespace detail {

template <class M>
concept has_members = requires { M::members(); };
template <class M>
concept has_parameter_count = requires {
  { M::parameter_count() } -> std::convertible_to<std::size_t>;
};

template <class T>
struct member_type_of;
template <class C, class T>
struct member_type_of<T C::*> {
  using type = T;
};

template <class M>
constexpr std::size_t count_parameters();

template <auto... Pointers>
constexpr std::size_t count_members(member_list<Pointers...>) {
  return (count_parameters<typename member_type_of<decltype(Pointers)>::type>() + ... + std::size_t{0});
}

template <class M>
constexpr std::size_t count_parameters() {
  if constexpr (is_bound_tensor<M>) {
    return M::is_trained ? M::size() : 0;
  } else if constexpr (has_parameter_count<M>) {
    return M::parameter_count();
  } else if constexpr (has_members<M>) {
    return count_members(M::members());
  } else {
    return 0;
  }
}

template <class Self, class F, auto... Pointers>
HEDDLE_ALWAYS_INLINE void visit_member_list(Self& self, const member_list<Pointers...>& list, F&& f) {
  std::size_t i = 0;
  (f(list.names[i++], self.*Pointers), ...);
}

/// Any function of a child. (A lambda would do, but not in a concept that nvcc checks.)
struct child_visitor {
  template <class Child>
  void operator()(std::string_view, Child&) const noexcept {}
};

template <class M>
concept has_visit_children = requires(M& m) { M::visit_children(m, child_visitor{}); };

template <class M>
inline constexpr bool has_children = has_visit_children<M> || has_members<M>;

}  // namespace detail

/// Calls `f(name, child)` for every direct child of a module; nothing for a leaf.
template <class M, class F>
HEDDLE_COLD void for_each_child(M& module, F&& f) {
  using plain = std::remove_const_t<M>;
  if constexpr (detail::has_visit_children<plain>) {
    plain::visit_children(module, f);
  } else if constexpr (detail::has_members<plain>) {
    detail::visit_member_list(module, plain::members(), f);
  }
}

/// Calls `f(path, tensor)` for every `parameter` and `buffer` of a module, in order of declaration; the path joins the names
/// from the root with dots. Absent parameters are left out.
template <class M, class F>
HEDDLE_COLD void for_each_parameter(M& module, F&& f, const std::string& prefix = {}) {
  using plain = std::remove_const_t<M>;
  if constexpr (detail::is_bound_tensor<plain>) {
    f(std::string_view(prefix), module);
  } else {
    for_each_child(module, [&](std::string_view name, auto& child) {
      std::string path = prefix;
      if (!path.empty() && !name.empty()) path += '.';
      path += name;
      for_each_parameter(child, f, path);
    });
  }
}

/// One parameter or buffer of a model, its type forgotten.
template <class Slot>
struct basic_parameter_entry {
  std::string name;  ///< the path from the root
  std::span<const std::size_t> shape;
  bool is_trained = true;
  Slot* slot = nullptr;
};
using parameter_entry = basic_parameter_entry<weight_slot>;
using const_parameter_entry = basic_parameter_entry<const weight_slot>;

namespace detail {

/// The list while a model is walked. Whatever the model, this is the code that builds names.
template <class Slot>
struct parameter_list {
  std::vector<basic_parameter_entry<Slot>> entries{};
  std::string path{};

  /// Goes to a child; `leave` takes what this returns.
  HEDDLE_COLD std::size_t enter(std::string_view name) {
    const std::size_t length = path.size();
    if (length != 0 && !name.empty()) path += '.';
    path.append(name.data(), name.size());
    return length;
  }
  HEDDLE_COLD void leave(std::size_t length) { path.resize(length); }
  HEDDLE_COLD void add(std::string_view name, std::span<const std::size_t> shape, bool is_trained, Slot* slot) {
    const std::size_t length = enter(name);
    entries.push_back({path, shape, is_trained, slot});
    leave(length);
  }
};

/// Follows the names down the model. One class whatever is done with the list, so that a model is walked by one copy of
/// the code.
template <class Slot>
struct parameter_collector {
  parameter_list<Slot>& list;

  template <class M>
  void operator()(std::string_view name, M& child) const {
    using plain = std::remove_const_t<M>;
    if constexpr (is_bound_tensor<plain>) {
      list.add(name, plain::shape, plain::is_trained, &child);
    } else if constexpr (has_children<plain>) {
      const std::size_t length = list.enter(name);
      for_each_child(child, *this);
      list.leave(length);
    }
  }
};

template <class Backend>
struct preparer;

}  // namespace detail

/// Every parameter and buffer of a model in order of declaration. @see for_each_parameter, which knows their types
template <class M>
std::vector<basic_parameter_entry<std::conditional_t<std::is_const_v<M>, const weight_slot, weight_slot>>> list_parameters(
    M& model) {
  using slot = std::conditional_t<std::is_const_v<M>, const weight_slot, weight_slot>;
  detail::parameter_list<slot> list;
  detail::parameter_collector<slot>{list}({}, model);
  return std::move(list.entries);
}

/// Number of trained parameters of a model: a constant of its type.
/// @code
/// static_assert(heddle::parameters<my_network> == 919'395);
/// @endcode
template <class M>
inline constexpr std::size_t parameters = detail::count_parameters<M>();

namespace op {
/// Tag of where a backend keeps weights, for backends with memory of their own (`Backend::moves_weights`).
struct weights {};
}  // namespace op

/// Numbers made in `prepare`, where kernels read them.
struct made_weights {
  const float* data = nullptr;
  shared_owner owner{};  ///< keeps `data` alive
};

/// Whether `Backend` reads weights from memory of its own (`kernel<op::weights, Backend>`).
template <class Backend>
inline constexpr bool moves_weights = [] {
  if constexpr (requires { Backend::moves_weights; }) {
    return Backend::moves_weights;
  } else {
    return false;
  }
}();

/// Keeps what a layer made in `prepare` where the kernels of `Backend` read it. Allocates.
template <class Backend>
HEDDLE_COLD made_weights keep_weights(const Backend&, std::vector<float> values) {
  if constexpr (moves_weights<Backend>) {
    return kernel<op::weights, Backend>::keep(values);
  } else {
    const float* data = values.data();  // where they stay when the vector is moved
    return {data, shared_owner(std::move(values))};
  }
}

/// Makes what `Backend` needs from the bound weights (folded norms, packed panels): children first, then the module's own
/// `prepare(backend)`, where it has one. Allocates; call it once after binding, or let `io::bind<Backend>` do it.
template <class Backend, class M>
HEDDLE_COLD void prepare(M& module, const Backend& backend = {}) {
  if constexpr (detail::has_children<M>) for_each_child(module, detail::preparer<Backend>{backend});
  if constexpr (requires { module.prepare(backend); }) module.prepare(backend);
}

namespace detail {
template <class Backend>
struct preparer {
  const Backend& backend;
  template <class M>
  void operator()(std::string_view, M& child) const {
    if constexpr (!is_bound_tensor<M> && (has_children<M> || requires { child.prepare(backend); }))
      heddle::prepare<Backend>(child, backend);
  }
};
}  // namespace detail

}  // namespace heddle::inline v0
