// A proxy's admin service that says what a test wants, in this process.

#ifndef SINGLEFLIGHT_TESTS_CTL_FAKE_ADMIN_H_
#define SINGLEFLIGHT_TESTS_CTL_FAKE_ADMIN_H_

#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "singleflight/admin/v1/admin.grpc.pb.h"
#include "singleflight/mutex.h"
#include "tests/testing/client.h"

namespace singleflight::ctl {

// Every method answers what `answer` of its response's type is, or fails with `status`. Set them
// before the call. What was asked is kept as text, with its token.
class FakeAdmin final : public admin::v1::Admin::Service {
 public:
  FakeAdmin() : FakeAdmin("127.0.0.1:0", nullptr) {}
  FakeAdmin(const std::string& address, std::shared_ptr<grpc::ServerCredentials> credentials);
  ~FakeAdmin() override;

  const std::string& address() const { return address_; }

  // Of the latest call: its message in protobuf's text form on one line, and its `authorization`.
  std::string asked() const;
  std::string token() const;

  grpc::Status status;
  std::string answer;                 // in protobuf's text form; of the type that is asked for
  std::vector<std::string> pictures;  // what WatchStats sends, one after the other
  bool hang = false;                  // no call ends before its caller leaves

 private:
#define SINGLEFLIGHT_FAKE(name, request_type, response_type)                          \
  grpc::Status name(grpc::ServerContext* context, const admin::v1::request_type* ask, \
                    admin::v1::response_type* reply) override {                       \
    return Answer(*context, *ask, *reply);                                            \
  }
  SINGLEFLIGHT_FAKE(GetInfo, GetInfoRequest, Info)
  SINGLEFLIGHT_FAKE(GetStats, GetStatsRequest, Stats)
  SINGLEFLIGHT_FAKE(ListRoutes, ListRoutesRequest, ListRoutesResponse)
  SINGLEFLIGHT_FAKE(ListUpstreams, ListUpstreamsRequest, ListUpstreamsResponse)
  SINGLEFLIGHT_FAKE(ListFlights, ListFlightsRequest, ListFlightsResponse)
  SINGLEFLIGHT_FAKE(ListTopKeys, ListTopKeysRequest, ListTopKeysResponse)
  SINGLEFLIGHT_FAKE(ListSplits, ListSplitsRequest, ListSplitsResponse)
  SINGLEFLIGHT_FAKE(ListEvents, ListEventsRequest, ListEventsResponse)
  SINGLEFLIGHT_FAKE(Purge, PurgeRequest, PurgeResponse)
  SINGLEFLIGHT_FAKE(Reload, ReloadRequest, ReloadResponse)
  SINGLEFLIGHT_FAKE(Drain, DrainRequest, DrainResponse)
  SINGLEFLIGHT_FAKE(ShareAgain, ShareAgainRequest, ShareAgainResponse)
  SINGLEFLIGHT_FAKE(SetLogLevel, SetLogLevelRequest, SetLogLevelResponse)
#undef SINGLEFLIGHT_FAKE
  grpc::Status WatchStats(grpc::ServerContext* context, const admin::v1::WatchStatsRequest* ask,
                          grpc::ServerWriter<admin::v1::Stats>* writer) override;

  grpc::Status Answer(grpc::ServerContext& context, const google::protobuf::Message& ask,
                      google::protobuf::Message& reply);
  void Note(const grpc::ServerContext& context, const google::protobuf::Message& ask);

  mutable Mutex mu_;
  std::string asked_ ABSL_GUARDED_BY(mu_);
  std::string token_ ABSL_GUARDED_BY(mu_);
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_TESTS_CTL_FAKE_ADMIN_H_
