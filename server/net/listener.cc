#include "server/net/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::net {
namespace asio = boost::asio;

namespace {

// When descriptors run out, accepting again at once would only spin.
constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(100);

// Whether somebody does on that Unix socket, be it with a queue that is full. Never waits.
bool SomebodyListens(const Endpoint& endpoint) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const bool refused =
      ::connect(probe, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
      errno == ECONNREFUSED;
  ::close(probe);
  return !refused;
}

// Removes a Unix socket that nobody listens on. Where somebody does, binding will fail.
absl::Status RemoveAbandoned(const std::string& path, const Endpoint& endpoint) {
  struct stat about = {};
  if (::lstat(path.c_str(), &about) != 0) return absl::OkStatus();
  if (!S_ISSOCK(about.st_mode)) {
    return absl::UnavailableError(absl::StrCat(
        "cannot bind unix:", path,
        ": a file is there that is no socket, and stays; choose another path, or remove it"));
  }
  if (!SomebodyListens(endpoint)) ::unlink(path.c_str());
  return absl::OkStatus();
}

absl::Status Failure(absl::string_view address, absl::string_view what,
                     const boost::system::error_code& error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, " ", address, ": ", error.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(Worker& worker,
                                                         const ListenerOptions& options,
                                                         OnAccept on_accept) {
  absl::StatusOr<Endpoint> endpoint = ParseAddress(options.address);
  if (!endpoint.ok()) return endpoint.status();
  absl::string_view path = options.address;
  std::string unix_path(absl::ConsumePrefix(&path, "unix:") ? path : "");
  if (!unix_path.empty()) {
    if (absl::Status status = RemoveAbandoned(unix_path, *endpoint); !status.ok()) return status;
  }

  boost::system::error_code error;
  Acceptor acceptor(worker.io());
  acceptor.open(endpoint->protocol(), error);
  if (error) return Failure(options.address, "open a socket for", error);
  if (unix_path.empty()) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  acceptor.bind(*endpoint, error);
  if (error) return Failure(options.address, "bind", error);
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Failure(options.address, "listen on", error);
  const std::string bound = ToString(acceptor.local_endpoint(error));
  return std::unique_ptr<Listener>(new Listener(
      worker, std::move(acceptor), bound,
      unix_path.empty() ? UnixPath() : UnixPath(std::move(unix_path)), std::move(on_accept)));
}

// The descriptor would tell of the socket, not of the file.
Listener::UnixPath::UnixPath(std::string path) : path_(std::move(path)) {
  struct stat about = {};
  if (::lstat(path_.c_str(), &about) != 0) path_.clear();
  device_ = about.st_dev;
  inode_ = about.st_ino;
}

void Listener::UnixPath::Remove() {
  const std::string path = std::exchange(path_, "");
  struct stat about = {};
  if (path.empty() || ::lstat(path.c_str(), &about) != 0) return;
  if (about.st_dev == device_ && about.st_ino == inode_) ::unlink(path.c_str());
}

Listener::Listener(Worker& worker, Acceptor acceptor, std::string address, UnixPath unix_path,
                   OnAccept on_accept)
    : worker_(worker),
      acceptor_(std::move(acceptor)),
      address_(std::move(address)),
      unix_path_(std::move(unix_path)),
      on_accept_(std::move(on_accept)),
      pause_(worker.timers(), [this] { Accept(); }) {}

void Listener::Start() { Accept(); }

void Listener::Accept() {
  if (!acceptor_.is_open()) return;  // closed by what was just accepted, or after it came
  acceptor_.async_accept(
      [this, alive = std::weak_ptr<void>(alive_)](const boost::system::error_code& error,
                                                  asio::generic::stream_protocol::socket socket) {
        // What had been accepted before Close is not aborted by it, and may find no listener.
        if (alive.expired() || !acceptor_.is_open()) return;
        worker_.Turn([&] {
          if (error) {
            if (!std::exchange(failing_, true)) {
              spdlog::warn("listener {}: cannot accept: {}", address_, error.message());
            }
            pause_.Set(base::After(worker_.Now(), kPauseAfterFailure));
            return;
          }
          failing_ = false;
          boost::system::error_code ignored;
          const auto protocol = socket.local_endpoint(ignored).protocol();
          on_accept_({socket.release(), protocol});
          Accept();
        });
      });
}

void Listener::Close() {
  pause_.Cancel();
  unix_path_.Remove();  // while it is in use, so that nobody else has replaced it
  boost::system::error_code error;
  acceptor_.close(error);
}

absl::StatusOr<asio::generic::stream_protocol::socket> Assign(Worker& worker,
                                                              Listener::Accepted accepted) {
  asio::generic::stream_protocol::socket socket(worker.io());
  boost::system::error_code error;
  socket.assign(accepted.protocol, accepted.fd, error);
  if (!error) return socket;
  ::close(accepted.fd);
  return absl::UnavailableError(error.message());
}

}  // namespace singleflight::net
