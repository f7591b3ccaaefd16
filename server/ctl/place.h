// Where the proxy is and what is shown to it: read from the command line, the environment and the
// files that both name.

#ifndef SINGLEFLIGHT_SERVER_CTL_PLACE_H_
#define SINGLEFLIGHT_SERVER_CTL_PLACE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/ctl/arguments.h"
#include "server/ctl/surroundings.h"

namespace singleflight::ctl {

inline constexpr char kDefaultAddress[] = "unix:/run/singleflight/admin.sock";
inline constexpr char kDefaultTokenFile[] = "/etc/singleflight/token";

// More than the proxy itself waits for anything (admin::Steering), so that it is the proxy that
// says why something takes too long.
inline constexpr absl::Duration kUsualTimeout = absl::Seconds(15);

struct Place {
  std::string address;  // unix:/path or host:port
  bool tls = false;
  std::string ca;  // what the files hold; empty: not given
  std::string certificate;
  std::string private_key;
  absl::Duration timeout;

  // A Unix socket or an address of this machine: nobody else reads what is sent there.
  bool local() const;
};

// Errors: kInvalidArgument, which says what would be right.
absl::StatusOr<Place> FindPlace(const Arguments& arguments, const Environment& environment);

// The token for changes; empty: there is none, which the proxy will refuse. The default file may be
// missing; one that was named may not. Errors: kPermissionDenied.
absl::StatusOr<std::string> ReadToken(const Arguments& arguments, const Environment& environment);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_PLACE_H_
