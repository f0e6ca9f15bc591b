# golden_config.hpp of the system "swin-transformer-v2": a swin_config.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

# Notes maps that cannot be cut into whole windows and cells of 2 x 2, and channels that cannot be cut into whole heads: the
# composition refuses to compile for them.
function(golden_swin_sizes out_refused refused json path patch channels window)
  golden_json_length(stages "${json}" "${path};depths")
  golden_json_or(height "${json}" "${path};img_size;0" "")
  golden_json_or(width "${json}" "${path};img_size;1" "")
  if(NOT height)
    golden_json_or(height "${json}" "${path};img_size" 0)
    set(width "${height}")
  endif()
  math(EXPR rows "${height} / ${patch}")
  math(EXPR columns "${width} / ${patch}")
  math(EXPR last "${stages} - 1")
  foreach(stage RANGE ${last})
    set(side ${window})
    if(rows LESS side)
      set(side ${rows})
    endif()
    if(columns LESS side)
      set(side ${columns})
    endif()
    if(side EQUAL 0)
      golden_refuse(refused "stage ${stage} has no tokens")
      break()
    endif()
    math(EXPR rest "${rows} % ${side} + ${columns} % ${side}")
    if(rest)
      golden_refuse(refused "the map of stage ${stage}, ${rows} x ${columns}, is not made of whole windows of ${side} x ${side}")
    endif()
    golden_json_or(heads "${json}" "${path};num_heads;${stage}" 1)
    math(EXPR rest "${channels} % ${heads}")
    if(rest)
      golden_refuse(refused "the ${channels} channels of stage ${stage} are not made of ${heads} whole heads")
    endif()
    math(EXPR rest "${rows} % 2 + ${columns} % 2")
    if(rest AND stage LESS last)
      golden_refuse(refused "the map of stage ${stage}, ${rows} x ${columns}, cannot be halved")
    endif()
    math(EXPR rows "${rows} / 2")
    math(EXPR columns "${columns} / 2")
    math(EXPR channels "${channels} * 2")
  endforeach()
  set(${out_refused} "${refused}" PARENT_SCOPE)
endfunction()

# The member initialisers of a swin_config from the official constructor's arguments at `path`.
function(golden_swin_config out out_refused json path)
  set(refused "")
  golden_json_text(image "${json}" "${path};img_size")
  if(NOT image MATCHES "^{")
    set(image "{${image}, ${image}}")
  endif()
  if(NOT image MATCHES "^{[1-9][0-9]*, [1-9][0-9]*}$")
    golden_refuse(refused "img_size is ${image}; supported: one or two positive whole numbers")
    set(image "{256, 256}")
  endif()
  foreach(key patch_size in_chans embed_dim window_size)
    golden_whole(${key} refused "${json}" "${path};${key}")
  endforeach()
  golden_json_or(num_classes "${json}" "${path};num_classes" 1000)
  if(NOT num_classes MATCHES "^[0-9]+$")
    golden_refuse(refused "num_classes is ${num_classes}; supported: whole numbers of at least 0")
    set(num_classes 0)
  endif()
  golden_json_length(stages "${json}" "${path};depths")
  golden_json_length(heads "${json}" "${path};num_heads")
  if(NOT stages EQUAL heads OR stages LESS 1 OR stages GREATER 8)
    golden_refuse(refused "depths and num_heads have ${stages} and ${heads} stages; supported: the same number, 1 to 8")
  endif()
  golden_json_text(depths "${json}" "${path};depths")
  golden_json_text(num_heads "${json}" "${path};num_heads")
  golden_json_or(pretrained "${json}" "${path};pretrained_window_sizes" "{}")
  golden_ratio(mlp_ratio refused "${json}" "${path};mlp_ratio")
  foreach(key qkv_bias ape patch_norm)
    golden_expect(refused "${json}" "${path};${key}" true false missing)
  endforeach()
  golden_json_or(qkv_bias "${json}" "${path};qkv_bias" true)
  golden_json_or(ape "${json}" "${path};ape" false)
  golden_json_or(patch_norm "${json}" "${path};patch_norm" true)
  if(NOT refused)
    golden_swin_sizes(refused "" "${json}" "${path}" ${patch_size} ${embed_dim} ${window_size})
  endif()
  golden_expect(refused "${json}" "fixed;cpb_hidden" 512 missing)
  golden_expect(refused "${json}" "fixed;layer_norm_eps" 1e-05 0.00001 1.0000000000000001e-05 missing)
  golden_expect(refused "${json}" "fixed;bias_scale" 16 missing)
  golden_expect(refused "${json}" "fixed;mask_value" -100.0 -100 missing)
  set(${out} "{
    .image = ${image},
    .in_channels = ${in_chans},
    .patch = ${patch_size},
    .classes = ${num_classes},
    .channels = ${embed_dim},
    .stages = ${stages},
    .depth = ${depths},
    .heads = ${num_heads},
    .window = ${window_size},
    .pretrained_window = ${pretrained},
    .feed_forward = ${mlp_ratio},
    .qkv_bias = ${qkv_bias},
    .absolute_positions = ${ape},
    .patch_norm = ${patch_norm}}" PARENT_SCOPE)
  set(${out_refused} "${refused}" PARENT_SCOPE)
endfunction()

function(heddle_golden_config_swin_transformer_v2 json out)
  golden_swin_config(config refused "${json}" hyper_parameters)
  golden_header(header "#include \"swin_v2/swin_v2.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::swin_config golden_config${config};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
