#ifndef SINGLEFLIGHT_SERVER_NET_LISTENER_H_
#define SINGLEFLIGHT_SERVER_NET_LISTENER_H_

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
  // its path is left alone and an error; it is removed at Close. Never waits.
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

  Listener(Worker& worker, Acceptor acceptor, std::string address, std::string unix_path,
           OnAccept on_accept);
  void Accept();

  Worker& worker_;
  Acceptor acceptor_;
  const std::string address_;
  std::string unix_path_;  // to be removed; empty: none
  OnAccept on_accept_;
  base::Timer pause_;
  const std::shared_ptr<void> alive_ = std::make_shared<char>();  // ends with this
};

// Puts an accepted descriptor into `worker`'s hands.
absl::StatusOr<boost::asio::generic::stream_protocol::socket> Assign(Worker& worker,
                                                                     Listener::Accepted accepted);

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_LISTENER_H_
