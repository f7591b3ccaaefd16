// Connections that were given to somebody who closes them and tells nobody, as gRPC does: how many
// of them are still open. A descriptor that is closed, or is something else by now, tells that its
// connection has ended.
//
// Threads: one. Whoever got the connections may have any.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_GIVEN_AWAY_H_
#define SINGLEFLIGHT_SERVER_ADMIN_GIVEN_AWAY_H_

#include <sys/stat.h>

#include <cstddef>
#include <vector>

namespace singleflight::admin {

class GivenAway {
 public:
  // Before it is given away.
  void Add(int fd) { open_.push_back({fd, SocketAt(fd)}); }

  // How many are still open.
  size_t Count() {
    std::erase_if(open_, [](const Connection& c) { return SocketAt(c.fd) != c.socket; });
    return open_.size();
  }

 private:
  struct Connection {
    int fd;
    ino_t socket;  // what the kernel calls it, and no other socket of its time
  };

  // 0: no socket is there.
  static ino_t SocketAt(int fd) {
    struct stat about = {};
    const bool there = ::fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode);
    return there ? about.st_ino : 0;
  }

  std::vector<Connection> open_;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GIVEN_AWAY_H_
