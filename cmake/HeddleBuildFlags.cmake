# Flags of this project's own programs: tests, benchmarks, examples. Users of the library get none of them.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)

option(HEDDLE_WERROR "Warnings of the project's own programs are errors" ON)
option(HEDDLE_NO_EXCEPTIONS "Build the project's own programs with -fno-exceptions -fno-rtti" OFF)
set(HEDDLE_SANITIZE "" CACHE STRING "Sanitizers for the project's own programs, as for -fsanitize= (address,undefined)")

add_library(heddle_build_flags INTERFACE)
if(MSVC)
  target_compile_options(heddle_build_flags INTERFACE /W4 $<$<BOOL:${HEDDLE_WERROR}>:/WX> /permissive- /utf-8)
else()
  target_compile_options(heddle_build_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<BOOL:${HEDDLE_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The ABI note on vector arguments (-Wpsabi) is about code compiled by GCC 4.5 and cannot concern us.
    # What templates take in memory is not worth being collected: a tenth of the time for up to half more memory.
    target_compile_options(heddle_build_flags INTERFACE -Wno-psabi "SHELL:--param ggc-min-heapsize=1000000")
  endif()
endif()
if(HEDDLE_SANITIZE)
  target_compile_options(heddle_build_flags INTERFACE
    -fsanitize=${HEDDLE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(heddle_build_flags INTERFACE -fsanitize=${HEDDLE_SANITIZE})
endif()
if(HEDDLE_NO_EXCEPTIONS)
  # Assertions about what is thrown drop out of the tests, and leave behind what only they used.
  target_compile_options(heddle_build_flags INTERFACE -fno-exceptions -fno-rtti -Wno-unused)
endif()

# A hundred test programs are linked: LLVM's linker takes a fifth of the time of the usual one, gold a third. Gold warns of
# every function of the address sanitizer.
option(HEDDLE_TEST_FAST_LINKER "Link the tests with lld or gold where one of them is installed" ON)
if(HEDDLE_TEST_FAST_LINKER AND HEDDLE_BUILD_TESTS AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING)
  find_program(HEDDLE_LLD ld.lld)
  find_program(HEDDLE_GOLD ld.gold)
  if(HEDDLE_LLD)
    target_link_options(heddle_build_flags INTERFACE -fuse-ld=lld)
  elseif(HEDDLE_GOLD AND NOT HEDDLE_SANITIZE)
    target_link_options(heddle_build_flags INTERFACE -fuse-ld=gold)
  endif()
endif()

# The instruction sets a program can be compiled for. Eigen refuses AVX-512 without FMA, so every x86 set beyond the
# baseline has FMA and the half-precision conversions.
set(heddle_isa_flags_baseline "")
set(heddle_isa_flags_avx2 -mavx2 -mfma -mf16c)
set(heddle_isa_flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd -mfma -mf16c)
set(heddle_isa_flags_avx512_bf16 ${heddle_isa_flags_avx512} -mavx512bf16)
set(heddle_isa_flags_amx ${heddle_isa_flags_avx512_bf16} -mamx-tile -mamx-bf16)
set(heddle_isa_features_baseline "")
set(heddle_isa_features_avx2 avx2 fma f16c)
set(heddle_isa_features_avx512 avx512f avx512bw avx512dq avx512vl avx512cd fma f16c)
set(heddle_isa_features_avx512_bf16 ${heddle_isa_features_avx512} avx512_bf16)
set(heddle_isa_features_amx ${heddle_isa_features_avx512_bf16} amx_tile amx_bf16)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND NOT MSVC)
  set(heddle_isa_default baseline avx2 avx512)
else()
  set(heddle_isa_default baseline)
endif()
set(HEDDLE_TEST_ISAS "${heddle_isa_default}" CACHE STRING
  "Instruction sets that the goldens and the crossed test are compiled for, the best last; `best` is the best that runs here")

# Sets `out` to the features of `isa` that this machine lacks; nothing when its programs can run here.
function(heddle_isa_missing isa out)
  set(missing "")
  if(heddle_isa_features_${isa})
    set(flags " ")
    if(EXISTS /proc/cpuinfo)
      file(STRINGS /proc/cpuinfo lines REGEX "^flags" LIMIT_COUNT 1)
      string(REGEX REPLACE "^flags[^:]*:" "" flags "${lines} ")
    endif()
    foreach(feature IN LISTS heddle_isa_features_${isa})
      if(NOT flags MATCHES " ${feature} ")
        list(APPEND missing ${feature})
      endif()
    endforeach()
  endif()
  list(JOIN missing " " missing)
  set(${out} "${missing}" PARENT_SCOPE)
endfunction()

# The best of `isas` (listed from the least to the best) that runs here; their last where nothing can be known.
function(heddle_best_isa isas out)
  set(best "")
  if(NOT CMAKE_CROSSCOMPILING)
    foreach(isa IN LISTS isas)
      heddle_isa_missing(${isa} missing)
      if(NOT missing)
        set(best ${isa})
      endif()
    endforeach()
  endif()
  if(NOT best)
    list(GET isas -1 best)
  endif()
  set(${out} ${best} PARENT_SCOPE)
endfunction()

# One instruction set for each tree is enough for the tests of single kernels: the trees differ in it (AVX-512 under GCC
# and Clang, AVX2 in the Debug tree, NEON in the aarch64 tree), and the crossed test and the goldens are built for each in
# one of them.
heddle_best_isa("${heddle_isa_default}" heddle_isa_best)
set(heddle_test_isas ${HEDDLE_TEST_ISAS})
list(TRANSFORM heddle_test_isas REPLACE "^best$" "${heddle_isa_best}")
list(REMOVE_DUPLICATES heddle_test_isas)
heddle_best_isa("${heddle_test_isas}" heddle_isa_best_tested)
set(HEDDLE_TEST_KERNEL_ISAS "${heddle_isa_best_tested}" CACHE STRING
  "Instruction sets that all other simd tests are compiled for; `best` is the best that runs here")
set(heddle_test_kernel_isas ${HEDDLE_TEST_KERNEL_ISAS})
list(TRANSFORM heddle_test_kernel_isas REPLACE "^best$" "${heddle_isa_best}")

# The refinements with 16-bit products: only the tests of those products are compiled for them, and only where they can
# run. AMX includes the products of AVX512-BF16, which are forced there.
set(heddle_isa_default_16bit ${heddle_test_kernel_isas})
if(heddle_isa_default MATCHES avx512 AND NOT CMAKE_CROSSCOMPILING)
  heddle_isa_missing(amx missing)
  if(NOT missing)
    list(APPEND heddle_isa_default_16bit amx)
  endif()
endif()
set(HEDDLE_TEST_ISAS_16BIT "${heddle_isa_default_16bit}" CACHE STRING
  "Instruction sets that the tests of 16-bit products are compiled for")
