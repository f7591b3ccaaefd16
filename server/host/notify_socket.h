// The socket on which a service manager hears of the process: a datagram a message, lines of
// NAME=value (sd_notify(3)). The protocol is a public contract and small, so it is spoken here
// (docs/decisions.md, "17. sd_notify is ours").
//
// Threads: any. A message waits for a service manager that is busy, but not for long.

#ifndef SINGLEFLIGHT_SERVER_HOST_NOTIFY_SOCKET_H_
#define SINGLEFLIGHT_SERVER_HOST_NOTIFY_SOCKET_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace singleflight::host {

class NotifySocket {
 public:
  // A path, or a name with an @ before it in the abstract namespace; empty: nobody listens, and
  // nothing is sent.
  explicit NotifySocket(std::string address);
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  ~NotifySocket();

  bool open() const { return fd_ >= 0; }

  // An error says why the service manager does not hear.
  absl::Status Send(absl::string_view message) const;

 private:
  const std::string address_;
  const int fd_;
};

}  // namespace singleflight::host

#endif  // SINGLEFLIGHT_SERVER_HOST_NOTIFY_SOCKET_H_
