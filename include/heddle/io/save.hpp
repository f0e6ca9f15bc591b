/// @file
/// Saving a model's weights: the counterpart of `bind`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../model/members.hpp"
#include "key_map.hpp"
#include "report.hpp"
#include "safetensors_writer.hpp"

namespace heddle::inline v0::io {

namespace detail {

/// Gathers parameters under their names in the file and puts the parts of fused tensors together.
class saver {
  struct stored {
    std::string name{};
    std::vector<std::size_t> shape{};  ///< of one part
    std::vector<const float*> parts{};
  };
  const key_map& map_;
  std::vector<stored> tensors_{};
  std::vector<std::vector<float>> fused_{};  ///< whose numbers do not move when the list grows
  problem_list problems_{};

 public:
  explicit saver(const key_map& map) : map_(map) {}

  void add(std::string_view parameter, std::span<const std::size_t> shape, const float* data) {
    const std::vector<tensor_source> sources = map_.sources(parameter);
    if (data == nullptr) {
      problems_.add(concat({quoted(parameter), ": not bound"}));
    } else if (sources.size() != 1) {
      problems_.add(concat({quoted(parameter), ": joined from several tensors of a file, whose sizes are not known"}));
    } else {
      place(parameter, shape, data, sources.front());
    }
  }

  /// The tensors of the file, in the order in which the model first names them.
  std::vector<tensor_entry> entries(const std::string& path, dtype stored_type) {
    std::vector<tensor_entry> result;
    for (const stored& t : tensors_) {
      for (std::size_t i = 0; i < t.parts.size(); ++i)
        if (t.parts[i] == nullptr)
          problems_.add(concat({"tensor ", quoted(t.name), ": no parameter is part ", std::to_string(i), " of ",
                                std::to_string(t.parts.size())}));
    }
    if (!problems_.empty())
      heddle::detail::raise<weight_error>(
          concat({path, ": not saved for ", counted(problems_.size(), "problem"), problems_.text()}));
    for (const stored& t : tensors_) result.push_back(entry(t, stored_type));
    return result;
  }

 private:
  void place(std::string_view parameter, std::span<const std::size_t> shape, const float* data, const tensor_source& source) {
    stored* t = nullptr;
    for (stored& other : tensors_)
      if (other.name == source.name) t = &other;
    if (t == nullptr)
      t = &tensors_.emplace_back(stored{source.name, {shape.begin(), shape.end()}, std::vector<const float*>(source.parts)});
    const bool fits = t->parts.size() == source.parts && t->shape.size() == shape.size() &&
                      std::equal(shape.begin(), shape.end(), t->shape.begin());
    // Tied weights are one tensor under two names, and stay one.
    if (!fits || (t->parts[source.part] != nullptr && t->parts[source.part] != data)) {
      problems_.add(concat({quoted(parameter), ": another parameter is stored as ", quoted(source.name), " already"}));
      return;
    }
    t->parts[source.part] = data;
  }

  tensor_entry entry(const stored& t, dtype stored_type) {
    tensor_entry result{t.name, t.shape, t.parts.front(), dtype::f32, stored_type};
    if (t.parts.size() == 1) return result;
    const std::size_t count = result.size();
    std::vector<float>& all = fused_.emplace_back();
    for (const float* part : t.parts) all.insert(all.end(), part, part + count);
    if (!result.shape.empty()) result.shape.front() *= t.parts.size();
    result.data = all.data();
    return result;
  }
};

}  // namespace detail

/// Writes every parameter and buffer of a bound model to a safetensors file that `bind` with the same key map reads back;
/// `stored` is f32 (the same bits), f16 or bf16.
/// @throws weight_error with everything that prevents it: parameters that are not bound, parts of a fused tensor that no
/// parameter is, tensors that the key map joins. @throws file_error if the file cannot be written.
template <class Model>
void save(const Model& model, const std::string& path, const key_map& map = {}, dtype stored = dtype::f32,
          const metadata_list& metadata = {}) {
  detail::saver s(map);
  for (const const_parameter_entry& entry : list_parameters(model)) s.add(entry.name, entry.shape, entry.slot->data());
  write_safetensors(path, s.entries(path, stored), metadata);
}

}  // namespace heddle::inline v0::io
