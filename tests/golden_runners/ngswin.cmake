# golden_config.hpp of the system "ngswin": an ngswin_config and the statistics of its training pictures.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_ngswin json out)
  set(refused "")
  golden_expect(refused "${json}" scale 2 3 4)
  golden_expect(refused "${json}" ngram 2 missing)
  foreach(key scale embed_dim dec_depth dec_num_heads window_size)
    golden_whole(${key} refused "${json}" ${key})
  endforeach()
  golden_expect(refused "${json}" dec_dim ${embed_dim} missing)
  foreach(key depths num_heads)
    golden_json_text(${key} "${json}" ${key})
    if(NOT ${key} MATCHES "^{[1-9][0-9]*, [1-9][0-9]*, [1-9][0-9]*}$")
      golden_refuse(refused "${key} is ${${key}}; supported: three positive whole numbers")
      set(${key} "{1, 1, 1}")
    endif()
  endforeach()
  golden_ratio(mlp_ratio refused "${json}" mlp_ratio)
  golden_json_text(mean "${json}" mean)
  golden_json_text(std "${json}" std)
  golden_header(header "#include \"ngswin/ngswin.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::ngswin_config golden_config{
    .scale = ${scale},
    .channels = ${embed_dim},
    .depth = ${depths},
    .heads = ${num_heads},
    .decoder_depth = ${dec_depth},
    .decoder_heads = ${dec_num_heads},
    .window = ${window_size},
    .feed_forward = ${mlp_ratio}};
inline constexpr double golden_mean[] = ${mean};
inline constexpr double golden_deviation[] = ${std};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
