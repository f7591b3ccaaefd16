// `admin.http`: the admin pages, served on threads of their own. Questions and orders wait on two
// of them, so that a long purge keeps nobody from reading, and the stream of statistics goes on.
//
// The statistics are asked for once a second while somebody watches, and made into JSON once for
// all who do. At most kMaxWatchers watch; who reads slowly misses seconds, and nothing is queued.
//
// Threads: Open and the destructor from one; the rest from any.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_ADMIN_HTTP_H_
#define SINGLEFLIGHT_SERVER_ADMIN_ADMIN_HTTP_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/admin/admin_pages.h"
#include "server/admin/rights.h"
#include "server/admin/steering.h"
#include "server/metrics/visitor.h"
#include "server/tls/options.h"

namespace singleflight::admin {

class AdminHttp {
 public:
  struct Options {
    std::string address;
    std::string where;  // it stands there, for messages
    std::vector<std::string> allowed_hosts;
    absl::optional<tls::ServerOptions> tls = {};
  };
  static constexpr size_t kMaxWatchers = 16;

  static absl::StatusOr<std::unique_ptr<AdminHttp>> Open(const Options& options, Steering& steering,
                                                         Rights& rights, AdminTexts texts);
  virtual ~AdminHttp() = default;

  // As bound, with the port that was chosen.
  virtual std::string address() const = 0;

  virtual void Show(metrics::Visitor& visitor) const = 0;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_ADMIN_HTTP_H_
