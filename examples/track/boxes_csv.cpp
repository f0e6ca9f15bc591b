#include "boxes_csv.hpp"

namespace track_app {

boxes_csv::boxes_csv(const std::string& path) : file_(path) { std::fputs("frame,x,y,w,h,score\n", file_.stream()); }

void boxes_csv::write(std::size_t frame, const heddle::examples::box& box, double score) {
  std::fprintf(file_.stream(), "%zu,%.4f,%.4f,%.4f,%.4f,%.4f\n", frame, box.x, box.y, box.w, box.h, score);
}

void boxes_csv::finish() { file_.commit(); }

}  // namespace track_app
