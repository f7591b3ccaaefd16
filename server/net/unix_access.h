// Who may connect to a Unix socket, which its file says.

#ifndef SINGLEFLIGHT_SERVER_NET_UNIX_ACCESS_H_
#define SINGLEFLIGHT_SERVER_NET_UNIX_ACCESS_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::net {

struct UnixAccess {
  // Whoever may write may connect. None: what the umask leaves, or 0660 where there is a group.
  absl::optional<mode_t> mode = absl::nullopt;
  std::string group = "";  // a name or a number; empty: the process's own

  friend bool operator==(const UnixAccess& a, const UnixAccess& b) {
    return a.mode == b.mode && a.group == b.group;
  }
};

// The number of a group that is written as a name or a number; none: there is no such group.
absl::optional<gid_t> GroupId(absl::string_view group);

// Gives the file at `path` its group and its mode. Nobody can connect before the socket listens, so
// between bind() and listen() this leaves no moment in which somebody else may.
absl::Status SetAccess(const std::string& path, const UnixAccess& access);

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_UNIX_ACCESS_H_
