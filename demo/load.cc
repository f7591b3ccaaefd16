// demo-load: a small mixed load through the proxy, until SIGTERM, so that its dashboard has
// something to show: reads of a few hot items, searches, herds, what is missing, streams.

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "demo/v1/catalog.grpc.pb.h"

ABSL_FLAG(std::string, proxy, "127.0.0.1:8080", "where the proxy listens");

namespace singleflight::demo {
namespace {

using ::demo::v1::Catalog;
using ::demo::v1::Item;

constexpr absl::Duration kBeat = absl::Milliseconds(50);
constexpr auto kDeadline = std::chrono::seconds(5);
constexpr int kMostInTheAir = 2000;  // further calls are left out

volatile std::sig_atomic_t stopped = 0;
std::atomic<int> in_the_air{0};

// A call that deletes itself when it has ended.
struct Call {
  Call() {
    ++in_the_air;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  }
  ~Call() { --in_the_air; }
  grpc::ClientContext context;
};

template <typename Request, typename Reply>
struct UnaryCall : Call {
  Request request;
  Reply reply;
};

void GetItem(Catalog::Stub& catalog, const std::string& id, const char* app = nullptr) {
  auto* call = new UnaryCall<::demo::v1::GetItemRequest, Item>;
  call->request.set_id(id);
  if (app != nullptr) call->context.AddMetadata("x-demo-app", app);
  catalog.async()->GetItem(&call->context, &call->request, &call->reply,
                           [call](const grpc::Status&) { delete call; });
}

void Search(Catalog::Stub& catalog, const std::string& words) {
  auto* call = new UnaryCall<::demo::v1::SearchItemsRequest, ::demo::v1::SearchItemsReply>;
  call->request.set_words(words);
  catalog.async()->SearchItems(&call->context, &call->request, &call->reply,
                               [call](const grpc::Status&) { delete call; });
}

class Watching final : public grpc::ClientReadReactor<Item> {
 public:
  Watching(Catalog::Stub& catalog, const std::string& id) {
    request_.set_id(id);
    request_.set_count(5);
    catalog.async()->WatchItems(&call_.context, &request_, this);
    StartRead(&item_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (ok) StartRead(&item_);
  }
  void OnDone(const grpc::Status&) override { delete this; }

 private:
  Call call_;
  ::demo::v1::WatchItemsRequest request_;
  Item item_;
};

// What is asked at one beat. Few items are asked for often, and many seldom.
class Load {
 public:
  explicit Load(Catalog::Stub& catalog) : catalog_(catalog) {}

  void Beat() {
    ++beat_;
    if (in_the_air > kMostInTheAir) return;
    const double tide = 1 + 0.6 * std::sin(beat_ / 150.0) + 0.25 * std::sin(beat_ / 37.0);
    for (int i = static_cast<int>(3 * tide); i >= 0; --i) Read();
    for (int i = static_cast<int>(4 * tide); i >= 0; --i) {
      Search(catalog_, absl::StrCat("kettle ", Some(20)));
    }
    if (beat_ % 12 == 0) GetItem(catalog_, absl::StrCat("missing-", Some(5)));
    if (beat_ % 10 == 0) new Watching(catalog_, absl::StrCat("item-", Some(40)));
    if (beat_ % 180 == 0) Herd();
  }

 private:
  // Several pages show one item in the same moment. Some of the callers say which app they are,
  // which keeps them apart from the others.
  void Read() {
    const std::string id = absl::StrCat("item-", Some(40));
    for (int i = Some(8); i >= 0; --i) GetItem(catalog_, id);
    if (beat_ % 8 == 0) GetItem(catalog_, id, beat_ % 16 == 0 ? "shop" : "kiosk");
  }

  void Herd() {
    for (int i = 0; i < 250; ++i) GetItem(catalog_, "blue-kettle");
  }

  // Below `most`, and small ones far more often.
  int Some(int most) {
    const double part = std::uniform_real_distribution<double>(0, 1)(random_);
    return static_cast<int>(std::pow(part, 3) * most);
  }

  Catalog::Stub& catalog_;
  std::mt19937 random_{7};
  int64_t beat_ = 0;
};

int Main() {
  std::signal(SIGTERM, [](int) { stopped = 1; });
  std::signal(SIGINT, [](int) { stopped = 1; });
  const auto catalog = Catalog::NewStub(
      grpc::CreateChannel(absl::GetFlag(FLAGS_proxy), grpc::InsecureChannelCredentials()));
  Load load(*catalog);
  while (stopped == 0) {
    load.Beat();
    absl::SleepFor(kBeat);
  }
  while (in_the_air > 0) absl::SleepFor(kBeat);
  return 0;
}

}  // namespace
}  // namespace singleflight::demo

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  absl::SetProgramUsageMessage("a small mixed load until SIGTERM: demo-load [--proxy=HOST:PORT]");
  absl::ParseCommandLine(argc, argv);
  return singleflight::demo::Main();
}
