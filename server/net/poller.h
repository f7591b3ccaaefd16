// What a worker's loop knows of its sockets: which of them can be read or written now.

#ifndef SINGLEFLIGHT_SERVER_NET_POLLER_H_
#define SINGLEFLIGHT_SERVER_NET_POLLER_H_

#include <cstddef>

#include <boost/intrusive/list.hpp>

#include "server/net/socket.h"

namespace singleflight::net {

using WatchHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// The owner of a socket, which wants to hear of it; at most one watch a socket. It must be removed
// from its poller before the socket is closed.
//
// What comes raises a flag, once: the system tells of changes only. The flag stays up until the
// owner lowers it, having been told by the system that there is no more for now (EAGAIN, or fewer
// bytes than there was room for). The peer's end is told once and for good.
class Watch : public WatchHook {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // In a turn of the loop, after a flag was raised or Poller::Again. May destroy this.
  virtual void OnReady() = 0;

  // The loop is gone; nothing is told any more. May destroy this.
  virtual void OnLoopGone() = 0;

 protected:
  ~Watch() = default;

  bool readable_ = false;
  bool writable_ = false;
  bool ended_ = false;  // nothing will follow what can be read now

 private:
  friend class Poller;
  void Raise(unsigned events);

  bool queued_ = false;  // to be told now or after the next Wait
};

// The sockets of one loop, by epoll: each is registered once, edge-triggered, so that waiting for
// more costs no system call. A watch that has more to do than fits into one turn asks to be told
// again, and stands behind all that are ready by then. Nothing moves a watch that stands in line
// already, or the busiest would never have their turn.
//
// Events are turned into flags before any watch is told of its own, so that a watch that goes
// meanwhile is not told. Threads: the loop's; Wake from any. When it is destroyed, what is left has
// been told OnLoopGone.
class Poller {
 public:
  Poller();
  ~Poller();

  // Begins to tell of what can be read, and with `room` of room to write. Returns an errno or 0.
  int Add(const Socket& socket, Watch& watch, bool room);

  // From now on also of room to write.
  void TellOfRoom(const Socket& socket, Watch& watch);

  void Remove(const Socket& socket, Watch& watch);

  // OnReady is called once more, after the next Wait if not before.
  void Again(Watch& watch);

  // Sleeps until something is ready, somebody called Wake, or `ms` have passed (-1: no limit).
  void Wait(int ms);

  // The next one to be told, of those that were ready when Wait returned; null: none, or others
  // have waited long enough.
  Watch* Next();

  // Whether Wait would be in the way of a watch that is ready.
  bool has_ready() const { return !ready_.empty() || !batch_.empty(); }

  // Lets the next Wait, or the one that is on, return.
  void Wake();

  // Tells all OnLoopGone; false: there was nobody.
  bool Abandon();

 private:
  using List = boost::intrusive::list<Watch, boost::intrusive::constant_time_size<false>>;

  const Socket epoll_;
  const Socket wake_;
  List idle_;
  List ready_;  // to be told after the next Wait
  List batch_;  // to be told now
  size_t batch_left_ = 0;
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_POLLER_H_
