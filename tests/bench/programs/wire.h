#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_WIRE_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_WIRE_H_

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/programs/body.h"
#include "tests/bench/programs/event_loop.h"
#include "tests/bench/programs/frame_writer.h"
#include "tests/bench/programs/socket.h"

namespace singleflight::bench {

class Wire;

// What the connections of a thread share. A turn reads them all before it writes to any, so that
// many frames leave in one system call.
struct IoThread {
  // Waits, reads, writes.
  void Turn(Nanos deadline);
  void Flush();

  EventLoop loop;
  std::vector<Wire*> to_flush;
  std::array<char, 256 * 1024> read_buffer;
};

// An nghttp2 session on a socket, with prior knowledge and without TLS. Clients and servers derive
// from it, make the session and hand it to Begin(); the session's user data is the Wire.
class Wire : public EventLoop::Handler {
 public:
  Wire(IoThread& io, Socket socket);
  virtual ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Writes at the end of this turn what nghttp2 wants to send. To be called after whatever is
  // submitted from outside the session's callbacks.
  void FlushSoon();

  nghttp2_session* session() const { return session_; }

  // When the bytes came that are being worked on.
  Nanos received() const { return received_; }

 protected:
  void Begin(nghttp2_session* session);

  // What nghttp2_data_source_read_callback and nghttp2_send_data_callback do for a body: a large
  // one is referred to, not copied. The flags do not get EOF here.
  static size_t ReadBody(Body& body, uint8_t* to, size_t max, uint32_t* flags);
  int SendBody(Body& body, const uint8_t* frame_header, size_t size);

  // The connection has ended; `why` is empty if in order. May destroy this.
  virtual void OnOver(absl::string_view why) = 0;

 private:
  friend struct IoThread;

  void OnEvents(uint32_t events) override;
  bool Flush();
  bool Gather();
  void WatchForRoom(bool blocked);

  IoThread& io_;
  const Socket socket_;
  nghttp2_session* session_ = nullptr;
  FrameWriter writer_;
  Nanos received_ = 0;
  bool flush_due_ = false;
  bool blocked_ = false;
  bool lost_ = false;
  std::string why_;
};

inline absl::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// A header field whose name and value outlive the session, so that nghttp2 need not copy them.
nghttp2_nv Field(absl::string_view name, absl::string_view value);

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_WIRE_H_
