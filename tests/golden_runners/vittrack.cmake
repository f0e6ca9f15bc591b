# golden_config.hpp of the system "vittrack": a vittrack_config and what its tracker needs.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_vittrack json out)
  set(refused "")
  golden_expect(refused "${json}" stride 16 missing)
  golden_expect(refused "${json}" batch_norm "folded into the convolutions" missing)
  golden_json_length(tower "${json}" head_channels)
  if(NOT tower EQUAL 4)
    golden_refuse(refused "head_channels has ${tower} entries; supported: 4")
  endif()
  golden_whole(channels refused "${json}" embed_dim)
  golden_whole(depth refused "${json}" depth)
  golden_whole(heads refused "${json}" num_heads)
  golden_whole(mlp_ratio refused "${json}" mlp_ratio)
  golden_json_text(head_channels "${json}" head_channels)
  golden_whole(template_side refused "${json}" template_size)
  golden_whole(search_side refused "${json}" search_size)
  golden_json_text(search_factor "${json}" search_factor)
  if(NOT search_factor MATCHES "^[0-9]+([.][0-9]+)?$")
    golden_refuse(refused "search_factor is ${search_factor}; supported: positive numbers")
    set(search_factor 1)
  endif()
  golden_ratio(epsilon refused "${json}" layer_norm_eps)
  golden_header(header "#include \"vittrack/vittrack.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::vittrack_config golden_config{
    .channels = ${channels},
    .depth = ${depth},
    .heads = ${heads},
    .mlp_ratio = ${mlp_ratio},
    .head_channels = ${head_channels},
    .template_side = ${template_side},
    .search_side = ${search_side},
    .layer_norm_epsilon = ${epsilon}};
inline constexpr double golden_search_factor = ${search_factor};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
