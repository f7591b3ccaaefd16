// `admin:` of the configuration: where the process can be asked and steered, and who may steer it.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_ADMIN_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_ADMIN_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "server/tls/options.h"

namespace singleflight::admin {

struct AdminOptions {
  std::string grpc;  // ip:port, localhost:port, [v6]:port or unix:/path; empty: nowhere
  std::string grpc_where = "admin.grpc";  // it stands there, for messages
  std::string http;                       // likewise
  std::string http_where = "admin.http";
  std::vector<std::string> allowed_hosts;  // names by which browsers may call it, besides its own
  std::string token_file;                  // empty: nobody may change anything
  absl::optional<tls::ServerOptions> tls;  // of both
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_ADMIN_OPTIONS_H_
