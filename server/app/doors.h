// The addresses of the configuration in force, where clients come in. An address that two
// configurations share stays bound. Clients stay connected when certificates are renewed; when it
// changes how far they are trusted, they have to connect again. Where a socket was handed over to
// the process for an address, it is used, and none is bound.
//
// Threads: the control thread's, which waits for nobody here. Those who come in do so on one
// worker.

#ifndef SINGLEFLIGHT_SERVER_APP_DOORS_H_
#define SINGLEFLIGHT_SERVER_APP_DOORS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/model/fingerprints.h"
#include "server/net/handed_over.h"
#include "server/net/listener.h"
#include "server/proxy/frontend.h"
#include "server/proxy/listener_options.h"

namespace singleflight::app {

class Doors {
 public:
  // Called on that worker.
  using OnEnter =
      std::function<void(net::Listener::Accepted, std::shared_ptr<const proxy::Entrance>)>;

  Doors(net::Worker& worker, model::Fingerprints& fingerprints, OnEnter on_enter,
        net::HandedOver handed_over = net::HandedOver());

  struct Door {
    std::string address;     // as the configuration wrote it that opened the door
    bool ipv6_only;          // likewise
    net::UnixAccess access;  // likewise
    std::unique_ptr<net::Listener> listener;
    std::shared_ptr<const proxy::Entrance> entrance;  // of those that come in now; the worker's
  };

  // What is to be in force: the doors, and how they will be entered.
  struct Plan {
    struct Item {
      std::shared_ptr<Door> door;
      std::shared_ptr<const proxy::Entrance> entrance;
      bool is_new;
    };
    std::vector<Item> items;
  };

  // Binds what is not bound yet. Nobody comes in before Adopt; a plan that is dropped leaves
  // nothing.
  absl::StatusOr<Plan> Prepare(const std::vector<proxy::ListenerOptions>& options);

  // In force from now on. Returns which doors are gone: clients that came in there have to leave.
  std::vector<uint64_t> Adopt(const Plan& plan);

  // How doors are entered now.
  const Plan& in_force() const { return in_force_; }

  // Nobody comes in any more. Who connects to a socket that was handed over waits there for the
  // next process.
  void Close();

  // As bound, in the order of the configuration.
  std::vector<std::string> addresses() const { return AddressesOf(in_force_); }
  static std::vector<std::string> AddressesOf(const Plan& plan);

 private:
  absl::StatusOr<std::shared_ptr<Door>> Open(const proxy::ListenerOptions& options);

  absl::StatusOr<std::unique_ptr<net::Listener>> Bind(Door& door,
                                                      const proxy::ListenerOptions& options);

  // Why a bound address cannot be what is wanted now.
  absl::Status RefuseChange(const Door& door, const proxy::ListenerOptions& wanted) const;

  // Says which sockets that were handed over nobody listens on, once.
  void TellOfUnused();

  // Why an address may not be free that this program itself keeps from being so, as a clause; else
  // nothing.
  std::string OwnClaimOn(const std::string& address) const;
  std::shared_ptr<const proxy::Entrance> EntranceWith(tls::SharedContext tls,
                                                      const proxy::Entrance* before);

  net::Worker& worker_;
  model::Fingerprints& fingerprints_;
  const OnEnter on_enter_;
  net::HandedOver handed_over_;
  std::vector<std::string> unused_;  // of those, as was said
  uint64_t last_door_ = 0;
  Plan in_force_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_DOORS_H_
