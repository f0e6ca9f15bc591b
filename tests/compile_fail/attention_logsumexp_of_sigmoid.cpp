// EXPECT: the observer logsumexp needs a normalizer that takes exponentials
#include <heddle/attention/plan.hpp>

#ifdef HEDDLE_MUST_FAIL
using composition = heddle::attention<heddle::sigmoid_weights, heddle::logsumexp>;
#else
using composition = heddle::attention<heddle::softmax_one, heddle::logsumexp>;
#endif
const std::size_t bytes = heddle::plan_bytes(composition{}, heddle::token_grid{1, 8, 8}, 2);
