// Draws the pictures of docs/policies.md from the policies themselves.
//   draw_policies FOLDER          writes them
//   draw_policies --check FOLDER  says which ones are not what the policies draw now
#include <fstream>
#include <iostream>
#include <sstream>

#include "drawing.hpp"

int main(int count, char** arguments) {
  const bool check = count == 3 && std::string(arguments[1]) == "--check";
  if (count != 2 && !check) {
    std::cerr << "usage: draw_policies [--check] FOLDER\n";
    return 2;
  }
  pictures::gallery gallery;
  pictures::draw_partitions(gallery);
  pictures::draw_masks(gallery);
  pictures::draw_scores(gallery);
  pictures::draw_weights(gallery);
  pictures::draw_rows(gallery);
  const std::string folder = arguments[count - 1];
  bool ok = true;
  for (const auto& [name, content] : gallery) {
    const std::string path = folder + '/' + name + ".svg";
    if (check) {
      std::ifstream file(path, std::ios::binary);
      std::ostringstream present;
      present << file.rdbuf();
      if (present.str() == content) continue;
      std::cerr << path << " is not what the policies draw: run draw_policies " << folder << '\n';
      ok = false;
    } else {
      std::ofstream file(path, std::ios::binary);
      file << content;
      ok = ok && file.good();
    }
  }
  if (ok) std::cout << gallery.size() << " pictures " << (check ? "are up to date\n" : "drawn\n");
  return ok ? 0 : 1;
}
