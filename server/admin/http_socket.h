// The socket that an HTTP server listens on.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_HTTP_SOCKET_H_
#define SINGLEFLIGHT_SERVER_ADMIN_HTTP_SOCKET_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/net/socket.h"

namespace singleflight::admin {

class HttpSocket {
 public:
  // Binds and listens; never waits. A Unix socket is for this process's user alone. One that nobody
  // listens on is replaced; any other file at its path is left alone, and an error. `where` says
  // where the address stands, for messages.
  static absl::StatusOr<HttpSocket> Listen(const std::string& address, absl::string_view where);

  // As bound, with the port that was chosen.
  const std::string& address() const { return address_; }
  int family() const { return family_; }

  // The descriptor is the caller's from now on.
  int Release() { return socket_.Release(); }

 private:
  // The file that a Unix socket is found by. At the end it is removed, if it is still the same.
  class File {
   public:
    explicit File(std::string path);
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();

   private:
    const std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
  };

  HttpSocket() = default;
  absl::Status Open(const std::string& address);

  net::Socket socket_;
  int family_ = 0;
  std::string address_;
  std::unique_ptr<File> file_;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_HTTP_SOCKET_H_
