#include "server/admin/guests.h"

#include <algorithm>

namespace singleflight::admin {

// A socket for both families says IPv4 addresses as IPv6 ones.
Guest::Guest(const boost::asio::ip::address& from)
    : from_(from.is_v6() && from.to_v6().is_v4_mapped()
                ? boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, from.to_v6())
                : from) {}

void Guests::Asks(Guest& guest) {
  guest.asked_ = true;
  if (guest.from_.is_loopback()) return;
  std::erase(known_, guest.from_);
  known_.push_back(guest.from_);
  if (known_.size() > max_known_) known_.pop_front();
}

bool Guests::MakeRoom() {
  const auto first =
      std::min_element(present_.begin(), present_.end(),
                       [this](const Guest* a, const Guest* b) { return Rank(*a) < Rank(*b); });
  if (first == present_.end()) return false;
  Guest& guest = **first;
  present_.erase(first);
  guest.GiveWay();
  return true;
}

bool Guests::Knows(const boost::asio::ip::address& address) const {
  return address.is_loopback() || std::find(known_.begin(), known_.end(), address) != known_.end();
}

// The lowest gives way first.
int Guests::Rank(const Guest& guest) const {
  return (guest.asked_ ? 2 : 0) + (Knows(guest.from_) ? 1 : 0);
}

}  // namespace singleflight::admin
