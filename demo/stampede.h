// A stampede: many identical calls sent together, and what became of them.

#ifndef SINGLEFLIGHT_DEMO_STAMPEDE_H_
#define SINGLEFLIGHT_DEMO_STAMPEDE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

namespace singleflight::demo {

struct StampedeResult {
  int calls = 0;
  int failed = 0;             // not OK, or a reply unlike the first one
  std::string first_failure;  // what was wrong with one of those
  absl::Duration p50;
  absl::Duration p99;
  absl::Duration arrival;  // between the first call's start and the last one's
};

using Channels = std::vector<std::shared_ptr<grpc::Channel>>;

// Connections to `target`, each one's own, established within `timeout`; fewer than `count` if it
// was not reached in time.
Channels Connect(const std::string& target, int count, absl::Duration timeout);

// Sends `calls` identical demo.v1.Catalog/GetItem calls together, spread over `channels`, and waits
// for all. Latencies count from the sending of the request message.
StampedeResult Stampede(const Channels& channels, const std::string& item_id, int calls);

}  // namespace singleflight::demo

#endif  // SINGLEFLIGHT_DEMO_STAMPEDE_H_
