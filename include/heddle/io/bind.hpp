/// @file
/// Binding a model to a file: every parameter finds its tensor, or one report says everything that does not fit.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../backend/tags.hpp"
#include "../core/error.hpp"
#include "../core/tensor.hpp"
#include "../model/members.hpp"
#include "key_map.hpp"
#include "report.hpp"
#include "safetensors.hpp"

namespace heddle::inline v0::io {

/// Everything that does not fit between a model and a file: one line per problem, by kind.
struct bind_report {
  std::string title{};
  std::size_t parameters = 0;  ///< parameters and buffers of the model
  std::vector<std::string> missing{};
  std::vector<std::string> unexpected{};
  std::vector<std::string> mis_shaped{};
  std::vector<std::string> mis_typed{};

  std::size_t problems() const noexcept { return missing.size() + unexpected.size() + mis_shaped.size() + mis_typed.size(); }
  bool ok() const noexcept { return problems() == 0; }

  /// A first line with the counts, then one line per problem.
  HEDDLE_COLD std::string text() const {
    std::string all =
        detail::concat({title, ok() ? " fits" : " does not fit", " the model of ", detail::counted(parameters, "tensor"), ": ",
                        std::to_string(missing.size()), " missing, ", std::to_string(unexpected.size()), " unexpected, ",
                        std::to_string(mis_shaped.size()), " mis-shaped, ", std::to_string(mis_typed.size()), " mis-typed"});
    append(all, "missing", missing);
    append(all, "unexpected", unexpected);
    append(all, "mis-shaped", mis_shaped);
    append(all, "mis-typed", mis_typed);
    return all;
  }

 private:
  HEDDLE_COLD static void append(std::string& all, std::string_view kind, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) all.append(detail::concat({"\n  ", kind, ": ", line}));
  }
};

namespace detail {

/// What a parameter is bound to in the end.
struct bound_memory {
  const float* data = nullptr;
  shared_owner owner{};
};

/// Plans where every parameter's numbers come from, reports what does not fit, then fetches. It knows no model type, so one
/// copy serves all of them.
class binder {
  /// `count` floats from bytes of a file; null bytes are zeros.
  struct piece {
    const std::byte* from = nullptr;
    dtype type = dtype::f32;
    std::size_t count = 0;
  };
  struct plan {
    std::vector<piece> pieces{};
    shared_owner owner{};    ///< of bytes that are bound in place
    std::size_t offset = 0;  ///< of converted floats in the block
    bool in_place = false;
  };
  struct found {
    const safetensors* file = nullptr;
    const stored_tensor* tensor = nullptr;
  };

  std::span<const safetensors> files_;
  const key_map& map_;
  bind_report report_{};
  std::vector<plan> plans_{};
  std::vector<std::vector<bool>> used_{};
  std::size_t converted_ = 0;      ///< floats of the block, each tensor from a cache line on
  const float* floats_ = nullptr;  ///< the block
  shared_owner block_{};

 public:
  HEDDLE_COLD binder(std::span<const safetensors> files, const key_map& map) : files_(files), map_(map) {
    for (const safetensors& file : files_) {
      report_.title.append(report_.title.empty() ? "" : ", ").append(file.path());
      used_.emplace_back(file.size(), false);
    }
  }

  /// Finds the tensors of one parameter of shape `extents` and notes what is wrong with them.
  HEDDLE_COLD void add(std::string_view parameter, std::span<const std::size_t> extents) {
    ++report_.parameters;
    const std::vector<tensor_source> sources = map_.sources(parameter);
    plan p;
    if (sources.size() == 1) {
      add_part(p, parameter, extents, sources.front());
    } else {
      add_joined(p, parameter, extents, sources);
    }
    plans_.push_back(std::move(p));
  }

  /// Call after the last `add`.
  HEDDLE_COLD const bind_report& finish() {
    for (std::size_t f = 0; f < files_.size(); ++f)
      for (std::size_t i = 0; i < files_[f].size(); ++i) {
        const stored_tensor& t = files_[f][i];
        if (!used_[f][i] && !map_.is_ignored(t.name))
          report_.unexpected.push_back(concat({quoted(t.name), " ", name_of(t.type), " ", to_string(t.shape)}));
      }
    return report_;
  }

  /// Converts what cannot be used in place. Only for a report without problems.
  HEDDLE_COLD void fetch() {
    if (converted_ == 0) return;
    heddle::detail::aligned_bytes block(converted_ * sizeof(float));
    auto* floats = reinterpret_cast<float*>(block.data());
    for (const plan& p : plans_) {
      if (p.in_place) continue;
      float* to = floats + p.offset;
      for (const piece& part : p.pieces) {
        if (part.from != nullptr) load_floats(part.type, part.from, to, part.count);
        to += part.count;
      }
    }
    floats_ = floats;
    block_ = std::move(block);
  }

  /// The memory of the parameter that was added as number `index`.
  HEDDLE_COLD bound_memory memory(std::size_t index) const {
    const plan& p = plans_[index];
    if (p.in_place) return {reinterpret_cast<const float*>(p.pieces.front().from), p.owner};
    return {floats_ + p.offset, block_};
  }

 private:
  HEDDLE_COLD static std::string named(std::string_view parameter, std::string_view stored) {
    if (stored == parameter) return quoted(parameter);
    return concat({quoted(parameter), " (in the file ", quoted(stored), ")"});
  }

  static std::size_t elements(std::span<const std::size_t> extents) noexcept {
    std::size_t n = 1;
    for (const std::size_t e : extents) n *= e;
    return n;
  }

  /// The tensor of that name if it can be read as floats; notes that it is used in either case.
  HEDDLE_COLD found find(std::string_view parameter, std::span<const std::size_t> extents, const std::string& name) {
    for (std::size_t f = 0; f < files_.size(); ++f) {
      const stored_tensor* t = files_[f].find(name);
      if (t == nullptr) continue;
      used_[f][static_cast<std::size_t>(t - &files_[f][0])] = true;
      if (is_floating(t->type)) return {&files_[f], t};
      report_.mis_typed.push_back(
          concat({named(parameter, name), ": stored as ", name_of(t->type), ", expected F32, F16, BF16, F64 or F8"}));
      return {};
    }
    report_.missing.push_back(concat({named(parameter, name), " ", to_string(extents)}));
    return {};
  }

  HEDDLE_COLD bool same_shape(std::string_view parameter, std::span<const std::size_t> expected, const stored_tensor& t) {
    bool same = t.shape.size() == expected.size();
    for (std::size_t i = 0; same && i < expected.size(); ++i) same = t.shape[i] == expected[i];
    if (!same)
      report_.mis_shaped.push_back(
          concat({named(parameter, t.name), ": expected ", to_string(expected), ", got ", to_string(t.shape)}));
    return same;
  }

  /// A whole tensor, or one of equal parts of its first axis.
  HEDDLE_COLD void add_part(plan& p, std::string_view parameter, std::span<const std::size_t> extents,
                            const tensor_source& source) {
    const found at = find(parameter, extents, source.name);
    if (at.tensor == nullptr) return;
    std::vector<std::size_t> whole(extents.begin(), extents.end());
    if (!whole.empty()) whole.front() *= source.parts;
    if (!same_shape(parameter, whole, *at.tensor)) return;
    const std::size_t count = elements(extents);
    const std::byte* from = at.file->bytes(*at.tensor).data() + source.part * count * size_of(at.tensor->type);
    const bool aligned = reinterpret_cast<std::uintptr_t>(from) % alignof(float) == 0;
    p.pieces.push_back({from, at.tensor->type, count});
    p.owner = at.file->owner();
    p.in_place = at.tensor->type == dtype::f32 && aligned && std::endian::native == std::endian::little;
    if (!p.in_place) reserve(p, count);
  }

  /// Several tensors one after the other along the first axis. Zeros fill what the others leave.
  HEDDLE_COLD void add_joined(plan& p, std::string_view parameter, std::span<const std::size_t> extents,
                              const std::vector<tensor_source>& sources) {
    const std::size_t rows = extents.empty() ? 1 : extents.front();
    const std::size_t row = rows == 0 ? 0 : elements(extents) / rows;
    std::size_t given = 0, zeros = 0;
    bool ok = true;
    for (const tensor_source& source : sources) {
      p.pieces.emplace_back();
      if (source.name.empty()) {
        ++zeros;
        continue;
      }
      const found at = find(parameter, extents, source.name);
      if (at.tensor == nullptr) {
        ok = false;
        continue;
      }
      std::vector<std::size_t> expected(extents.begin(), extents.end());
      if (!expected.empty() && !at.tensor->shape.empty()) expected.front() = at.tensor->shape.front();
      ok = same_shape(parameter, expected, *at.tensor) && ok;
      p.pieces.back() = {at.file->bytes(*at.tensor).data(), at.tensor->type, at.tensor->size()};
      given += at.tensor->shape.empty() ? 0 : at.tensor->shape.front();
    }
    if (!ok) return;
    if (given > rows || (zeros == 0 ? given != rows : (rows - given) % zeros != 0)) {
      report_.mis_shaped.push_back(concat(
          {quoted(parameter), ": expected ", to_string(extents), ", its parts in the file have ", counted(given, "row")}));
      return;
    }
    for (piece& part : p.pieces)
      if (part.from == nullptr) part.count = (rows - given) / zeros * row;
    reserve(p, rows * row);
  }

  void reserve(plan& p, std::size_t count) noexcept {
    constexpr std::size_t line = memory_alignment / sizeof(float);
    p.offset = converted_;
    converted_ += (count == 0 ? 1 : (count + line - 1) / line) * line;
  }
};

template <class Model>
void add_parameters(binder& b, Model& model) {
  for (const auto& entry : list_parameters(model)) b.add(entry.name, entry.shape);
}

}  // namespace detail

/// Compares a model with the files of a checkpoint and binds nothing: what `bind` would say.
template <class Model>
bind_report check(const Model& model, std::span<const safetensors> files, const key_map& map = {}) {
  detail::binder b(files, map);
  detail::add_parameters(b, model);
  return b.finish();
}
template <class Model>
bind_report check(const Model& model, const safetensors& file, const key_map& map = {}) {
  return check(model, std::span<const safetensors>(&file, 1), map);
}

/// Binds every parameter and buffer of `model` to the tensor of its name in the files of a checkpoint, then prepares the
/// model for `Backend`. Names go through `map`; shapes must be equal, extent by extent.
///
/// Tensors of f32 are used where they lie and keep the file's memory alive; f16, bf16 and f64 (and unaligned f32) are
/// converted into one allocation. Copies of the model share both.
/// @throws weight_error with a report of everything missing, unexpected, mis-shaped or mis-typed. The model is then as it
/// was before.
template <class Backend = reference, class Model>
void bind(Model& model, std::span<const safetensors> files, const key_map& map = {}) {
  detail::binder b(files, map);
  detail::add_parameters(b, model);
  const bind_report& report = b.finish();
  if (!report.ok()) heddle::detail::raise<weight_error>(report.text());
  b.fetch();
  Model bound = model;
  std::size_t index = 0;
  for (const parameter_entry& entry : list_parameters(bound)) {
    detail::bound_memory memory = b.memory(index++);
    entry.slot->bind(memory.data, std::move(memory.owner));
  }
  if constexpr (moves_weights<Backend>) kernel<op::weights, Backend>::place(list_parameters(bound));
  prepare<Backend>(bound);
  model = std::move(bound);
}
template <class Backend = reference, class Model>
void bind(Model& model, const safetensors& file, const key_map& map = {}) {
  bind<Backend>(model, std::span<const safetensors>(&file, 1), map);
}

}  // namespace heddle::inline v0::io
