// Sockets that listen already when the process begins, because whoever started it has bound them
// (socket activation, sd_listen_fds(3)). Connections wait in them while one process follows
// another, so that none is refused.
//
// They stay here for all configurations that come: each listener gets a descriptor of its own.
// Threads: one.

#ifndef SINGLEFLIGHT_SERVER_NET_HANDED_OVER_H_
#define SINGLEFLIGHT_SERVER_NET_HANDED_OVER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/net/listener.h"
#include "server/net/socket.h"

namespace singleflight::net {

class HandedOver {
 public:
  HandedOver() = default;  // none

  // Takes the descriptor, which belongs to this object from now on, whatever is returned. An error
  // names the socket, and says what it should be.
  absl::Status Take(int fd, const std::string& name);

  // A descriptor for the listener, of the socket that is bound to its address; not open: none is.
  // An error says how that socket differs from what the listener wants.
  absl::StatusOr<Socket> For(const ListenAt& at) const;

  // Those that are bound to none of `addresses`, for messages.
  std::vector<std::string> Besides(const std::vector<std::string>& addresses) const;

  // Where a socket holds the port of `address`, elsewhere; empty: none does.
  std::string WithPortOf(absl::string_view address) const;

  // From now on they are the service manager's alone.
  void Close() { items_.clear(); }

 private:
  struct Item {
    Socket socket;
    std::string name;
    std::string address;  // as ToString writes it
  };

  std::vector<Item> items_;
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_HANDED_OVER_H_
