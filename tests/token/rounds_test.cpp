#include <heddle/reference/bipartite.hpp>
#include <heddle/reference/gather.hpp>
#include <heddle/reference/top_k.hpp>
#include <heddle/token/rounds.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {
constexpr std::size_t channels = 8;
constexpr std::size_t tokens = 13;
constexpr std::size_t list[] = {4, 100, 0, 1};  // 13 - 4 - 4 - 0 - 1
constexpr hierarchical_merging merge{list, 2};
static_assert(merge.remaining(tokens) == 4);
static_assert(merge.remaining(1) == 1);
}  // namespace

TEST_CASE("tokens that are left after all rounds are the means of what they stand for") {
  const std::vector<float> x = test::normal_vector(3 * tokens * channels, 1);
  const std::size_t left = merge.remaining(tokens);
  std::vector<float> y(3 * left * channels);
  std::vector<float> sizes(3 * left);
  std::vector<std::int32_t> memory(3 * tokens);
  source_map origin{memory.data(), 3, tokens, 0};
  const workspace scratch(merge.bytes(reference{}, tokens, channels));
  merge.run(context<reference>{{}, scratch.scratch()}, make_matrix(x.data(), 3 * tokens, channels), 3,
            make_matrix(y.data(), 3 * left, channels), sizes.data(), &origin);
  CHECK(origin.after == left);
  std::vector<float> means(y.size());
  std::vector<float> counts(sizes.size());
  for (std::size_t i = 0; i < memory.size(); ++i) counts[i / tokens * left + static_cast<std::size_t>(memory[i])] += 1.0F;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t token = i / channels;
    const std::size_t to = token / tokens * left + static_cast<std::size_t>(memory[token]);
    means[to * channels + i % channels] += x[i] / counts[to];
  }
  CHECK(counts == sizes);
  CHECK(test::worst(means, y).relative() < 1e-6);
}

TEST_CASE("hierarchical merging refuses what does not fit") {
  const std::vector<float> x(tokens * channels);
  std::vector<float> y(4 * channels);
  const workspace scratch(merge.bytes(reference{}, tokens, channels));
  [[maybe_unused]] const context<reference> ctx{{}, scratch.scratch()};
  REQUIRE_THROWS_AS(merge.run(ctx, make_matrix(x.data(), tokens, channels), 2, make_matrix(y.data(), 4, channels)),
                    shape_error);
  REQUIRE_THROWS_AS(merge.run(ctx, make_matrix(x.data(), tokens, channels), 1, make_matrix(y.data(), 3, channels)),
                    shape_error);
  const workspace little(64);
  REQUIRE_THROWS_AS(merge.run(context<reference>{{}, little.scratch()}, make_matrix(x.data(), tokens, channels), 1,
                              make_matrix(y.data(), 4, channels)),
                    workspace_error);
}
