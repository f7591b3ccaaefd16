#include "server/admin/http_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/net/address.h"

namespace singleflight::admin {
namespace {

net::Socket SocketFor(const net::Endpoint& endpoint) {
  return net::Socket(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Removes a Unix socket that nobody listens on. Where somebody does, binding will fail.
void RemoveAbandoned(const std::string& path, const net::Endpoint& endpoint) {
  struct stat about = {};
  if (::lstat(path.c_str(), &about) != 0 || !S_ISSOCK(about.st_mode)) return;
  const net::Socket probe = SocketFor(endpoint);
  const int failed = ::connect(probe.fd(), endpoint.data(), endpoint.size());
  if (failed != 0 && errno == ECONNREFUSED) ::unlink(path.c_str());
}

absl::Status Failure(int error, absl::string_view address) {
  return absl::UnavailableError(absl::StrCat(std::strerror(error), net::CureOf(error, address)));
}

std::string BoundAddress(const net::Socket& socket) {
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&bound), &size);
  return net::ToString(net::Endpoint(&bound, size));
}

}  // namespace

absl::StatusOr<HttpSocket> HttpSocket::Listen(const std::string& address, absl::string_view where) {
  HttpSocket socket;
  const absl::Status status = socket.Open(address);
  if (status.ok()) return socket;
  return absl::Status(status.code(),
                      absl::StrCat(where, ": cannot listen on ", address, ": ", status.message()));
}

absl::Status HttpSocket::Open(const std::string& address) {
  const absl::StatusOr<net::Endpoint> endpoint = net::ParseAddress(address);
  if (!endpoint.ok()) return endpoint.status();
  family_ = endpoint->family();
  absl::string_view path = address;
  const bool is_path = absl::ConsumePrefix(&path, "unix:");
  if (is_path) RemoveAbandoned(std::string(path), *endpoint);
  socket_ = SocketFor(*endpoint);
  if (!socket_.open()) return Failure(errno, address);
  const int on = 1;
  if (!is_path) ::setsockopt(socket_.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // What fchmod says of a socket that is not bound yet is what its file will have.
  if (is_path) ::fchmod(socket_.fd(), S_IRUSR | S_IWUSR);
  if (::bind(socket_.fd(), endpoint->data(), endpoint->size()) != 0 ||
      ::listen(socket_.fd(), SOMAXCONN) != 0) {
    return Failure(errno, address);
  }
  if (is_path) file_ = std::make_unique<File>(std::string(path));
  address_ = BoundAddress(socket_);
  return absl::OkStatus();
}

HttpSocket::File::File(std::string path) : path_(std::move(path)) {
  struct stat about = {};
  ::lstat(path_.c_str(), &about);
  device_ = about.st_dev;
  inode_ = about.st_ino;
}

HttpSocket::File::~File() {
  struct stat about = {};
  if (::lstat(path_.c_str(), &about) != 0) return;
  if (about.st_dev == device_ && about.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace singleflight::admin
