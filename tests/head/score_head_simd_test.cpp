// The score head on vectors, as the reference backend.
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/head/score_head.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;
using score_type = score_head<24, 3>;

template <class Backend>
std::vector<float> scores_of(score_type head, const map_extents& e, const std::vector<float>& x, const Backend& backend) {
  constexpr std::size_t tokens = 7;
  prepare<Backend>(head, backend);
  const std::size_t batch = e.extent(0);
  const workspace scratch(score_type::scratch_bytes(backend, e, tokens));
  const context<Backend> ctx{backend, scratch.scratch()};
  std::vector<float> memory(score_type::template_size(batch, tokens));
  const std::vector<float> templates = test::normal_vector(batch * tokens * 24, 8);
  head.store_template(ctx, make_matrix<const float>(templates.data(), batch * tokens, 24), memory.data());
  std::vector<float> boxes;
  for (std::size_t b = 0; b < batch; ++b) boxes.insert(boxes.end(), {0.1F, 0.3F, 0.5F + 0.1F * static_cast<float>(b), 0.9F});
  std::vector<float> logits(batch);
  head.forward(ctx, map_view<const float>(x.data(), e), make_matrix<const float>(boxes.data(), batch, 4), memory.data(), tokens,
               logits);
  return logits;
}

}  // namespace

TEST_CASE("the score head on vectors", "[simd]") {
  score_type head;
  test::bind_random_weights(head, 31);
  const map_extents e(3, 6, 5, 24);
  const std::vector<float> x = test::normal_vector(e.size(), 32);
  CHECK(test::worst(scores_of(head, e, x, reference{}), scores_of(head, e, x, simd{})).relative() < 1e-5);
}
