// The query decoder on vectors against plain loops, and what holds for any weights.
#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>
#include <heddle/head/query_decoder.hpp>

#include <array>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

using namespace heddle;

namespace {

constexpr query_decoder_options small{.channels = 12,
                                      .heads = 3,
                                      .dynamic = 5,
                                      .hidden = 20,
                                      .class_layers = 2,
                                      .box_layers = 3,
                                      .bins = 3,
                                      .stages = 2,
                                      .queries = 7};
using decoder = query_decoder<small>;
static_assert(6 * parameters<query_decoder_stage<query_decoder_options{}>> == 79'292'196,
              "EVAD's, and Sparse R-CNN's with one class");

struct result {
  std::vector<float> logits;
  std::vector<float> boxes;
};

/// Two images; the boxes learned lie somewhere in them.
template <class Backend>
result run_decoder(decoder m, std::size_t first, std::size_t images) {
  prepare<Backend>(m);
  std::vector<std::vector<float>> maps;
  std::array<map_view<const float>, 3> levels;
  for (std::size_t l = 0; l < 3; ++l) {
    const map_extents e(2, 16U >> l, 24U >> l, 12);
    maps.push_back(test::normal_vector(e.size(), 70 + l));
    levels[l] =
        map_view<const float>(maps.back().data() + first * e.size() / 2, map_extents(images, e.extent(1), e.extent(2), 12));
  }
  const float sizes[] = {96.0F, 64.0F, 80.0F, 60.0F};
  result r{std::vector<float>(images * 7 * 2), std::vector<float>(images * 7 * 4)};
  const workspace memory(decoder::scratch_bytes(Backend{}, levels[0].extents()));
  m.forward(context<Backend>{{}, memory.scratch()}, levels, make_matrix(sizes + 2 * first, images, 2),
            make_matrix(r.logits.data(), images * 7, 2), make_matrix(r.boxes.data(), images * 7, 4));
  return r;
}

decoder random_decoder() {
  decoder m;
  test::bind_random_weights(m, 9);
  auto boxes = std::make_shared<std::vector<float>>();
  for (std::size_t q = 0; q < 7; ++q) boxes->insert(boxes->end(), {0.5F, 0.4F, 0.1F + 0.1F * static_cast<float>(q), 0.5F});
  m.boxes.bind(boxes->data(), boxes);
  return m;
}

}  // namespace

TEST_CASE("query_decoder: vectors agree with plain loops, images do not meet") {
  const decoder m = random_decoder();
  const result expected = run_decoder<reference>(m, 0, 2);
  const result got = run_decoder<simd>(m, 0, 2);
  CHECK(test::worst(expected.logits, got.logits).relative() < 1e-4);
  CHECK(test::worst(expected.boxes, got.boxes).relative() < 1e-4);
  const result second = run_decoder<simd>(m, 1, 1);
  CHECK(test::worst(std::vector<float>(got.boxes.begin() + 28, got.boxes.end()), second.boxes).relative() < 1e-5);
}

TEST_CASE("prepare_dense_in: the product is that of prepare_dense, for transposed matrices too") {
  for (const std::size_t outputs : {1U, 3U, 16U, 37U, 64U}) {
    const std::size_t inputs = 70;
    const std::vector<float> w = test::normal_vector(outputs * inputs, 1);  // [inputs, outputs]
    const std::vector<float> x = test::normal_vector(9 * inputs, 2);
    const matrix_view<const float> transposed(w.data(), extents<dyn, dyn>(outputs, inputs), {std::size_t{1}, outputs});
    std::vector<float> expected(9 * outputs);
    std::vector<float> y(9 * outputs);
    const simd backend;
    gemm(context<simd>{}, make_matrix(x.data(), 9, inputs), prepare_dense(backend, transposed),
         make_matrix(expected.data(), 9, outputs));
    const workspace memory(scratch_bytes<float>(dense_weight_size(backend, outputs, inputs)));
    auto* const storage = memory.scratch().take<float>(dense_weight_size(backend, outputs, inputs));
    std::fill_n(storage, dense_weight_size(backend, outputs, inputs), 1e30F);
    gemm(context<simd>{}, make_matrix(x.data(), 9, inputs), prepare_dense_in(backend, transposed, storage),
         make_matrix(y.data(), 9, outputs));
    CHECK(y == expected);
  }
}
