// The services of demo-backend: a catalog whose answers take a while, and a count of what they
// cost.

#ifndef SINGLEFLIGHT_DEMO_CATALOG_SERVICE_H_
#define SINGLEFLIGHT_DEMO_CATALOG_SERVICE_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "demo/v1/catalog.grpc.pb.h"

namespace singleflight::demo {

// What the backend has done; counts only, so relaxed order is enough.
struct Work {
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> worked_ns{0};
};

// A catalog whose every answer takes `delay`, as one from a database would. No thread waits during
// a delay, so more calls can run than there are threads.
//
// Threads: all methods, from any thread. `work` outlives the service and every call.
class CatalogService final : public ::demo::v1::Catalog::CallbackService {
 public:
  CatalogService(absl::Duration delay, Work* work) : delay_(delay), work_(work) {}

  grpc::ServerUnaryReactor* GetItem(grpc::CallbackServerContext* context,
                                    const ::demo::v1::GetItemRequest* request,
                                    ::demo::v1::Item* reply) override;
  grpc::ServerUnaryReactor* SearchItems(grpc::CallbackServerContext* context,
                                        const ::demo::v1::SearchItemsRequest* request,
                                        ::demo::v1::SearchItemsReply* reply) override;
  grpc::ServerWriteReactor<::demo::v1::Item>* WatchItems(
      grpc::CallbackServerContext* context, const ::demo::v1::WatchItemsRequest* request) override;
  grpc::ServerReadReactor<::demo::v1::Item>* UploadItems(grpc::CallbackServerContext* context,
                                                         ::demo::v1::UploadSummary* reply) override;
  grpc::ServerBidiReactor<::demo::v1::Item, ::demo::v1::Item>* SyncItems(
      grpc::CallbackServerContext* context) override;

 private:
  const absl::Duration delay_;
  Work* const work_;
};

// Tells what the catalog has done.
class InspectionService final : public ::demo::v1::Inspection::CallbackService {
 public:
  explicit InspectionService(const Work* work) : work_(work) {}

  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const ::demo::v1::GetStatsRequest* request,
                                     ::demo::v1::Stats* reply) override;

 private:
  const Work* const work_;
};

}  // namespace singleflight::demo

#endif  // SINGLEFLIGHT_DEMO_CATALOG_SERVICE_H_
