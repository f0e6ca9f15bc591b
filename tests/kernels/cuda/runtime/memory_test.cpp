// The host's side of the device backend, on the emulated device or a real one.
#include <heddle/cuda/runtime/runtime.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <numeric>
#include <vector>

#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

#if HEDDLE_CUDA_EMULATED
/// Whether a child that reads `p` ends by a fault.
bool faults(const float* p) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    const volatile float value = *p;
    static_cast<void>(value);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}
#endif

using row = extents<dyn>;

}  // namespace

TEST_CASE("device memory comes back as it was sent", "[cuda]") {
  std::vector<float> sent(1000);
  std::iota(sent.begin(), sent.end(), 1.0F);
  device_tensor<float, row> a{row(1000)}, b{row(1000)};
  a.copy_from(view<const float, row>(sent.data(), row(1000)));
  device::copy_on_device<float>(nullptr, b.data() + 10, a.data(), 990);
  const tensor<float, row> got = b.to_host();
  for (std::size_t i = 0; i < 10; ++i) CHECK(got(i) == 0.0F);  // zero at first
  for (std::size_t i = 10; i < 1000; ++i) REQUIRE(got(i) == sent[i - 10]);
  device::clear(nullptr, b.data(), 1000);
  CHECK(b.to_host()(999) == 0.0F);
}

#if HEDDLE_CUDA_EMULATED
TEST_CASE("the host stops where it follows a device pointer", "[cuda]") {
  device_tensor<float, row> a{row(4)};
  CHECK(faults(a.data()));
  {
    const device::emulation::open_memory outer;
    const device::emulation::open_memory inner;
    CHECK(a.data()[3] == 0.0F);
    CHECK(faults(a.data() + sysconf(_SC_PAGESIZE) / 4));  // the guard behind the last page
  }
  CHECK(faults(a.data()));
  const device::memory managed = device::allocate_managed(16);
  CHECK(managed.as<float>()[0] == 0.0F);
}

#endif

TEST_CASE("where pointers lead", "[cuda]") {
  float host = 0.0F;
  const device::memory d = device::allocate(100);
  const device::memory m = device::allocate_managed(100);
  CHECK(device::place_of(&host).kind == device::memory_kind::host);
  CHECK(device::place_of(d.data() + 99).kind == device::memory_kind::device);
  CHECK(device::place_of(m.data()).kind == device::memory_kind::managed);
#if HEDDLE_CUDA_EMULATED
  CHECK(device::place_of(d.data() + 100).kind == device::memory_kind::host);
  CHECK(device::emulated::memory_map::instance().holds(d.data(), 100));
  CHECK_FALSE(device::emulated::memory_map::instance().holds(d.data() + 1, 100));
#endif
  CHECK_NOTHROW(device::require_device_pointer("attend", "q", d.data()));
  CHECK_NOTHROW(device::require_device_pointer("attend", "q", nullptr));
}

#if HEDDLE_HAS_EXCEPTIONS
namespace {
template <class F>
std::string refusal(F f) {
  try {
    f();
  } catch (const device_error& e) {
    return e.what();
  }
  return {};
}
}  // namespace

TEST_CASE("refusals are one clear sentence each", "[cuda]") {
  std::vector<float> host(8);
  const device::memory d = device::allocate(32);
  float* const on_device = d.as<float>();
  CHECK(refusal([&] { device::require_device_pointer("attend", "q", host.data()); }) ==
        "attend: q points to host memory; copy it to the device (heddle::device_tensor)");
#if HEDDLE_CUDA_EMULATED
  const std::byte* other = device::emulated::memory_map::instance().allocate(64, false, 3);
  CHECK(refusal([&] { device::require_device_pointer("gemm", "x", other); }) ==
        "gemm: x lies on device 3, but the current device is 0");
  device::emulated::memory_map::instance().release(const_cast<std::byte*>(other));
  CHECK(refusal([&] { device::copy_to_device<float>(nullptr, on_device + 1, host.data(), 8); }) ==
        "device::copy: the destination has less than the 32 bytes that are copied");
#endif
  CHECK(refusal([&] { device::require_aligned("gemm", "x", on_device + 1, 16); }) == "gemm: x must be aligned to 16 bytes");
  CHECK(refusal([&] { device::require_shared_memory("attend", 300000, 101376); }) ==
        "attend: a block needs 300000 bytes of shared memory, this device has 101376");
  CHECK(refusal([&] { device::copy_to_device<float>(nullptr, host.data(), host.data(), 8); }) ==
        "device::copy: the destination points to host memory, where device memory is due");
  CHECK(refusal([&] { device::copy_to_host<float>(nullptr, host.data(), host.data(), 8); }) ==
        "device::copy: the source points to host memory, where device memory is due");
  CHECK(refusal([&] { device::copy_to_host<float>(nullptr, on_device, on_device, 8); }) ==
        "device::copy: the destination points to device memory, where host memory is due");
}

TEST_CASE("what cannot be captured is refused", "[cuda]") {
  const device::owned_stream s;
  std::vector<float> host(8);
  const device::memory a = device::allocate(32), b = device::allocate(32);
  CHECK(refusal([&] { device::capture(s, [&] { device::wait(s); }); }) ==
        "device::wait: the stream is being captured into a graph; do this before the capture or after it");
  CHECK(refusal([&] { device::capture(s, [&] { device::copy_to_device<float>(s, a.as<float>(), host.data(), 8); }); }) ==
        "device::copy: the stream is being captured into a graph; do this before the capture or after it");
#if HEDDLE_CUDA_EMULATED
  CHECK(refusal([&] { device::capture(s, [&] { static_cast<void>(device::allocate(8)); }); }) ==
        "device memory: the stream is being captured into a graph; do this before the capture or after it");
#endif
  CHECK_FALSE(device::capturing(s));
  const device::graph g = device::capture(s, [&] { device::copy_on_device<float>(s, b.as<float>(), a.as<float>(), 8); });
  std::fill(host.begin(), host.end(), 7.0F);
  device::copy_to_device<float>(s, a.as<float>(), host.data(), 8);
  g.launch(s);
  std::vector<float> got(8);
  device::copy_to_host<float>(s, got.data(), b.as<float>(), 8);
  CHECK(got == host);
}
#endif

TEST_CASE("parameters move to managed memory, which copies of the model share", "[cuda]") {
  struct model {
    parameter<3, 5> weight;
    parameter<7> bias;
    buffer<2> absent;
    static constexpr auto members() {
      return heddle::members<&model::weight, &model::bias, &model::absent>("weight", "bias", "absent");
    }
  };
  std::vector<float> w(15), b(7);
  std::iota(w.begin(), w.end(), 0.5F);
  std::iota(b.begin(), b.end(), 100.0F);
  model copy;
  {
    model m;
    m.weight.bind(w.data());
    m.bias.bind(b.data());
    to_device(m);
    CHECK(device::place_of(m.weight.data()).kind == device::memory_kind::managed);
    CHECK(reinterpret_cast<std::uintptr_t>(m.bias.data()) % 256 == 0);
    CHECK_FALSE(m.absent.is_bound());
    copy = m;
  }
  CHECK(copy.weight.view()(2, 4) == 14.5F);
  CHECK(copy.bias.view()(6) == 106.0F);
  const made_weights kept = keep_weights(cuda<>{}, std::vector<float>{1.0F, 2.0F});
  CHECK(device::place_of(kept.data).kind == device::memory_kind::managed);
  CHECK(kept.data[1] == 2.0F);
}
