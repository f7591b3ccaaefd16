#ifndef SINGLEFLIGHT_TESTS_TESTING_METRICS_TEXT_H_
#define SINGLEFLIGHT_TESTS_TESTING_METRICS_TEXT_H_

#include <cstdint>
#include <string>

namespace singleflight::testing {

// The sum of the series of a Prometheus text page that `selector` means: a name, and labels that a
// series must have (others are free): `singleflight_calls_by_role_total{role="leader"}`. A name
// that the page does not have is a mistake in the test: it throws.
int64_t SumOf(const std::string& page, const std::string& selector);

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_METRICS_TEXT_H_
