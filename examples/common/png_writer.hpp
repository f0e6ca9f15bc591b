#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "image.hpp"

namespace examples {

/// Writes a PNG row by row into an `atomic_file`: after `finish()` the file is there whole, without it nothing is.
class png_writer {
 public:
  /// Opens the temporary file and writes the header. Throws `user_error` if that is not possible.
  png_writer(const std::string& path, std::size_t height, std::size_t width, std::size_t channels, std::size_t bit_depth = 8,
             const std::vector<std::uint8_t>& icc = {});
  ~png_writer();
  png_writer(const png_writer&) = delete;
  png_writer& operator=(const png_writer&) = delete;

  /// One row of samples; 16-bit samples in the machine's byte order.
  void write_row(const std::uint8_t* samples);

  /// Precondition: all rows were written.
  void finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Writes a whole picture.
void write_png(const std::string& path, const image& picture);

}  // namespace examples
