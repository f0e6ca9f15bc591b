#include <dirent.h>
#include <strings.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "../common/user_error.hpp"
#include "fit.hpp"
#include "frames.hpp"

namespace track_app {
namespace {

using examples::image;
using examples::user_error;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_picture(const std::string& name) {
  for (const char* const ending : {".jpg", ".jpeg", ".png"}) {
    const std::size_t length = std::strlen(ending);
    if (name[0] != '.' && name.size() > length && ::strcasecmp(name.c_str() + name.size() - length, ending) == 0) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> pictures_of(const std::string& folder) {
  DIR* const open = ::opendir(folder.c_str());
  if (open == nullptr) {
    throw user_error("cannot read " + folder + ": " + std::strerror(errno));
  }
  std::vector<std::string> names;
  while (const dirent* const entry = ::readdir(open)) {
    if (is_picture(entry->d_name)) {
      names.emplace_back(entry->d_name);
    }
  }
  ::closedir(open);
  if (names.empty()) {
    throw user_error(folder + " holds no .jpg or .png files");
  }
  std::sort(names.begin(), names.end(), natural_less);
  return names;
}

/// Any picture as 8-bit RGB; alpha is ignored.
void to_rgb8(const image& from, image& to) {
  if (to.height != from.height || to.width != from.width) {
    to = image(from.height, from.width, 3);
  }
  const std::size_t step = from.colours() == 3 ? 1 : 0;
  for (std::size_t y = 0; y < from.height; ++y) {
    std::uint8_t* out = to.row(y);
    for (std::size_t x = 0; x < from.width; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        *out++ = from.sample8(y, x, c * step);
      }
    }
  }
}

class folder final : public frame_source {
  std::string path_;
  std::vector<std::string> names_;
  std::size_t next_ = 0;
  image converted_;
  bool first_ = true;

 public:
  explicit folder(const std::string& path) : path_(path), names_(pictures_of(path)) {}

  std::size_t count() const override { return names_.size(); }

  frame_state next(image& picture) override {
    if (next_ == names_.size()) {
      return frame_state::end;
    }
    const std::string file = path_ + '/' + names_[next_++];
    if (first_) {
      to_rgb8(examples::read_image(file), picture);  // whoever cannot read the first frame has nothing to begin with
      first_ = false;
      return frame_state::good;
    }
    image read;
    try {
      read = examples::read_image(file);
    } catch (const user_error&) {
      return frame_state::broken;
    }
    const bool plain = read.channels == 3 && read.bit_depth == 8;
    if (!plain) {
      to_rgb8(read, converted_);
    }
    const image& rgb = plain ? read : converted_;
    if (rgb.height == picture.height && rgb.width == picture.width) {
      std::memcpy(picture.bytes.data(), rgb.bytes.data(), picture.bytes.size());
    } else {
      fit(rgb, picture);
      ++scaled_;
    }
    return frame_state::good;
  }
};

}  // namespace

bool natural_less(const std::string& a, const std::string& b) noexcept {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) {
        return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      }
      ++i;
      ++j;
      continue;
    }
    const auto number = [](const std::string& text, std::size_t& at) {
      while (at < text.size() && text[at] == '0') {
        ++at;
      }
      const std::size_t begin = at;
      while (at < text.size() && is_digit(text[at])) {
        ++at;
      }
      return std::pair<std::size_t, std::size_t>(begin, at - begin);
    };
    const auto [x, x_digits] = number(a, i);
    const auto [y, y_digits] = number(b, j);
    if (x_digits != y_digits) {
      return x_digits < y_digits;
    }
    const int order = a.compare(x, x_digits, b, y, y_digits);
    if (order != 0) {
      return order < 0;
    }
  }
  if ((i == a.size()) != (j == b.size())) {
    return i == a.size();
  }
  return a < b;  // 007 and 7: some order, always the same
}

std::unique_ptr<frame_source> open_folder(const std::string& path) { return std::make_unique<folder>(path); }

std::unique_ptr<frame_source> open_frames(const std::string& name, std::size_t threads) {
  struct stat status{};
  const bool exists = ::stat(name.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    return open_folder(name);
  }
  if (!exists && (name == "camera" || name.rfind("camera:", 0) == 0)) {
    const std::string number = name == "camera" ? "0" : name.substr(7);
    return open_video(number.find_first_not_of("0123456789") == std::string::npos ? "/dev/video" + number : number, threads,
                      "v4l2");
  }
  if (!exists) {
    throw user_error("cannot read " + name + ": " + std::strerror(errno));
  }
  return open_video(name, threads);
}

}  // namespace track_app
