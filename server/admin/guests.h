// Who is connected to the health port, and who gives way where there is no room. A probe asks as
// soon as it is connected, so whoever has not asked goes before those who have; among these, those
// whom nobody knows go before who is on this machine or has asked before; then age decides.

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

  // Ends the connection of whoever comes first. False: nobody is there.
  bool MakeRoom();

  size_t size() const { return present_.size(); }

 private:
  bool Knows(const boost::asio::ip::address& address) const;
  int Rank(const Guest& guest) const;

  const size_t max_known_;
  std::list<Guest*> present_;                   // the oldest first
  std::deque<boost::asio::ip::address> known_;  // who asked last stands last
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GUESTS_H_
