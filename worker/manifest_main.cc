// batuta_manifest FOLDER: lists the plugins of a folder in its manifest.json.
#include <cstdio>

#include "worker/plugin_folder.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: batuta_manifest FOLDER\n", stderr);
    return 2;
  }
  const batuta::Status written = batuta::write_manifest(argv[1]);
  if (written) return 0;
  std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return 1;
}
