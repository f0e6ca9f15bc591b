// The golden "resample": every sampling operation against the implementations that models were trained with. The name of an
// output says which operation, mode and padding it is; a name that says something else is not produced, and that fails.
#include "golden_config.hpp"
#include "support/run.hpp"

#include <heddle/primitive/resample.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace heddle;
using golden::session;

/// The operations are short sums: their outputs are closer than those of networks.
constexpr double tolerance = 1e-5;
/// The recorded byte images come from vector code that rounds differently from its own scalar code.
constexpr double byte_levels = 1;

std::vector<std::string_view> parts_of(std::string_view name) {
  std::vector<std::string_view> parts;
  for (std::size_t dot = 0; dot != std::string_view::npos; name = dot == std::string_view::npos ? name : name.substr(dot + 1)) {
    dot = name.find('.');
    parts.push_back(name.substr(0, dot));
  }
  return parts;
}

/// The number after `prefix`, or nothing.
bool number_after(std::string_view text, std::string_view prefix, std::size_t& number) {
  if (text.substr(0, prefix.size()) != prefix || text.size() == prefix.size()) return false;
  number = 0;
  for (const char c : text.substr(prefix.size())) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<std::size_t>(c - '0');
  }
  return true;
}

template <class Backend>
class runner {
  using placed_map = golden::placed_map<Backend>;
  using workspace = golden::workspace_of<Backend>;
  session& s_;
  placed_map map_;

 public:
  explicit runner(session& s) : s_(s), map_(s.map("input.map")) {}

  void run() {
    for (const std::string& name : s_.names("output.")) {
      const std::vector<std::string_view> parts = parts_of(name);
      std::size_t index = 0;
      if (parts[1] == "grid_sample" && parts.size() == 5) {
        by_mode(name, parts);
      } else if (number_after(parts[1], "resize", index) && index < golden::sizes.size()) {
        by_rule(name, std::string_view(name).substr(8 + parts[1].size()), golden::sizes[index], nullptr);
      } else if (number_after(parts[1], "u8_", index) && index < golden::u8_sizes.size() && parts.size() == 3) {
        by_byte_rule(name, parts[2], golden::u8_sizes[index]);
      } else if (parts[1] == "scale_half" || parts[1] == "scale_double") {
        const double f = parts[1] == "scale_half" ? 0.5 : 2.0;
        const resize_factors factors{f, f};
        const std::array<std::size_t, 2> size{resize_axis::by(map_.extents().extent(1), f).outputs,
                                              resize_axis::by(map_.extents().extent(2), f).outputs};
        by_rule(name, std::string_view(name).substr(8 + parts[1].size()), size, &factors);
      } else if (parts[1] == "roi_align" && parts.size() == 4) {
        by_roi_options(name, parts);
      } else if (parts[1] == "precise_roi_pool" && parts.size() == 2) {
        pool(name, [](auto ctx, auto x, auto rois, auto y) { precise_roi_pool(ctx, x, rois, y); });
      }
    }
  }

 private:
  // ---- resize ----
  void by_rule(const std::string& name, std::string_view rule, const std::array<std::size_t, 2>& size,
               const resize_factors* factors) {
    namespace r = resize_rule;
    if (rule == "nearest") resized(name, r::nearest{}, size, factors);
    if (rule == "nearest-exact") resized(name, r::nearest_exact{}, size, factors);
    if (rule == "area") resized(name, r::area{}, size, factors);
    if (rule == "bilinear" || rule == "bilinear.align0") resized(name, r::bilinear<false>{}, size, factors);
    if (rule == "bilinear.align1") resized(name, r::bilinear<true>{}, size, factors);
    if (rule == "bilinear.antialias") resized(name, r::bilinear_antialiased{}, size, factors);
    if (rule == "bicubic" || rule == "bicubic.align0") resized(name, r::bicubic<false>{}, size, factors);
    if (rule == "bicubic.align1") resized(name, r::bicubic<true>{}, size, factors);
    if (rule == "bicubic.antialias") resized(name, r::bicubic_antialiased{}, size, factors);
  }

  template <class Rule>
  void resized(const std::string& name, Rule rule, const std::array<std::size_t, 2>& size, const resize_factors* factors) {
    placed_map y(dynamic_extents<4>(map_.extents().extent(0), size[0], size[1], map_.extents().extent(3)));
    const Backend backend{};
    const map_view<const float> x = map_.view();
    if (factors == nullptr) {
      const workspace scratch(resize_bytes(backend, x.extents(), y.extents(), rule));
      resize(context<Backend>{backend, scratch.scratch()}, x, y.view(), rule);
    } else {
      const workspace scratch(resize_bytes(backend, x.extents(), y.extents(), rule, *factors));
      resize(context<Backend>{backend, scratch.scratch()}, x, y.view(), rule, *factors);
    }
    s_.check_map(name, y.host().view(), tolerance);
  }

  // ---- grid_sample: parts are output, grid_sample, mode, padding, align<0|1> ----
  void by_mode(const std::string& name, const std::vector<std::string_view>& parts) {
    if (parts[2] == "nearest") by_padding(name, parts, grid_mode::nearest{});
    if (parts[2] == "bilinear") by_padding(name, parts, grid_mode::bilinear{});
    if (parts[2] == "bicubic") by_padding(name, parts, grid_mode::bicubic{});
  }
  template <class Mode>
  void by_padding(const std::string& name, const std::vector<std::string_view>& parts, Mode mode) {
    if (parts[3] == "zeros") by_align(name, parts, mode, grid_padding::zeros{});
    if (parts[3] == "border") by_align(name, parts, mode, grid_padding::border{});
    if (parts[3] == "reflection") by_align(name, parts, mode, grid_padding::reflection{});
  }
  template <class Mode, class Padding>
  void by_align(const std::string& name, const std::vector<std::string_view>& parts, Mode mode, Padding padding) {
    if (parts[4] == "align0") sampled(name, mode, padding, align_corners<false>{});
    if (parts[4] == "align1") sampled(name, mode, padding, align_corners<true>{});
  }
  template <class Mode, class Padding, class Align>
  void sampled(const std::string& name, Mode mode, Padding padding, Align align) {
    const golden::placed<Backend> values(s_.file().floats("input.grid"));
    const std::vector<std::size_t> shape = s_.shape("input.grid");
    const map_view<const float> grid(values.data(), dynamic_extents<4>(shape[0], shape[1], shape[2], shape[3]));
    placed_map y(dynamic_extents<4>(map_.extents().extent(0), shape[1], shape[2], map_.extents().extent(3)));
    grid_sample(context<Backend>{}, map_view<const float>(map_.view()), grid, y.view(), mode, padding, align);
    s_.check_map(name, y.host().view(), tolerance);
  }

  // ---- roi_align: parts are output, roi_align, aligned<0|1>, ratio<n|auto> ----
  void by_roi_options(const std::string& name, const std::vector<std::string_view>& parts) {
    std::size_t aligned = 0;
    std::size_t samples = 0;
    if (!number_after(parts[2], "aligned", aligned)) return;
    if (parts[3] != "ratioauto" && !number_after(parts[3], "ratio", samples)) return;
    pool(name, [&](auto ctx, auto x, auto rois, auto y) { roi_align(ctx, x, rois, y, {1.0f, samples, aligned != 0}); });
  }
  template <class Pool>
  void pool(const std::string& name, Pool f) {
    const golden::placed<Backend> rois(s_.file().floats("input.rois"));
    const std::size_t count = s_.shape("input.rois")[0];
    placed_map y(dynamic_extents<4>(count, golden::roi_output[0], golden::roi_output[1], map_.extents().extent(3)));
    const Backend backend{};
    const workspace scratch(roi_bytes(backend, map_.extents(), y.extents()));
    f(context<Backend>{backend, scratch.scratch()}, map_view<const float>(map_.view()), make_matrix(rois.data(), count, 5),
      y.view());
    s_.check_map(name, y.host().view(), tolerance);
  }

  // ---- images of bytes ----
  void by_byte_rule(const std::string& name, std::string_view rule, const std::array<std::size_t, 2>& size) {
    if (rule == "bilinear") resized_bytes(name, u8_rule::bilinear{}, size);
    if (rule == "area") resized_bytes(name, u8_rule::area{}, size);
    if (rule == "cubic") resized_bytes(name, u8_rule::bicubic{}, size);
  }
  template <class Rule>
  void resized_bytes(const std::string& name, Rule rule, const std::array<std::size_t, 2>& size) {
    const std::vector<std::int64_t> values = s_.file().integers("input.image_u8");
    const std::vector<std::size_t> shape = s_.shape("input.image_u8");
    const golden::placed<Backend, std::uint8_t> bytes(std::vector<std::uint8_t>(values.begin(), values.end()));
    const dynamic_extents<3> from(shape[0], shape[1], shape[2]);
    const dynamic_extents<3> to(size[0], size[1], shape[2]);
    golden::placed<Backend, std::uint8_t> y(to.size());
    const Backend backend{};
    const workspace scratch(resize_u8_bytes(backend, from, to));
    resize_u8(context<Backend>{backend, scratch.scratch()}, image_u8_view<const std::uint8_t>(bytes.data(), from),
              image_u8_view<std::uint8_t>(y.data(), to), rule);
    const std::size_t got_shape[] = {size[0], size[1], shape[2]};
    s_.check_bytes(name, y.host(), got_shape, byte_levels);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return heddle::golden::run_golden(argc, argv, [](auto backend, session& s) { runner<decltype(backend)>(s).run(); });
}
