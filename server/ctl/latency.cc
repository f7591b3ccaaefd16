#include "server/ctl/latency.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/ctl/figures.h"

namespace singleflight::ctl {
namespace {

using admin::v1::Histogram;

// A message of another version may hold other numbers of them.
bool Sound(const Histogram& histogram) {
  return histogram.bounds_size() > 0 && histogram.counts_size() == histogram.bounds_size() + 1;
}

bool Alike(const Histogram& one, const Histogram& other) {
  return Sound(one) && Sound(other) &&
         std::equal(one.bounds().begin(), one.bounds().end(), other.bounds().begin(),
                    other.bounds().end());
}

}  // namespace

Histogram Sum(const Histogram& sum, const Histogram& more) {
  if (!Alike(sum, more)) return more;
  Histogram result = sum;
  for (int i = 0; i < more.counts_size(); ++i) {
    result.set_counts(i, sum.counts(i) + more.counts(i));
  }
  result.set_sum(sum.sum() + more.sum());
  return result;
}

Histogram Since(const Histogram& before, const Histogram& now) {
  if (!Alike(before, now)) return now;
  Histogram result = now;
  for (int i = 0; i < now.counts_size(); ++i) {
    if (now.counts(i) < before.counts(i)) return now;
    result.set_counts(i, now.counts(i) - before.counts(i));
  }
  result.set_sum(now.sum() - before.sum());
  return result;
}

std::string Quantile(const Histogram& histogram, double quantile) {
  if (!Sound(histogram)) return kNone;
  uint64_t all = 0;
  for (const uint64_t count : histogram.counts()) all += count;
  if (all == 0) return kNone;
  double rank = quantile * static_cast<double>(all);
  double from = 0;
  for (int i = 0; i < histogram.bounds_size(); ++i) {
    const double count = static_cast<double>(histogram.counts(i));
    const double to = histogram.bounds(i);
    if (count > 0 && rank <= count) {
      return Span(absl::Seconds(from + (to - from) * rank / count));
    }
    rank -= count;
    from = to;
  }
  return absl::StrCat("> ", Span(absl::Seconds(from)));
}

}  // namespace singleflight::ctl
