// The other way of timing: one case at a time on request, so that several programs can take turns.
#pragma once

namespace heddle::bench {

/// Reads requests from the standard input until it ends, and answers each with one line of JSON:
///
///     list                       -> {"cases": [{"case": "a1", "dtype": "f32", "name": "...", "text": "..."}, ...]}
///     limits                     -> {"f32": ..., "bf16": ..., "read_l1": ..., ...}, measured now
///     prepare CASE DTYPE THREADS -> {"ready": CASE, "rel_err": ..., "forms": ["heddle"]} or {"error": "..."}
///     measure FORM SECONDS       -> {"peer", "case", "dtype", "threads", "ns_per_iter_min", "ns_per_iter_median", "gflops", ...}
///
/// bench/peers/attention_peers.py answers the same requests for the other libraries.
int serve();

}  // namespace heddle::bench
