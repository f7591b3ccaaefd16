// Binds, exchanges and closes listeners; the reasons why a reload cannot have an address.

#include "server/app/doors.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/app/on_worker.h"
#include "server/net/address.h"

namespace singleflight::app {
namespace {

absl::string_view PortOf(absl::string_view address) {
  return address.substr(address.rfind(':') + 1);
}

bool IsEverywhere(absl::string_view address) {
  return absl::StartsWith(address, "0.0.0.0:") || absl::StartsWith(address, "[::]:");
}

// Whether it is what the address means, in whatever spelling. Port 0 means itself only.
bool IsAt(const Doors::Door& door, const std::string& address) {
  if (door.address == address) return true;
  const absl::StatusOr<net::Endpoint> endpoint = net::ParseAddress(address);
  return endpoint.ok() && door.listener->address() == net::ToString(*endpoint);
}

// How messages about its `tls:` begin.
std::string TlsPlace(const proxy::ListenerOptions& options) {
  return absl::StrCat("listener ", options.address, ": tls.");
}

absl::StatusOr<tls::SharedContext> TlsOf(const proxy::ListenerOptions& options) {
  if (!options.tls.has_value()) return tls::SharedContext();
  return tls::OrStatus(tls::Context::ForListener(*options.tls), TlsPlace(options));
}

}  // namespace

Doors::Doors(net::Worker& worker, model::Fingerprints& fingerprints, OnEnter on_enter,
             net::HandedOver handed_over)
    : worker_(worker),
      fingerprints_(fingerprints),
      on_enter_(std::move(on_enter)),
      handed_over_(std::move(handed_over)) {}

absl::StatusOr<Doors::Plan> Doors::Prepare(const std::vector<proxy::ListenerOptions>& options) {
  Plan plan;
  std::vector<Plan::Item> open = in_force_.items;
  for (const proxy::ListenerOptions& wanted : options) {
    absl::StatusOr<tls::SharedContext> tls = TlsOf(wanted);
    if (!tls.ok()) return tls.status();
    const auto same = std::find_if(open.begin(), open.end(), [&](const Plan::Item& item) {
      return IsAt(*item.door, wanted.address);
    });
    if (same != open.end()) {
      absl::Status status = RefuseChange(*same->door, wanted);
      if (status.ok())
        status = tls::RefuseEnded(same->entrance->tls.get(), tls->get(), TlsPlace(wanted));
      if (!status.ok()) return status;
      plan.items.push_back(
          {same->door, EntranceWith(*std::move(tls), same->entrance.get()), false});
      open.erase(same);
      continue;
    }
    absl::StatusOr<std::shared_ptr<Door>> door = Open(wanted);
    if (!door.ok()) {
      return absl::Status(door.status().code(),
                          absl::StrCat(wanted.where, ": ", door.status().message()));
    }
    plan.items.push_back({*std::move(door), EntranceWith(*std::move(tls), nullptr), true});
  }
  return plan;
}

std::shared_ptr<const proxy::Entrance> Doors::EntranceWith(tls::SharedContext tls,
                                                           const proxy::Entrance* before) {
  const uint32_t trust =
      fingerprints_.NumberOf(absl::StrCat("trust ", tls == nullptr ? "plaintext" : tls->trust()));
  const bool same = before != nullptr && before->trust == trust;
  // Tickets are good for their context only.
  if (same && tls != nullptr && before->tls->digest() == tls->digest()) tls = before->tls;
  return std::make_shared<const proxy::Entrance>(
      proxy::Entrance{std::move(tls), trust, same ? before->door : ++last_door_});
}

absl::StatusOr<std::shared_ptr<Doors::Door>> Doors::Open(const proxy::ListenerOptions& options) {
  const std::shared_ptr<Door> door = OwnedOn(worker_, std::make_unique<Door>());
  door->address = options.address;
  door->ipv6_only = options.ipv6_only;
  door->access = options.access;
  absl::StatusOr<std::unique_ptr<net::Listener>> listener = Bind(*door, options);
  if (!listener.ok()) {
    return absl::Status(listener.status().code(),
                        absl::StrCat(listener.status().message(), OwnClaimOn(options.address)));
  }
  door->listener = *std::move(listener);
  return door;
}

absl::StatusOr<std::unique_ptr<net::Listener>> Doors::Bind(Door& door,
                                                           const proxy::ListenerOptions& options) {
  absl::StatusOr<net::Socket> socket = handed_over_.For(options);
  if (!socket.ok()) return socket.status();
  auto on_accept = [this, &door](net::Listener::Accepted accepted) {
    on_enter_(accepted, door.entrance);
  };
  if (socket->open()) return net::Listener::Adopt(worker_, *std::move(socket), on_accept);
  return net::Listener::Open(worker_, options, on_accept);
}

absl::Status Doors::RefuseChange(const Door& door, const proxy::ListenerOptions& wanted) const {
  std::string now;
  if (door.ipv6_only != wanted.ipv6_only) {
    now = absl::StrCat("listens there ", wanted.ipv6_only ? "for IPv4 too" : "for IPv6 only");
  } else if (door.access != wanted.access) {
    now = "has made that socket with another mode or group";
  } else {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(wanted.where, ": the running proxy ", now,
                   ", which a reload does not change: restart the proxy"));
}

void Doors::TellOfUnused() {
  std::vector<std::string> unused = handed_over_.Besides(addresses());
  for (const std::string& socket : unused) {
    if (std::count(unused_.begin(), unused_.end(), socket) != 0) continue;
    spdlog::warn(
        "LISTEN_FDS: the socket {} was handed over, and no listener has its address: whoever "
        "connects there waits; add the address to \"listeners\", or remove the socket's unit",
        socket);
  }
  unused_ = std::move(unused);
}

// What is in force is given up only when all of what comes next is bound.
std::string Doors::OwnClaimOn(const std::string& address) const {
  if (const std::string socket = handed_over_.WithPortOf(address); !socket.empty()) {
    return absl::StrCat("; the socket ", socket,
                        " was handed over, and holds this port: let the listener have its address");
  }
  for (const std::string& bound : addresses()) {
    if (PortOf(bound) != PortOf(address) || !(IsEverywhere(bound) || IsEverywhere(address)))
      continue;
    return absl::StrCat("; the running proxy listens on ", bound,
                        ", and a reload does not move a port between addresses: restart the "
                        "proxy, or choose another port");
  }
  return "";
}

std::vector<uint64_t> Doors::Adopt(const Plan& plan) {
  std::vector<uint64_t> gone;
  for (const Plan::Item& before : in_force_.items) {
    const bool stays = std::any_of(
        plan.items.begin(), plan.items.end(),
        [&](const Plan::Item& now) { return now.entrance->door == before.entrance->door; });
    if (!stays) gone.push_back(before.entrance->door);
    const bool bound = std::any_of(plan.items.begin(), plan.items.end(),
                                   [&](const Plan::Item& now) { return now.door == before.door; });
    if (!bound) worker_.Post([door = before.door] { door->listener->Close(); });
  }
  for (const Plan::Item& now : plan.items) {
    worker_.Post([now] {
      now.door->entrance = now.entrance;
      if (now.is_new) now.door->listener->Start();
    });
  }
  in_force_ = plan;
  TellOfUnused();
  return gone;
}

void Doors::Close() {
  handed_over_.Close();
  for (const Plan::Item& item : in_force_.items) {
    worker_.Post([door = item.door] { door->listener->Close(); });
  }
}

std::vector<std::string> Doors::AddressesOf(const Plan& plan) {
  std::vector<std::string> addresses;
  for (const Plan::Item& item : plan.items) {
    addresses.push_back(item.door->listener->address());
  }
  return addresses;
}

}  // namespace singleflight::app
