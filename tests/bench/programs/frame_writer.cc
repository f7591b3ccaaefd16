#include "tests/bench/programs/frame_writer.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace singleflight::bench {

bool FrameWriter::HasRoom() const {
  return buffered_ + kLargestFrame <= kBufferBytes && end_ + kPieces <= kSegments;
}

void FrameWriter::Copy(absl::string_view bytes) {
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  char* const to = buffer_.get() + buffered_;
  std::memcpy(to, bytes.data(), bytes.size());
  buffered_ += bytes.size();
  Refer({to, bytes.size()});
}

void FrameWriter::Refer(absl::string_view bytes) {
  if (segments_ == nullptr) segments_ = std::make_unique_for_overwrite<iovec[]>(kSegments);
  if (begin_ != end_) {
    iovec& last = segments_[end_ - 1];
    if (static_cast<char*>(last.iov_base) + last.iov_len == bytes.data()) {
      last.iov_len += bytes.size();
      return;
    }
  }
  segments_[end_++] = {const_cast<char*>(bytes.data()), bytes.size()};
}

FrameWriter::Result FrameWriter::Write(int fd) {
  while (!empty()) {
    msghdr message = {};
    message.msg_iov = &segments_[begin_];
    message.msg_iovlen = static_cast<size_t>(end_ - begin_);
    const ssize_t written = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (written >= 0) {
      Drop(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return errno == EAGAIN ? Result::kBlocked : Result::kLost;
    }
  }
  return Result::kDone;
}

void FrameWriter::Drop(size_t written) {
  while (begin_ != end_ && written >= segments_[begin_].iov_len) {
    written -= segments_[begin_++].iov_len;
  }
  if (begin_ == end_) {
    begin_ = end_ = 0;
    buffered_ = 0;
    return;
  }
  iovec& first = segments_[begin_];
  first.iov_base = static_cast<char*>(first.iov_base) + written;
  first.iov_len -= written;
}

}  // namespace singleflight::bench
