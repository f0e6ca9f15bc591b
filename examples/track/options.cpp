#include "options.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <climits>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "../common/user_error.hpp"
#include "any_tracker.hpp"

namespace track_app {
namespace {

using examples::user_error;

/// CLI11's messages may have several lines; the program promises one sentence.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  for (char& c : text) {
    c = c == '\n' ? ' ' : c;
  }
  return text;
}

heddle::examples::box parse_box(const std::string& text) {
  double values[4] = {};
  const char* at = text.c_str();
  for (int i = 0; i < 4; ++i) {
    char* end = nullptr;
    values[i] = std::strtod(at, &end);
    const bool last = i == 3;
    if (end == at || *end != (last ? '\0' : ',') || !std::isfinite(values[i])) {
      throw user_error("--box wants four numbers x,y,w,h in pixels, not " + text);
    }
    at = end + 1;
  }
  return {values[0], values[1], values[2], values[3]};
}

bool exists(const std::string& path) { return ::access(path.c_str(), R_OK) == 0; }

bool same_file(const std::string& a, const std::string& b) {
  struct stat first{};
  struct stat second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

/// A file of the network's name here or beside the program.
std::string default_weights(const std::string& model) {
  const std::string name = model + ".safetensors";
  if (exists(name)) {
    return name;
  }
  char program[PATH_MAX] = {};
  const ssize_t length = ::readlink("/proc/self/exe", program, sizeof program - 1);
  const std::string path(program, length > 0 ? static_cast<std::size_t>(length) : 0);
  const std::string beside = path.substr(0, path.rfind('/') + 1) + name;
  if (length > 0 && exists(beside)) {
    return beside;
  }
  throw user_error("no weights: give --weights FILE, or put " + name +
                   " here (tools/convert makes it from the official checkpoint)");
}

void check(const options& o) {
  if (!o.csv.empty() && o.csv == o.video) {
    throw user_error("--out and --csv name the same file");
  }
  for (const std::string* const output : {&o.video, &o.csv}) {
    for (const std::string* const input : {&o.input, &o.weights}) {
      if (!output->empty() && same_file(*output, *input)) {
        throw user_error("the result would overwrite " + *input);
      }
    }
  }
}

}  // namespace

std::optional<int> parse(options& o, int argc, const char* const* argv) {
  CLI::App app("Follows one object through a video with a transformer.", "track");
  std::string box;
  std::string names;
  for (const model& m : models()) {
    names += "\n  " + std::string(m.name) + ": " + m.description;
  }
  app.footer("Networks:" + names);
  app.add_option("--model", o.model, "network")->capture_default_str();
  app.add_option("--weights", o.weights,
                 "weights of the network (safetensors); default: MODEL.safetensors here or beside the program");
  app.add_option("--box", box, "x,y,w,h: the target in the first frame, in pixels; on a display you may draw it instead");
  app.add_option("--out", o.video, "write the frames with the box to this video (.mp4, .mkv, .avi)");
  app.add_option("--csv", o.csv, "write the boxes to this table: frame,x,y,w,h,score");
  app.add_flag("--show", o.show, "show the frames while they are tracked");
  std::string precision = "f32";
  app.add_option("--precision", precision, "number format of the products: f32, or bf16 (mixformerv2)")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  std::string backend = "simd";
  app.add_option("--backend", backend, "who computes: simd, or cuda (an NVIDIA device, in a program built with it)")
      ->check(CLI::IsMember({"simd", "cuda"}))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "threads; the result is the same for every number")
      ->check(CLI::Range(std::size_t{1}, std::size_t{256}))
      ->capture_default_str();
  app.add_option("--frames", o.frames, "stop after so many frames; 0: go on to the end")->capture_default_str();
  app.add_option("INPUT", o.input, "a video, a folder of JPEG or PNG files, camera or camera:N")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);  // --help
  } catch (const CLI::ParseError& error) {
    throw user_error(one_line(error.what()) + " (--help lists the options)");
  }
  find_model(o.model);
  o.bf16 = precision == "bf16";
  o.on_device = backend == "cuda";
  if (!box.empty()) {
    o.target = parse_box(box);
  }
  if (o.weights.empty()) {
    o.weights = default_weights(o.model);
  }
  check(o);
  return std::nullopt;
}

}  // namespace track_app
