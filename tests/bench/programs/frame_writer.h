#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_FRAME_WRITER_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_FRAME_WRITER_H_

#include <sys/uio.h>

#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"

namespace singleflight::bench {

// Gathers frames, so that many leave in one system call. Small things are copied, bodies that
// outlive the write are referred to.
class FrameWriter {
 public:
  enum class Result {
    kDone,     // all is written: gather again
    kBlocked,  // the socket is full: write again when it can be written to
    kLost,     // the connection is gone: close it
  };

  bool empty() const { return begin_ == end_; }

  // Whether one more frame fits, whether it is copied or referred to in kPieces pieces.
  bool HasRoom() const;
  static constexpr int kPieces = 16;

  void Copy(absl::string_view bytes);
  void Refer(absl::string_view bytes);

  Result Write(int fd);

 private:
  static constexpr size_t kBufferBytes = 64 * 1024;
  static constexpr size_t kLargestFrame = 20 * 1024;
  static constexpr int kSegments = 256;

  void Drop(size_t written);

  // Allocated by the first frame: connections that say nothing stay small.
  std::unique_ptr<char[]> buffer_;
  size_t buffered_ = 0;
  std::unique_ptr<iovec[]> segments_;
  int begin_ = 0;
  int end_ = 0;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_FRAME_WRITER_H_
