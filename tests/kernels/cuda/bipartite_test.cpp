// Bipartite matching on the device: the matches of the definition exactly, among equal and nearly equal rows too.
#include <heddle/cuda/bipartite.cuh>

#include <limits>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using list = std::vector<std::int32_t>;

/// `groups` slices of the channels of `x` `[rows, channels]` are averaged.
void check(const std::vector<float>& x, std::size_t channels, std::size_t groups, const list& sources,
           const list& destinations) {
  const std::size_t rows = x.size() / channels;
  list best(sources.size());
  std::vector<float> similarity(sources.size());
  const workspace memory(match_bytes(reference{}, sources.size(), destinations.size(), channels / groups));
  match_bipartite(context<reference>{{}, memory.scratch()}, mean_of_groups(make_matrix(x.data(), rows, channels), groups),
                  sources, destinations, best, similarity);
  INFO(sources.size() << " with " << destinations.size() << " of " << channels / groups);
  test::in_both_orders([&] {
    const test::device_scratch scratch(match_bytes(cuda<>{}, sources.size(), destinations.size(), channels / groups));
    test::on_device<float> metric(x), found(std::vector<float>(sources.size()));
    test::on_device<std::int32_t> a(sources), b(destinations), at(list(sources.size(), -7));
    match_bipartite(scratch.ctx(), mean_of_groups(make_matrix<const float>(metric.data(), rows, channels), groups), a.span(),
                    b.span(), at.span(), found.span());
    CHECK(at.to_host() == best);
    CHECK(test::worst(similarity, found.to_host()).difference == 0.0);
  });
}

}  // namespace

TEST_CASE("sources matched by a device", "[bipartite]") {
  const std::vector<float> x = test::normal_vector(std::size_t{200} * 2 * 37, 4);
  for (const std::size_t n : std::initializer_list<std::size_t>{2, 3, 33, 67, 200}) {
    list even, odd;
    for (std::size_t i = 0; i < n; ++i) (i % 3 == 0 ? even : odd).push_back(static_cast<std::int32_t>(i));
    check(x, 74, 2, even, odd);
    check(x, 37, 1, odd, even);
  }
}

TEST_CASE("equal rows, rows of zeros and what is no number are matched by a device as defined", "[bipartite]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  check({1, 0, 0, 0, 0, 2, nan, 1, 3, 0, 3, 4}, 2, 1, {0, 1, 3, 5}, {2, 4, 0, 5});
  // The same directions many times, with lengths that do not divide exactly.
  std::vector<float> x = test::normal_vector(150 * 5, 8);
  for (std::size_t r = 10; r < 150; ++r)
    for (std::size_t c = 0; c < 5; ++c) x[r * 5 + c] = x[r % 10 * 5 + c] * (1.0F + static_cast<float>(r / 10) * 0.37F);
  list sources, destinations;
  for (std::int32_t i = 0; i < 150; ++i) (i % 4 == 1 ? sources : destinations).push_back(i);
  check(x, 5, 1, sources, destinations);
}

TEST_CASE("no sources are no work for a device", "[bipartite]") {
  match_bipartite(test::device_scratch().ctx(), metric_rows{make_matrix<const float>(nullptr, 0, 4)}, {}, {}, {}, {});
}
