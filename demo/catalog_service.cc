// The catalog's answers: each waits for the delay without a thread, and counts it as work.

#include "demo/catalog_service.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace singleflight::demo {
namespace {

using ::demo::v1::Item;

Item MakeItem(absl::string_view id) {
  Item item;
  item.set_id(std::string(id));
  item.set_name(absl::StrCat("item ", id));
  item.set_price_cents(1299);
  return item;
}

// Waits without a thread, and counts the time as work done.
class Delay {
 public:
  Delay(absl::Duration duration, Work* work) : duration_(duration), work_(work) {}

  // `then` gets false if Cancel() came first.
  void Start(std::function<void(bool)> then) {
    alarm_.Set(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(duration_),
               [this, then = std::move(then)](bool elapsed) {
                 if (elapsed) work_->worked_ns += absl::ToInt64Nanoseconds(duration_);
                 then(elapsed);
               });
  }

  void Cancel() { alarm_.Cancel(); }

 private:
  const absl::Duration duration_;
  Work* const work_;
  grpc::Alarm alarm_;
};

// gRPC calls OnDone last, when nothing refers to the reactor any more.
class GetItemCall final : public grpc::ServerUnaryReactor {
 public:
  GetItemCall(absl::Duration delay, Work* work, const std::string& id, Item* reply)
      : delay_(delay, work) {
    delay_.Start([this, id, reply](bool elapsed) {
      if (!elapsed) return Finish(grpc::Status::CANCELLED);
      if (absl::StartsWith(id, "missing")) {
        return Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, absl::StrCat("no item ", id)));
      }
      *reply = MakeItem(id);
      Finish(grpc::Status::OK);
    });
  }

  void OnCancel() override { delay_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  Delay delay_;
};

class SearchItemsCall final : public grpc::ServerUnaryReactor {
 public:
  SearchItemsCall(absl::Duration delay, Work* work, const std::string& words,
                  ::demo::v1::SearchItemsReply* reply)
      : delay_(delay, work) {
    for (const char* suffix : {"-1", "-2", "-3"}) {
      *reply->add_items() = MakeItem(absl::StrCat(words, suffix));
    }
    delay_.Start(
        [this](bool elapsed) { Finish(elapsed ? grpc::Status::OK : grpc::Status::CANCELLED); });
  }

  void OnCancel() override { delay_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  Delay delay_;
};

class WatchItemsCall final : public grpc::ServerWriteReactor<Item> {
 public:
  WatchItemsCall(absl::Duration delay, Work* work, const ::demo::v1::WatchItemsRequest& request)
      : delay_(delay, work), item_(MakeItem(request.id())), left_(request.count()) {
    SendNext();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    SendNext();
  }
  void OnDone() override { delete this; }

 private:
  void SendNext() {
    if (left_-- <= 0) return Finish(grpc::Status::OK);
    delay_.Start([this](bool) { StartWrite(&item_); });
  }

  Delay delay_;
  const Item item_;
  int left_;
};

class UploadItemsCall final : public grpc::ServerReadReactor<Item> {
 public:
  explicit UploadItemsCall(::demo::v1::UploadSummary* reply) : reply_(reply) { StartRead(&item_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    reply_->set_items(reply_->items() + 1);
    reply_->set_bytes(reply_->bytes() + static_cast<int64_t>(item_.ByteSizeLong()));
    StartRead(&item_);
  }
  void OnDone() override { delete this; }

 private:
  ::demo::v1::UploadSummary* const reply_;
  Item item_;
};

class SyncItemsCall final : public grpc::ServerBidiReactor<Item, Item> {
 public:
  SyncItemsCall() { StartRead(&item_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartWrite(&item_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&item_);
  }
  void OnDone() override { delete this; }

 private:
  Item item_;
};

}  // namespace

grpc::ServerUnaryReactor* CatalogService::GetItem(grpc::CallbackServerContext*,
                                                  const ::demo::v1::GetItemRequest* request,
                                                  Item* reply) {
  ++work_->calls;
  return new GetItemCall(delay_, work_, request->id(), reply);
}

grpc::ServerUnaryReactor* CatalogService::SearchItems(grpc::CallbackServerContext*,
                                                      const ::demo::v1::SearchItemsRequest* request,
                                                      ::demo::v1::SearchItemsReply* reply) {
  ++work_->calls;
  return new SearchItemsCall(delay_, work_, request->words(), reply);
}

grpc::ServerWriteReactor<Item>* CatalogService::WatchItems(
    grpc::CallbackServerContext*, const ::demo::v1::WatchItemsRequest* request) {
  ++work_->calls;
  return new WatchItemsCall(delay_, work_, *request);
}

grpc::ServerReadReactor<Item>* CatalogService::UploadItems(grpc::CallbackServerContext*,
                                                           ::demo::v1::UploadSummary* reply) {
  ++work_->calls;
  return new UploadItemsCall(reply);
}

grpc::ServerBidiReactor<Item, Item>* CatalogService::SyncItems(grpc::CallbackServerContext*) {
  ++work_->calls;
  return new SyncItemsCall;
}

grpc::ServerUnaryReactor* InspectionService::GetStats(grpc::CallbackServerContext* context,
                                                      const ::demo::v1::GetStatsRequest*,
                                                      ::demo::v1::Stats* reply) {
  constexpr int64_t kSecond = 1000000000;
  const int64_t worked_ns = work_->worked_ns;
  reply->set_calls(work_->calls);
  reply->mutable_worked()->set_seconds(worked_ns / kSecond);
  reply->mutable_worked()->set_nanos(static_cast<int32_t>(worked_ns % kSecond));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace singleflight::demo
