// What `admin.http` shows to clients that come by TLS, and which of them it lets in: `admin.tls`,
// as its files are. A renewed certificate counts from the next look on; while files are wrong, what
// was read before goes on to count.
//
// Threads: one, but for Read.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_ADMIN_CERTIFICATES_H_
#define SINGLEFLIGHT_SERVER_ADMIN_ADMIN_CERTIFICATES_H_

#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/admin/http_server.h"
#include "server/admin/rights.h"
#include "server/tls/context.h"
#include "server/tls/options.h"

namespace singleflight::admin {

class AdminCertificates final : public HttpTls {
 public:
  // Null: there are no options, and no TLS. `rights` must outlive them.
  static absl::StatusOr<std::shared_ptr<AdminCertificates>> Read(
      const absl::optional<tls::ServerOptions>& options, Rights& rights) {
    std::shared_ptr<AdminCertificates> certificates;
    if (!options.has_value()) return certificates;
    absl::StatusOr<tls::SharedContext> context = Made(*options);
    if (!context.ok()) return context.status();
    certificates.reset(new AdminCertificates(*options, rights, *std::move(context)));
    return certificates;
  }

  // Reads the files again.
  void Look() {
    absl::StatusOr<tls::SharedContext> next = Made(options_);
    if (next.ok()) next = WithoutEnded(*std::move(next));
    const std::string wrong(next.ok() ? "" : next.status().message());
    if (!wrong.empty() && wrong != wrong_) {
      spdlog::warn("{}; what was read before goes on to count", wrong);
    }
    wrong_ = wrong;
    // Tickets are good for their context only.
    if (next.ok() && (*next)->digest() != context_->digest()) context_ = *std::move(next);
  }

  const tls::SharedContext& context() const override { return context_; }
  void Refused() override { rights_.Refused(Door::kHttp, Refusal::kTls); }

 private:
  static constexpr char kWhere[] = "admin.tls.";

  AdminCertificates(tls::ServerOptions options, Rights& rights, tls::SharedContext context)
      : options_(std::move(options)), rights_(rights), context_(std::move(context)) {}

  static absl::StatusOr<tls::SharedContext> Made(const tls::ServerOptions& options) {
    return tls::OrStatus(tls::Context::ForPages(options), kWhere);
  }

  absl::StatusOr<tls::SharedContext> WithoutEnded(tls::SharedContext next) const {
    const absl::Status status = tls::RefuseEnded(context_.get(), next.get(), kWhere);
    if (!status.ok()) return status;
    return next;
  }

  const tls::ServerOptions options_;
  Rights& rights_;
  tls::SharedContext context_;
  std::string wrong_;  // what has been said of the files
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_ADMIN_CERTIFICATES_H_
