#ifndef SINGLEFLIGHT_SERVER_NET_LISTENER_H_
#define SINGLEFLIGHT_SERVER_NET_LISTENER_H_

#include <sys/types.h>

#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/net/address.h"
#include "server/net/listener_options.h"
#include "server/net/worker.h"

namespace singleflight::net {

// Accepts connections on one address, on the loop of one worker, and hands them on as plain
// descriptors, since they may be served by another worker. Threads: Open before the worker starts;
// the rest on its loop.
class Listener {
 public:
  struct Accepted {
    int fd;  // the receiver's
    boost::asio::generic::stream_protocol protocol;
  };
  using OnAccept = absl::AnyInvocable<void(Accepted)>;

  // Binds and listens. A Unix socket that a dead process left behind is replaced, any other file at
  // its path is left alone and an error; at Close it is removed, if it is still the same. Never
  // waits.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(Worker& worker,
                                                        const ListenerOptions& options,
                                                        OnAccept on_accept);
  ~Listener() { Close(); }

  // Starts to accept.
  void Start();

  // No new connection from now on.
  void Close();

  // As bound, with the port that was chosen.
  std::string address() const { return address_; }

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

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

  Listener(Worker& worker, Acceptor acceptor, std::string address, UnixPath unix_path,
           OnAccept on_accept);
  void Accept();

  Worker& worker_;
  Acceptor acceptor_;
  const std::string address_;
  UnixPath unix_path_;
  OnAccept on_accept_;
  base::Timer pause_;
  bool failing_ = false;  // the latest could not be accepted, which has been said
  const std::shared_ptr<void> alive_ = std::make_shared<char>();  // ends with this
};

// Puts an accepted descriptor into `worker`'s hands.
absl::StatusOr<boost::asio::generic::stream_protocol::socket> Assign(Worker& worker,
                                                                     Listener::Accepted accepted);

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_LISTENER_H_
