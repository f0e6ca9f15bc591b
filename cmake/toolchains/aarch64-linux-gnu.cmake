# Debian's cross compiler, with programs run by qemu's user-mode emulation (packages g++-aarch64-linux-gnu, qemu-user).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

find_program(HEDDLE_QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
set(CMAKE_CROSSCOMPILING_EMULATOR "${HEDDLE_QEMU_AARCH64};-L;/usr/aarch64-linux-gnu")

# Header-only packages of the host serve every processor. Debian keeps the configuration file of xsimd in the folder of
# one; its version file compares pointer sizes only.
file(GLOB xsimd_folders /usr/lib/*/cmake/xsimd)
if(xsimd_folders AND NOT xsimd_DIR)
  list(GET xsimd_folders 0 xsimd_folder)
  set(xsimd_DIR "${xsimd_folder}" CACHE PATH "Folder of xsimdConfig.cmake")
endif()
