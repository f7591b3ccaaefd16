// One nghttp2 session on one socket, and the thread that runs many of them.

#include "tests/bench/programs/wire.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/base/check.h"

namespace singleflight::bench {
namespace {

constexpr size_t kFrameHeaderBytes = 9;

// From here on it costs less to refer to a body than to copy it.
constexpr size_t kWorthReferring = 4 * 1024;

}  // namespace

void IoThread::Turn(Nanos deadline) {
  Flush();
  loop.Turn(deadline);
  Flush();
}

void IoThread::Flush() {
  for (size_t i = 0; i < to_flush.size(); ++i) {
    Wire* const wire = to_flush[i];
    const bool goes_on = wire->Flush();
    wire->flush_due_ = false;
    if (!goes_on) wire->OnOver(wire->why_);
  }
  to_flush.clear();
}

Wire::Wire(IoThread& io, Socket socket) : io_(io), socket_(std::move(socket)) {}

Wire::~Wire() { nghttp2_session_del(session_); }

void Wire::Begin(nghttp2_session* session) {
  session_ = session;
  SF_CHECK(io_.loop.Watch(socket_.fd(), EPOLLIN, this));
  FlushSoon();
}

void Wire::FlushSoon() {
  if (std::exchange(flush_due_, true)) return;
  io_.to_flush.push_back(this);
}

void Wire::OnEvents(uint32_t) {
  FlushSoon();
  const ssize_t size = recv(socket_.fd(), io_.read_buffer.data(), io_.read_buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    lost_ = true;
    why_ = size == 0 ? "closed by the peer" : std::strerror(errno);
    return;
  }
  received_ = Now();
  const ssize_t read = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(io_.read_buffer.data()), size);
  if (read >= 0) return;
  lost_ = true;
  why_ = nghttp2_strerror(static_cast<int>(read));
}

// False if the connection is over.
bool Wire::Flush() {
  if (lost_) return false;
  while (Gather()) {
    switch (writer_.Write(socket_.fd())) {
      case FrameWriter::Result::kDone:
        break;
      case FrameWriter::Result::kBlocked:
        WatchForRoom(true);
        return true;
      case FrameWriter::Result::kLost:
        why_ = std::strerror(errno);
        return false;
    }
  }
  WatchForRoom(false);
  return nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0;
}

// Takes frames from nghttp2 while there is room for one more; false if there is nothing to write.
bool Wire::Gather() {
  while (writer_.HasRoom()) {
    const uint8_t* bytes;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) break;
    writer_.Copy(View(bytes, static_cast<size_t>(size)));
  }
  return !writer_.empty();
}

size_t Wire::ReadBody(Body& body, uint8_t* to, size_t max, uint32_t* flags) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(max, body.left()));
  if (std::min(size, body.message_bytes()) >= kWorthReferring) {
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return size;
  }
  for (size_t left = size; left > 0;) {
    const absl::string_view piece = body.Front(left);
    to = std::copy(piece.begin(), piece.end(), to);
    body.Skip(piece.size());
    left -= piece.size();
  }
  return size;
}

int Wire::SendBody(Body& body, const uint8_t* frame_header, size_t size) {
  if (!writer_.HasRoom()) return NGHTTP2_ERR_WOULDBLOCK;
  writer_.Copy(View(frame_header, kFrameHeaderBytes));
  while (size > 0) {
    const absl::string_view piece = body.Front(size);
    writer_.Refer(piece);
    body.Skip(piece.size());
    size -= piece.size();
  }
  return 0;
}

void Wire::WatchForRoom(bool blocked) {
  if (std::exchange(blocked_, blocked) == blocked) return;
  io_.loop.Change(socket_.fd(), blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
}

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  const auto bytes = [](absl::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

}  // namespace singleflight::bench
