// The files that a configuration was read from, and whether they have changed since.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_WATCHED_FILE_H_
#define SINGLEFLIGHT_SERVER_CONFIG_WATCHED_FILE_H_

#include <cstdint>
#include <string>

namespace singleflight::config {

// What a file looked like from outside at a moment. Equal stamps: it is taken for unchanged.
struct FileStamp {
  bool operator==(const FileStamp&) const = default;

  uint64_t device = 0, inode = 0, size = 0;  // all zero: there is none
  int64_t modified_ns = 0, changed_ns = 0;
};

// The stamp of the file that `path` leads to, over links. Does not open it.
FileStamp StampOf(const std::string& path);

// A file that a configuration was read from, as it was just before.
struct WatchedFile {
  std::string path;
  FileStamp stamp;
};

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_WATCHED_FILE_H_
