// Reads quantiles out of the histograms that the proxy sends.

#ifndef SINGLEFLIGHT_SERVER_CTL_LATENCY_H_
#define SINGLEFLIGHT_SERVER_CTL_LATENCY_H_

#include <string>

#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::ctl {

// `sum` and `more`, which have the same bounds. Where they have not (the buckets were set to others
// meanwhile), `more` alone.
admin::v1::Histogram Sum(const admin::v1::Histogram& sum, const admin::v1::Histogram& more);

// What came between `before` and `now`; `now` where `before` is of other bounds or of more calls.
admin::v1::Histogram Since(const admin::v1::Histogram& before, const admin::v1::Histogram& now);

// The time within which the share `quantile` (0 to 1) of the observations was, as text: "1.2 ms";
// "> 10.0 s" beyond the last bound. Between two bounds, observations are taken to be spread evenly.
std::string Quantile(const admin::v1::Histogram& histogram, double quantile);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_LATENCY_H_
