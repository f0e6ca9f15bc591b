# golden_config.hpp of the system "maxsr": a maxsr_config and the mean of the training pictures.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_maxsr json out)
  set(refused "")
  golden_expect(refused "${json}" scale 2 3 4 8)
  golden_expect(refused "${json}" img_range 1 missing)
  golden_expect(refused "${json}" gelu erf missing)
  golden_expect(refused "${json}" window_rule "ceil(sqrt(H)) x ceil(sqrt(W))" missing)
  golden_expect(refused "${json}" input_padding "reflect, right/bottom, to window^2" missing)
  golden_expect(refused "${json}" rel_pos_resize "bilinear, half-pixel centres, no antialias" missing)
  foreach(key scale dim heads base_window mbconv_expansion ffn_ratio)
    golden_whole(${key} refused "${json}" ${key})
  endforeach()
  foreach(key se_ratio ln_eps bn_eps)
    golden_ratio(${key} refused "${json}" ${key})
  endforeach()
  math(EXPR dim_head "${dim} / ${heads}")
  math(EXPR rest "${dim} % ${heads}")
  if(rest)
    golden_refuse(refused "dim ${dim} is not a multiple of heads ${heads}")
  endif()
  golden_expect(refused "${json}" dim_head ${dim_head} missing)

  golden_json_text(depth "${json}" depth)
  golden_json_length(stages "${json}" depth)
  if(stages LESS 1 OR stages GREATER 8)
    golden_refuse(refused "depth has ${stages} stages; supported: 1 to 8")
  endif()
  golden_json_length(colours "${json}" rgb_mean)
  golden_json_text(mean "${json}" rgb_mean)
  if(NOT colours EQUAL 3)
    golden_refuse(refused "rgb_mean has ${colours} numbers; supported: 3")
  endif()

  golden_header(header "#include \"maxsr/maxsr.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::maxsr_config golden_config{
    .scale = ${scale},
    .channels = ${dim},
    .heads = ${heads},
    .stages = ${stages},
    .depth = ${depth},
    .window = ${base_window},
    .expansion = ${mbconv_expansion},
    .squeeze = ${se_ratio},
    .feed_forward = ${ffn_ratio},
    .layer_norm_epsilon = ${ln_eps},
    .batch_norm_epsilon = ${bn_eps}};
inline constexpr double golden_mean[3] = ${mean};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
