// How addresses are written in the file. Each function says what is wrong with `text` and what
// would be right, as a phrase that follows the quoted text; empty: nothing is wrong.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_ADDRESS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_ADDRESS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace singleflight::config {

// Whether `host` has nothing before, between or behind dots. One dot behind an absolute name is
// well.
bool HasEmptyLabel(absl::string_view host);

// Where to listen: a.b.c.d:port, localhost:port, [v6]:port or unix:/path. Port 0 takes a free one.
std::string ListenerAddressMistake(absl::string_view text);

// Who may connect to a Unix socket: four octal digits, the first of them 0.
std::string UnixModeMistake(absl::string_view text);

// A group by its name or its number. Whether there is one is not looked up.
std::string GroupMistake(absl::string_view text);

// As for a listener, without unix:.
std::string HealthAddressMistake(absl::string_view text);

// Where to connect to: host:port, [v6]:port or unix:/path.
std::string EndpointMistake(absl::string_view text);

// What to resolve: dns:///host:port, host:port, ipv4:a.b.c.d:port[,…], ipv6:[…]:port[,…] or
// unix:/path.
std::string TargetMistake(absl::string_view text);
std::string GrpcTargetMistake(absl::string_view text);  // beside "transport: grpc"

// An authority to send: host or host:port.
std::string AuthorityMistake(absl::string_view text);

// An authority to match: the same, with `*` anywhere.
std::string AuthorityPatternMistake(absl::string_view text);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_ADDRESS_H_
