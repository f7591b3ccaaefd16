#ifndef SINGLEFLIGHT_TESTS_TESTING_RAW_PEER_H_
#define SINGLEFLIGHT_TESTS_TESTING_RAW_PEER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace singleflight::testing {

// One header field, with whether it came (or goes) as never to be indexed (RFC 7541 §6.2.3).
struct Field {
  std::string name;
  std::string value;
  bool never_index = false;
  bool operator==(const Field&) const = default;
};
using Fields = std::vector<Field>;

std::ostream& operator<<(std::ostream& out, const Field& field);

// What one side of a stream sends.
struct RawMessage {
  Fields head;
  std::vector<std::string> data = {};  // each in DATA frames of its own
  Fields trailers = {};
  bool ends = true;                    // with END_STREAM on the last of these
  std::optional<uint32_t> reset = {};  // RST_STREAM after all that
  bool early = false;                  // a server's: sent before the request has ended
};

// What one side of a stream has received.
struct RawSeen {
  std::vector<Fields> blocks;
  std::string body;
  bool ended = false;             // END_STREAM came
  std::optional<uint32_t> reset;  // RST_STREAM came
  bool closed = false;            // the stream is gone, or its connection

  // The value of a field of any block, or nothing.
  std::string Value(const std::string& name) const;
};

std::ostream& operator<<(std::ostream& out, const RawSeen& seen);

// A gRPC message as it stands in DATA frames.
std::string Framed(const std::string& message, char flag = 0);

// One HTTP/2 connection, and all that is seen on it. It checks nothing of what it sends or
// receives.
class RawConnection {
 public:
  // Takes over the socket. A stream's window of 0 keeps the peer from sending DATA.
  RawConnection(int fd, bool server, uint32_t stream_window = 1 << 20);
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection();

  // Client: opens a stream; server: answers one.
  int32_t Open(const RawMessage& message);
  void Answer(int32_t stream, const RawMessage& message);
  void Reset(int32_t stream, uint32_t error);

  // Writes what is to be written. False: the connection has ended.
  bool Flush();

  // Flushes, and waits a while for something to read.
  bool Pump(int timeout_ms);

  const std::map<int32_t, RawSeen>& streams() const { return streams_; }
  int fd() const { return fd_; }

 private:
  struct Outgoing;
  struct Callbacks;

  const int fd_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, RawSeen> streams_;
  std::map<int32_t, std::unique_ptr<Outgoing>> outgoing_;
};

class RawClient {
 public:
  explicit RawClient(const std::string& address, uint32_t stream_window = 1 << 20);

  // One call from beginning to end.
  RawSeen Call(const RawMessage& request) { return Wait(Open(request)); }

  int32_t Open(const RawMessage& request) { return connection_.Open(request); }
  RawSeen Wait(int32_t stream);
  void Reset(int32_t stream, uint32_t error) { connection_.Reset(stream, error); }

  // Goes on until `condition` holds.
  void Until(const std::function<bool()>& condition);

 private:
  RawConnection connection_;
};

// An HTTP/2 server in a thread of its own, on 127.0.0.1 and a free port.
class RawServer {
 public:
  // What a request gets; nothing: no answer ever.
  using Script = std::function<std::optional<RawMessage>(const RawSeen& request)>;

  explicit RawServer(Script script, uint32_t stream_window = 1 << 20);
  ~RawServer();

  const std::string& address() const { return address_; }

  // The requests so far, in the order in which they came, as far as they have come.
  std::vector<RawSeen> requests() const;

  // Returns when there are so many of which `ready` holds.
  void WaitFor(size_t n, const std::function<bool(const RawSeen&)>& ready);

  // Asks the script again what requests get that have got nothing yet.
  void LookAgain();

  // Every connection is closed as soon as it has brought a request.
  void HangUpOnRequests();

 private:
  struct Client;

  void Run();
  void Serve(Client& client);

  const Script script_;
  const uint32_t stream_window_;
  int listen_fd_;
  int control_fds_[2];  // 'l': look again; closed: stop
  std::string address_;
  mutable std::mutex mu_;
  std::condition_variable changed_;
  std::vector<RawSeen> requests_;
  bool hanging_up_ = false;
  std::thread thread_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_RAW_PEER_H_
