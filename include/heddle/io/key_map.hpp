/// @file
/// From the library's parameter names to the names in a file.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "report.hpp"

namespace heddle::inline v0::io {

namespace detail {

/// The dotted segments of a name; none for the empty name.
HEDDLE_COLD inline std::vector<std::string_view> segments_of(std::string_view name) {
  std::vector<std::string_view> segments;
  while (!name.empty()) {
    const std::size_t dot = name.find('.');
    segments.push_back(name.substr(0, dot));
    name = dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
  }
  return segments;
}

inline bool is_wildcard(std::string_view segment) noexcept { return segment == "*" || segment == "**"; }

using segment_list = std::vector<std::string_view>;

/// Matches `pattern[p...]` with the beginning of `name[n...]`, fewest segments for `**` first. `carried` receives what every
/// wildcard stood for; the result is the number of segments of the name that are used, or `no_match`.
inline constexpr std::size_t no_match = static_cast<std::size_t>(-1);
HEDDLE_COLD inline std::size_t match_from(const segment_list& pattern, std::size_t p, const segment_list& name, std::size_t n,
                                          bool whole, std::vector<segment_list>& carried) {
  if (p == pattern.size()) return !whole || n == name.size() ? n : no_match;
  if (pattern[p] == "**") {
    for (std::size_t last = n; last <= name.size(); ++last) {
      carried.emplace_back(name.begin() + static_cast<std::ptrdiff_t>(n), name.begin() + static_cast<std::ptrdiff_t>(last));
      const std::size_t used = match_from(pattern, p + 1, name, last, whole, carried);
      if (used != no_match) return used;
      carried.pop_back();
    }
    return no_match;
  }
  if (n == name.size() || (pattern[p] != "*" && pattern[p] != name[n])) return no_match;
  if (pattern[p] == "*") carried.push_back({name[n]});
  const std::size_t used = match_from(pattern, p + 1, name, n + 1, whole, carried);
  if (used == no_match && pattern[p] == "*") carried.pop_back();
  return used;
}

}  // namespace detail

/// Where a parameter's numbers are in a file: a tensor, or part `part` of `parts` equal parts of its first axis. An empty
/// name means zeros.
struct tensor_source {
  std::string name{};
  std::size_t part = 0;
  std::size_t parts = 1;
};

/// Ordered rules that turn the names of a model's parameters into the names of a file's tensors.
///
/// Patterns are dotted names; `*` stands for exactly one segment, `**` for any number of segments, also none. A rule matches
/// a parameter when its pattern matches the beginning of the parameter's name; the rest of the name is kept. What the
/// wildcards stood for is carried over in order, so both sides have the same wildcards. The first rule that matches is the
/// only one that is applied; a name that no rule matches stays as it is.
/// @code
/// heddle::io::key_map map;
/// map.rename("stages.*.*.mbconv.expand", "stages.*.*.0.fn.0")          // stages.1.0.mbconv.expand.weight -> stages.1.0.0.fn.0.weight
///     .split("**.attn.q", "**.attn.qkv", 0, 3)                         // the first third of the rows of a fused tensor
///     .rename("", "backbone")                                          // everything else: a prefix
///     .ignore("**.num_batches_tracked");                               // in the file, not in the model, and that is right
/// @endcode
class key_map {
  struct rule {
    std::string from;
    std::vector<tensor_source> to;
  };
  std::vector<rule> rules_{};
  std::vector<std::string> ignored_{};

 public:
  /// Parameters that begin with `from` are stored under `to`. An empty `from` matches everything: with it `to` is a prefix;
  /// an empty `to` takes a prefix away.
  /// @throws weight_error if the two sides do not have the same wildcards.
  HEDDLE_COLD key_map& rename(std::string_view from, std::string_view to) {
    return add(from, {tensor_source{std::string(to), 0, 1}});
  }

  /// As `rename`, for a tensor that the file stores fused with others along its first axis: the parameter is part `part`
  /// (from 0) of `parts` equal parts.
  /// @throws weight_error if there is no such part, or the two sides do not have the same wildcards.
  HEDDLE_COLD key_map& split(std::string_view from, std::string_view to, std::size_t part, std::size_t parts) {
    if (part >= parts)
      heddle::detail::raise<weight_error>(
          detail::concat({"key_map: part ", std::to_string(part), " of ", detail::quoted(to), " does not exist, it has ",
                          detail::counted(parts, "part"), ", numbered from 0"}));
    return add(from, {tensor_source{std::string(to), part, parts}});
  }

  /// The other way round: the parameter is fused, the file stores it as several tensors, put together along the first axis
  /// in the order given. An empty name stands for zeros (of the size that the others leave), such as the bias of keys
  /// that some models do not have.
  /// @code
  /// map.join("**.attn.qkv.bias", {"**.attn.q_bias", "", "**.attn.v_bias"});
  /// @endcode
  /// @throws weight_error if the sides do not have the same wildcards.
  HEDDLE_COLD key_map& join(std::string_view from, std::initializer_list<std::string_view> parts) {
    std::vector<tensor_source> to;
    for (const std::string_view part : parts) to.push_back({std::string(part), 0, 1});
    return add(from, std::move(to));
  }

  /// Tensors of the file whose whole name matches are allowed to be in no parameter.
  HEDDLE_COLD key_map& ignore(std::string_view pattern) {
    ignored_.emplace_back(pattern);
    return *this;
  }

  /// Where the numbers of a parameter are; one source but for `join`.
  HEDDLE_COLD std::vector<tensor_source> sources(std::string_view parameter) const {
    const detail::segment_list name = detail::segments_of(parameter);
    for (const rule& r : rules_) {
      std::vector<detail::segment_list> carried;
      const std::size_t used = detail::match_from(detail::segments_of(r.from), 0, name, 0, false, carried);
      if (used == detail::no_match) continue;
      std::vector<tensor_source> result;
      for (const tensor_source& to : r.to) {
        const bool zeros = to.name.empty() && r.to.size() > 1;
        result.push_back({zeros ? std::string() : rewrite(to.name, carried, name, used), to.part, to.parts});
      }
      return result;
    }
    return {tensor_source{std::string(parameter), 0, 1}};
  }

  HEDDLE_COLD bool is_ignored(std::string_view stored_name) const {
    const detail::segment_list name = detail::segments_of(stored_name);
    for (const std::string& pattern : ignored_) {
      std::vector<detail::segment_list> carried;
      if (detail::match_from(detail::segments_of(pattern), 0, name, 0, true, carried) != detail::no_match) return true;
    }
    return false;
  }

 private:
  HEDDLE_COLD key_map& add(std::string_view from, std::vector<tensor_source> to) {
    for (const tensor_source& t : to) {
      if (to.size() > 1 && t.name.empty()) continue;
      if (wildcards(t.name) != wildcards(from))
        heddle::detail::raise<weight_error>(detail::concat(
            {"key_map: ", detail::quoted(from), " and ", detail::quoted(t.name), " must have the same wildcards"}));
    }
    rules_.push_back({std::string(from), std::move(to)});
    return *this;
  }

  HEDDLE_COLD static std::vector<std::string_view> wildcards(std::string_view pattern) {
    std::vector<std::string_view> found;
    for (const std::string_view segment : detail::segments_of(pattern))
      if (detail::is_wildcard(segment)) found.push_back(segment);
    return found;
  }

  static void append(std::string& name, std::string_view segment) {
    if (!name.empty()) name += '.';
    name += segment;
  }

  HEDDLE_COLD static std::string rewrite(std::string_view to, const std::vector<detail::segment_list>& carried,
                                         const detail::segment_list& name, std::size_t used) {
    std::string result;
    std::size_t next = 0;
    for (const std::string_view segment : detail::segments_of(to)) {
      if (!detail::is_wildcard(segment)) {
        append(result, segment);
      } else {
        for (const std::string_view s : carried[next]) append(result, s);
        ++next;
      }
    }
    for (std::size_t i = used; i < name.size(); ++i) append(result, name[i]);
    return result;
  }
};

}  // namespace heddle::inline v0::io
