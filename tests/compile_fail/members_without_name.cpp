// Every member has a name.
// EXPECT: heddle::members: one name for every member
#include <heddle/model/members.hpp>

struct module {
  heddle::parameter<4> weight, bias;
#ifdef HEDDLE_MUST_FAIL
  static constexpr auto members() { return heddle::members<&module::weight, &module::bias>("weight"); }
#else
  static constexpr auto members() { return heddle::members<&module::weight, &module::bias>("weight", "bias"); }
#endif
};
[[maybe_unused]] constexpr auto list = module::members();
