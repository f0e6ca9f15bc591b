/// @file
/// The handle of a stream. It is the runtime's own type, named without its headers, so that a backend tag that holds one
/// compiles with every compiler.
#pragma once

struct CUstream_st;

namespace heddle::inline v0::device {

/// A queue of work on the device, owned by the caller; the default stream if null. Emulated, work runs at once and the
/// handle only tells streams apart.
using stream = CUstream_st*;

}  // namespace heddle::inline v0::device
