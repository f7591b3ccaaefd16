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

class SocketStream final : public ByteStream {
 public:
  SocketStream(Worker& worker, Socket socket, absl::Duration patience)
      : worker_(worker), socket_(std::move(socket)) {
    boost::system::error_code error;
    socket_.non_blocking(true, error);
    if (socket_.local_endpoint(error).protocol().family() != AF_UNIX) {
      TuneTcp(socket_.native_handle(), patience);
    }
  }

  Result Read(char* bytes, size_t room) override {
    const ssize_t n = ::recv(socket_.native_handle(), bytes, room, 0);
    if (n == 0) return {Outcome::kEnd};
    return Judge(n);
  }

  Result Write(absl::string_view bytes) override {
    return Judge(::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  void WhenReadable(absl::AnyInvocable<void()> callback) override {
    Wait(Socket::wait_read, std::move(callback));
  }

  void WhenWritable(absl::AnyInvocable<void()> callback) override {
    Wait(Socket::wait_write, std::move(callback));
  }

  void EndWriting() override {
    boost::system::error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
  }

  void Close() override {
    boost::system::error_code error;
    socket_.close(error);
  }

 private:
  static Result Judge(ssize_t n) {
    if (n >= 0) return {Outcome::kDone, static_cast<size_t>(n)};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {Outcome::kWouldBlock};
    return {Outcome::kFailed, 0, errno};
  }

  void Wait(Socket::wait_type what, absl::AnyInvocable<void()> callback) {
    socket_.async_wait(what, [&worker = worker_, callback = std::move(callback)](
                                 const boost::system::error_code& error) mutable {
      if (error != boost::asio::error::operation_aborted) worker.Turn(std::ref(callback));
    });
  }

  Worker& worker_;
  Socket socket_;
};

}  // namespace

std::unique_ptr<ByteStream> MakeSocketStream(Worker& worker, Socket socket,
                                             absl::Duration patience) {
  return std::make_unique<SocketStream>(worker, std::move(socket), patience);
}

}  // namespace singleflight::net
