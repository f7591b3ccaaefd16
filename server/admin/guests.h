// The connections to the health port, and which of them gives way if there is no room. A probe asks
// as soon as it is connected, so connections that have not asked go first. Among equals, strangers
// go before addresses that are on this machine or have asked before; then the oldest goes.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_GUESTS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_GUESTS_H_

#include <utility>

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <deque>
#include <list>

namespace singleflight::admin {

// One connection to the health port.
class Guest {
 public:
  // Its connection ends now.
  virtual void GiveWay() = 0;

 protected:
  explicit Guest(const boost::asio::ip::address& from);
  ~Guest() = default;

 private:
  friend class Guests;

  const boost::asio::ip::address from_;
  bool asked_ = false;
};

class Guests {
 public:
  explicit Guests(size_t max_known = 256) : max_known_(max_known) {}

  void Enter(Guest& guest) { present_.push_back(&guest); }
  void Leave(Guest& guest) { present_.remove(&guest); }

  // It has sent its request. Its address is known from now on.
  void Asks(Guest& guest);

  // Ends the connection that has to give way first. False: there is none.
  bool MakeRoom();

  size_t size() const { return present_.size(); }

 private:
  bool Knows(const boost::asio::ip::address& address) const;
  int Rank(const Guest& guest) const;

  const size_t max_known_;
  std::list<Guest*> present_;                   // the oldest first
  std::deque<boost::asio::ip::address> known_;  // the one that asked last is the last
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GUESTS_H_
