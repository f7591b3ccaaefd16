#ifndef SINGLEFLIGHT_SERVER_NET_LISTENER_H_
#define SINGLEFLIGHT_SERVER_NET_LISTENER_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/net/address.h"
#include "server/net/unix_access.h"
#include "server/net/worker.h"

namespace singleflight::net {

// Where to listen.
struct ListenAt {
  std::string address;  // ip:port, localhost:port, [v6]:port or unix:/path; port 0 takes a free one
  bool ipv6_only = false;  // of [::]: another listener has the port for IPv4
  UnixAccess access = {};  // of a path
};

// Accepts connections on one address, on the loop of one worker, and hands them on as plain
// descriptors, since they may be served by another worker. Threads: Open, Adopt and address from
// any; the rest, and its end once it was started, on its loop.
class Listener final : private Watch {
 public:
  struct Accepted {
    int fd;  // the receiver's
  };
  using OnAccept = absl::AnyInvocable<void(Accepted)>;

  // Binds and listens. A Unix socket that a dead process left behind is replaced, any other file at
  // its path is left alone and an error; at Close it is removed, if it is still the same. Never
  // waits.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(Worker& worker, const ListenAt& at,
                                                        OnAccept on_accept);

  // On a socket that listens already. Its file, if it has one, stays at Close.
  static std::unique_ptr<Listener> Adopt(Worker& worker, Socket socket, OnAccept on_accept);
  ~Listener() { Close(); }

  // Starts to accept, one connection a round of the loop. Those that have come since Open wait
  // until then.
  void Start();

  // No new connection from now on.
  void Close();

  // As bound, with the port that was chosen.
  std::string address() const { return address_; }

 private:
  // The file that a Unix socket is found by, as it was made here. Another process may have put its
  // own in that place meanwhile, which stays.
  class UnixPath {
   public:
    UnixPath() = default;  // none
    explicit UnixPath(std::string path);
    void Remove();

   private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
  };

  static absl::StatusOr<UnixPath> Bind(const Socket& socket, const Endpoint& endpoint,
                                       const ListenAt& at);
  Listener(Worker& worker, Socket socket, UnixPath unix_path, OnAccept on_accept);
  void OnReady() override;
  void OnLoopGone() override {}
  void OnFailure(absl::string_view what, int error);

  Worker& worker_;
  Socket socket_;
  const std::string address_;
  UnixPath unix_path_;
  OnAccept on_accept_;
  base::Timer pause_;
  bool watched_ = false;  // by the loop
  bool failing_ = false;  // the latest could not be accepted, which has been said
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_LISTENER_H_
