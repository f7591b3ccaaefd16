// Accepts connections, and takes care of the files that Unix sockets leave.

#include "server/net/listener.h"

#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::net {
namespace {

// When descriptors run out, accepting again immediately would only spin.
constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(100);

// Whether somebody listens on that Unix socket, even with a queue that is full. Never waits.
bool SomebodyListens(const Endpoint& endpoint) {
  const Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool refused =
      ::connect(probe.fd(), endpoint.data(), endpoint.size()) != 0 && errno == ECONNREFUSED;
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

absl::Status Failure(absl::string_view address, absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, " ", address, ": ",
                                             std::strerror(error), CureOf(error, address)));
}

std::string AddressOf(const Socket& socket) {
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&bound), &size);
  return ToString(Endpoint(&bound, size));
}

// Whether the connection is at fault, and not the listener: the next one may be fine.
bool IsOfOne(int error) { return error == ECONNABORTED || error == EPROTO || error == EINTR; }

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(Worker& worker, const ListenAt& at,
                                                         OnAccept on_accept) {
  const absl::StatusOr<Endpoint> endpoint = ParseAddress(at.address);
  if (!endpoint.ok()) return endpoint.status();
  Socket socket(::socket(endpoint->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.open()) return Failure(at.address, "open a socket for", errno);
  absl::StatusOr<UnixPath> path = Bind(socket, *endpoint, at);
  if (!path.ok()) return path.status();
  if (::listen(socket.fd(), SOMAXCONN) != 0) {
    const int error = errno;
    path->Remove();
    return Failure(at.address, "listen on", error);
  }
  return std::unique_ptr<Listener>(
      new Listener(worker, std::move(socket), *std::move(path), std::move(on_accept)));
}

std::unique_ptr<Listener> Listener::Adopt(Worker& worker, Socket socket, OnAccept on_accept) {
  return std::unique_ptr<Listener>(
      new Listener(worker, std::move(socket), UnixPath(), std::move(on_accept)));
}

absl::StatusOr<Listener::UnixPath> Listener::Bind(const Socket& socket, const Endpoint& endpoint,
                                                  const ListenAt& at) {
  absl::string_view rest = at.address;
  const std::string path(absl::ConsumePrefix(&rest, "unix:") ? rest : "");
  const int on = 1;
  if (!path.empty()) {
    if (absl::Status status = RemoveAbandoned(path, endpoint); !status.ok()) return status;
    // The file is made with no more than the socket's own mode (unix(7)).
    if (at.access != UnixAccess()) ::fchmod(socket.fd(), S_IRUSR | S_IWUSR);
  } else {
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  if (at.ipv6_only) {
    ::setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (::bind(socket.fd(), endpoint.data(), endpoint.size()) != 0) {
    return Failure(at.address, "bind", errno);
  }
  if (path.empty()) return UnixPath();
  UnixPath made(path);
  if (absl::Status status = SetAccess(path, at.access); !status.ok()) {
    made.Remove();
    return status;
  }
  return made;
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

Listener::Listener(Worker& worker, Socket socket, UnixPath unix_path, OnAccept on_accept)
    : worker_(worker),
      socket_(std::move(socket)),
      address_(AddressOf(socket_)),
      unix_path_(std::move(unix_path)),
      on_accept_(std::move(on_accept)),
      pause_(worker.timers(), [this] { Start(); }) {}

void Listener::Start() {
  if (!watched_) {
    const int error = worker_.poller().Add(socket_, *this, false);
    watched_ = error == 0;
    if (!watched_) {
      worker_.poller().Remove(socket_, *this);
      return OnFailure("watch for connections", error);
    }
  }
  worker_.poller().Again(*this);
}

void Listener::OnReady() {
  if (pause_.pending()) return;
  Socket accepted(::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.open() && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (!accepted.open() && !IsOfOne(errno)) return OnFailure("accept", errno);
  worker_.poller().Again(*this);
  if (!accepted.open()) return;
  failing_ = false;
  on_accept_({accepted.Release()});  // may destroy this
}

void Listener::OnFailure(absl::string_view what, int error) {
  if (!std::exchange(failing_, true)) {
    spdlog::warn("listener {}: cannot {}: {}", address_, std::string(what), std::strerror(error));
  }
  pause_.Set(base::After(worker_.Now(), kPauseAfterFailure));
}

void Listener::Close() {
  if (!socket_.open()) return;
  pause_.Cancel();
  unix_path_.Remove();  // while it is in use, so that nobody else has replaced it
  worker_.poller().Remove(socket_, *this);
  socket_.Close();
}

}  // namespace singleflight::net
