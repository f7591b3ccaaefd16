// A stream of bytes on a socket that never blocks: reads as bytes come, writes as there is room.

#include "server/net/byte_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

namespace singleflight::net {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

void SetOption(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof(value));
}

void TuneTcp(int fd, absl::Duration patience) {
  const int64_t most = std::numeric_limits<int>::max();
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
            static_cast<int>(std::min(absl::ToInt64Milliseconds(patience), most)));
  // A peer that vanished without a word while the connection was idle.
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

int FamilyOf(const Socket& socket) {
  int family = AF_UNSPEC;
  socklen_t size = sizeof(family);
  ::getsockopt(socket.fd(), SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

int ErrorOf(const Socket& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  return ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// Which errno says that it is not connected and will not be; 0: it is, or will be.
int BeginToConnect(const Socket& socket, const Endpoint& endpoint) {
  if (!socket.open()) return errno;
  if (::connect(socket.fd(), endpoint.data(), endpoint.size()) == 0) return 0;
  return errno == EINPROGRESS ? 0 : errno;
}

class SocketStream final : public ByteStream, private Watch {
 public:
  // `error`: of what was done with the socket before.
  SocketStream(Worker& worker, Socket socket, bool connected, int error)
      : worker_(worker), socket_(std::move(socket)), connected_(connected) {
    writable_ = connected;
    awaits_room_ = !connected;
    if (error == 0) error = worker_.poller().Add(socket_, *this, awaits_room_);
    if (error != 0) Fail(error);
  }

  ~SocketStream() override { Close(); }

  Result Read(char* bytes, size_t room) override {
    if (error_ != 0) return {Outcome::kFailed, 0, error_};
    const ssize_t n = ::recv(socket_.fd(), bytes, room, MSG_DONTWAIT);
    if (n == 0) return {Outcome::kEnd};
    if (NoMoreForNow(n, room)) readable_ = ended_;
    return Judge(n);
  }

  Result Write(absl::string_view bytes) override {
    if (error_ != 0) return {Outcome::kFailed, 0, error_};
    const ssize_t n = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (NoMoreForNow(n, bytes.size())) writable_ = false;
    return Judge(n);
  }

  void WhenReadable(absl::AnyInvocable<void()> callback) override {
    if (closed_) return;
    on_readable_ = std::move(callback);
    if (readable_) worker_.poller().Again(*this);
  }

  void WhenWritable(absl::AnyInvocable<void()> callback) override {
    if (closed_) return;
    on_writable_ = std::move(callback);
    if (!std::exchange(awaits_room_, true)) worker_.poller().TellOfRoom(socket_, *this);
    if (writable_) worker_.poller().Again(*this);
  }

  void EndWriting() override { ::shutdown(socket_.fd(), SHUT_WR); }

  // Callbacks may hold the caller of this, so they are let go later.
  void Close() override {
    if (std::exchange(closed_, true)) return;
    worker_.poller().Remove(socket_, *this);
    socket_.Close();
    if (!on_readable_ && !on_writable_) return;
    worker_.Post([readable = std::exchange(on_readable_, nullptr),
                  writable = std::exchange(on_writable_, nullptr)] {});
  }

 private:
  // One callback a turn, because it may destroy this.
  void OnReady() override {
    if (!connected_ && writable_) BeConnected();
    const bool reads = readable_ && on_readable_;
    if (writable_ && on_writable_) {
      if (reads) worker_.poller().Again(*this);
      return std::exchange(on_writable_, nullptr)();
    }
    if (reads) std::exchange(on_readable_, nullptr)();
  }

  void OnLoopGone() override {
    const auto readable = std::exchange(on_readable_, nullptr);
    const auto writable = std::exchange(on_writable_, nullptr);
  }

  void BeConnected() {
    connected_ = true;
    if (const int error = ErrorOf(socket_); error != 0) Fail(error);
  }

  void Fail(int error) {
    error_ = error;
    readable_ = writable_ = ended_ = true;
  }

  // What comes later is told of.
  static bool NoMoreForNow(ssize_t n, size_t asked) {
    if (n >= 0) return static_cast<size_t>(n) < asked;
    return errno == EAGAIN || errno == EWOULDBLOCK;
  }

  static Result Judge(ssize_t n) {
    if (n >= 0) return {Outcome::kDone, static_cast<size_t>(n)};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {Outcome::kWouldBlock};
    return {Outcome::kFailed, 0, errno};
  }

  Worker& worker_;
  Socket socket_;
  absl::AnyInvocable<void()> on_readable_;
  absl::AnyInvocable<void()> on_writable_;
  int error_ = 0;  // of every Read and Write
  bool connected_;
  bool awaits_room_;  // the poller tells of it
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> MakeSocketStream(Worker& worker, Socket socket,
                                             absl::Duration patience) {
  if (FamilyOf(socket) != AF_UNIX) TuneTcp(socket.fd(), patience);
  return std::make_unique<SocketStream>(worker, std::move(socket), true, 0);
}

std::unique_ptr<ByteStream> ConnectSocketStream(Worker& worker, const Endpoint& endpoint) {
  Socket socket(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int error = BeginToConnect(socket, endpoint);
  if (endpoint.family() != AF_UNIX) TuneTcp(socket.fd(), kPatience);
  return std::make_unique<SocketStream>(worker, std::move(socket), false, error);
}

}  // namespace singleflight::net
