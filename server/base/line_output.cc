#include "server/base/line_output.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <limits>

namespace singleflight::base {
namespace {

size_t MaxPiece(int fd) {
  struct stat about = {};
  const bool file = ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
  return file ? std::numeric_limits<size_t>::max() : PIPE_BUF;
}

absl::string_view FirstPiece(absl::string_view lines, size_t max) {
  if (lines.size() <= max) return lines;
  const size_t last = lines.rfind('\n', max - 1);
  return lines.substr(0, last == absl::string_view::npos ? max : last + 1);
}

// Waits until the descriptor has taken all of it. Returns how much, if it never will.
size_t WriteWhole(int fd, absl::string_view piece) {
  size_t written = 0;
  while (written < piece.size()) {
    const ssize_t n = ::write(fd, piece.data() + written, piece.size() - written);
    if (n >= 0) {
      written += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      break;
    }
  }
  return written;
}

}  // namespace

DescriptorOutput::DescriptorOutput(int fd) : fd_(fd), max_piece_(MaxPiece(fd)) {}

size_t DescriptorOutput::Write(absl::string_view lines) {
  if (torn_ && WriteWhole(fd_, "\n") == 0) return 0;
  torn_ = false;
  size_t written = 0;
  while (written < lines.size()) {
    const absl::string_view piece = FirstPiece(lines.substr(written), max_piece_);
    const size_t n = WriteWhole(fd_, piece);
    written += n;
    if (n < piece.size()) break;
  }
  torn_ = written < lines.size() && written > 0 && lines[written - 1] != '\n';
  return written;
}

}  // namespace singleflight::base
