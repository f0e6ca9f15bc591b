#include "tiled.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ensemble.hpp"

namespace maxsr_app {
namespace {

using examples::image;

/// Copies a tile's colours [height, width, 3]; positions beyond the picture are reflected.
void cut_tile(const image& picture, std::size_t y0, std::size_t x0, std::size_t height, std::size_t width, float* rgb) {
  const bool grey = picture.colours() == 1;
  for (std::size_t y = 0; y < height; ++y) {
    const std::size_t from_y = reflected(y0 + y, picture.height);
    for (std::size_t x = 0; x < width; ++x) {
      const std::size_t from_x = reflected(x0 + x, picture.width);
      for (std::size_t c = 0; c < 3; ++c) {
        *rgb++ = picture.sample(from_y, from_x, grey ? 0 : c);
      }
    }
  }
}

/// One tiled run: the plan, the workers, and the buffers of a batch of tile rows.
class tiled_run {
 public:
  tiled_run(const image& picture, const network& net, const tiled_options& options, const row_sink& sink,
            const tile_progress& progress)
      : picture_(picture),
        sink_(sink),
        progress_(progress),
        scale_(net.scale()),
        rows_(picture.height, options.tiles, scale_),
        columns_(picture.width, options.tiles, scale_) {
    const std::size_t threads = std::clamp<std::size_t>(options.threads, 1, rows_.count() * columns_.count());
    const std::size_t wanted = 4 * threads;
    batch_ = std::clamp<std::size_t>((wanted + columns_.count() - 1) / columns_.count(), 1, rows_.count());
    for (std::size_t i = 0; i < threads; ++i) {
      const std::size_t side = std::max(rows_.side(), columns_.side());
      workers_.push_back(options.self_ensemble ? make_ensemble(net, side) : net.make_worker(side));
    }
    tile_values_ = 3 * scale_ * rows_.side() * scale_ * columns_.side();
    results_.resize(batch_ * columns_.count() * tile_values_);
    strip_.resize(scale_ * rows_.side() * row_values());
    carry_.resize(scale_ * options.tiles.ramp * row_values());
  }

  void run() {
    for (std::size_t first = 0; first < rows_.count(); first += batch_) {
      const std::size_t last = std::min(first + batch_, rows_.count());
      compute(first, last);
      for (std::size_t row = first; row < last; ++row) {
        blend_columns(row, results_.data() + (row - first) * columns_.count() * tile_values_);
        blend_rows(row);
      }
    }
  }

 private:
  std::size_t row_values() const noexcept { return 3 * scale_ * picture_.width; }

  /// Runs the tiles of rows [first, last) on all workers; the first exception is passed on.
  void compute(std::size_t first, std::size_t last) {
    const std::size_t tiles = (last - first) * columns_.count();
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    auto work = [&](upscaler& worker) {
      try {
        std::vector<float> rgb(3 * rows_.side() * columns_.side());
        for (std::size_t i = next++; i < tiles; i = next++) {
          cut_tile(picture_, rows_.start(first + i / columns_.count()), columns_.start(i % columns_.count()), rows_.side(),
                   columns_.side(), rgb.data());
          worker.upscale(rgb.data(), rows_.side(), columns_.side(), results_.data() + i * tile_values_);
          report();
        }
      } catch (...) {
        const std::lock_guard lock(mutex_);
        failure = failure ? failure : std::current_exception();
        next = tiles;
      }
    };
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 1; i < workers_.size(); ++i) {
        threads.emplace_back([&, i] { work(*workers_[i]); });
      }
      work(*workers_[0]);
    }
    if (failure) {
      std::rethrow_exception(failure);
    }
  }

  void report() {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (progress_) {
      progress_(done_, rows_.count() * columns_.count());
    }
  }

  /// Joins the tiles of one row from left to right into `strip_`, whose first line is the enlarged row `scale * start(row)`.
  void blend_columns(std::size_t row, const float* tiles) {
    const std::size_t tile_row = 3 * scale_ * columns_.side();
    const std::size_t top = scale_ * rows_.start(row);
    for (std::size_t y = rows_.begin(row) - top; y < rows_.end(row) - top; ++y) {
      float* out = strip_.data() + y * row_values();
      for (std::size_t t = 0; t < columns_.count(); ++t) {
        const float* tile = tiles + t * tile_values_ + y * tile_row - 3 * scale_ * columns_.start(t);
        for (std::size_t x = columns_.begin(t); x < columns_.fade_end(t); ++x) {
          mix(out + 3 * x, tile + 3 * x, columns_.share(t, x), 3);
        }
        std::copy(tile + 3 * columns_.fade_end(t), tile + 3 * columns_.end(t), out + 3 * columns_.fade_end(t));
      }
    }
  }

  /// Fades the strip in under the rows kept from the strip above, hands over what is final and keeps the rest.
  void blend_rows(std::size_t row) {
    const std::size_t top = scale_ * rows_.start(row);
    for (std::size_t y = rows_.begin(row); y < rows_.fade_end(row); ++y) {
      float* kept = carry_.data() + (y - rows_.begin(row)) * row_values();
      mix(kept, strip_.data() + (y - top) * row_values(), rows_.share(row, y), row_values());
    }
    if (row > 0) {
      sink_(rows_.begin(row), rows_.fade_end(row) - rows_.begin(row), carry_.data());
    }
    const std::size_t final_end = row + 1 < rows_.count() ? rows_.fade_begin(row + 1) : rows_.end(row);
    const float* own = strip_.data() + (rows_.fade_end(row) - top) * row_values();
    if (final_end > rows_.fade_end(row)) {
      sink_(rows_.fade_end(row), final_end - rows_.fade_end(row), own);
    }
    if (row + 1 < rows_.count()) {
      const float* rest = strip_.data() + (final_end - top) * row_values();
      std::copy(rest, rest + carry_.size(), carry_.begin());
    }
  }

  static void mix(float* target, const float* other, float share, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      target[i] += share * (other[i] - target[i]);
    }
  }

  const image& picture_;
  const row_sink& sink_;
  const tile_progress& progress_;
  std::size_t scale_;
  tile_axis rows_;
  tile_axis columns_;
  std::size_t batch_ = 1;
  std::size_t tile_values_ = 0;
  std::size_t done_ = 0;
  std::vector<std::unique_ptr<upscaler>> workers_;
  std::vector<float> results_;  // [batch, columns, enlarged tile]
  std::vector<float> strip_;    // [scale * side, scale * width, 3]
  std::vector<float> carry_;    // [scale * ramp, scale * width, 3]
  std::mutex mutex_;
};

}  // namespace

tiled_cost cost(std::size_t height, std::size_t width, const network& net, const tiled_options& options) {
  const tile_axis rows(height, options.tiles, net.scale());
  const tile_axis columns(width, options.tiles, net.scale());
  const std::size_t tiles = rows.count() * columns.count();
  const double each = net.flops(rows.side(), columns.side()) * (options.self_ensemble ? 8.0 : 1.0);
  return {tiles, static_cast<double>(tiles) * each};
}

void upscale_tiled(const image& picture, const network& net, const tiled_options& options, const row_sink& sink,
                   const tile_progress& progress) {
  tiled_run(picture, net, options, sink, progress).run();
}

}  // namespace maxsr_app
