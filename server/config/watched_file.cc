#include "server/config/watched_file.h"

#include <sys/stat.h>

namespace singleflight::config {
namespace {

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileStamp StampOf(const std::string& path) {
  struct stat file;
  if (::stat(path.c_str(), &file) != 0) return {};
  return {file.st_dev, file.st_ino, static_cast<uint64_t>(file.st_size), Nanoseconds(file.st_mtim),
          Nanoseconds(file.st_ctim)};
}

}  // namespace singleflight::config
