#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_GZIP_FILE_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_GZIP_FILE_H_

#include <zlib.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace singleflight::bench {

// A file read in blocks, unpacked on the way if it is gzip'd.
class GzipFile {
 public:
  static absl::StatusOr<GzipFile> Open(const std::string& path);
  GzipFile(GzipFile&& other) noexcept;
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;
  ~GzipFile();

  // Whether there is unread text; reads ahead if need be.
  absl::StatusOr<bool> More();
  // What was read ahead and not taken yet.
  absl::string_view ahead() const { return absl::string_view(buffer_).substr(taken_); }

  // The next `bytes` bytes, or less at the end of the file. Valid until the next call.
  absl::StatusOr<absl::string_view> Take(size_t bytes);
  // The next line, without its end. Valid until the next call.
  absl::StatusOr<absl::string_view> TakeLine();

 private:
  GzipFile(std::string path, gzFile file) : path_(std::move(path)), file_(file) {}
  // Appends a block to the buffer; false at the end of the file.
  absl::StatusOr<bool> ReadBlock();

  std::string path_;
  gzFile file_;
  std::string buffer_;
  size_t taken_ = 0;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_GZIP_FILE_H_
