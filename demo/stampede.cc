#include "demo/stampede.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "demo/v1/catalog.grpc.pb.h"

namespace singleflight::demo {
namespace {

using ::demo::v1::Catalog;
using ::demo::v1::Item;

constexpr auto kDeadline = std::chrono::seconds(30);

struct Call {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Item>> reader;
  Item reply;
  grpc::Status status;
  absl::Time begin;
  absl::Time end;
};

// One thread's share of the herd. Calls are prepared before the start, so that starting them is
// quick: a herd that arrives drop by drop is none.
class Part {
 public:
  explicit Part(int size) : calls_(size) {}

  void Prepare(const Channels& channels, const ::demo::v1::GetItemRequest& request) {
    size_t next = 0;
    for (Call& call : calls_) {
      call.context.set_deadline(std::chrono::system_clock::now() + kDeadline);
      call.reader = Catalog::Stub(channels[next++ % channels.size()])
                        .PrepareAsyncGetItem(&call.context, request, &queue_);
    }
  }

  void Run() {
    for (Call& call : calls_) {
      call.begin = absl::Now();
      call.reader->StartCall();
      call.reader->Finish(&call.reply, &call.status, &call);
    }
    void* tag = nullptr;
    bool ok = false;
    for (size_t done = 0; done < calls_.size() && queue_.Next(&tag, &ok); ++done) {
      static_cast<Call*>(tag)->end = absl::Now();
    }
  }

  const std::vector<Call>& calls() const { return calls_; }

 private:
  grpc::CompletionQueue queue_;  // outlives the calls
  std::vector<Call> calls_;
};

// Empty if `call` got the reply that `expected` is.
std::string Fault(const Call& call, const Item& expected) {
  if (!call.status.ok()) {
    return absl::StrCat("status ", static_cast<int>(call.status.error_code()), ": ",
                        call.status.error_message());
  }
  if (call.reply.SerializeAsString() != expected.SerializeAsString()) {
    return absl::StrCat("a reply that differs from the others: ", call.reply.ShortDebugString());
  }
  return "";
}

StampedeResult Summarize(const std::vector<std::unique_ptr<Part>>& parts) {
  StampedeResult result;
  std::vector<absl::Duration> latencies;
  absl::Time first = absl::InfiniteFuture();
  absl::Time last = absl::InfinitePast();
  for (const auto& part : parts) {
    for (const Call& call : part->calls()) {
      latencies.push_back(call.end - call.begin);
      first = std::min(first, call.begin);
      last = std::max(last, call.begin);
      const std::string fault = Fault(call, parts.front()->calls().front().reply);
      if (!fault.empty() && result.failed++ == 0) result.first_failure = fault;
    }
  }
  std::sort(latencies.begin(), latencies.end());
  result.calls = static_cast<int>(latencies.size());
  result.p50 = latencies[latencies.size() / 2];
  result.p99 = latencies[latencies.size() * 99 / 100];
  result.arrival = last - first;
  return result;
}

}  // namespace

Channels Connect(const std::string& target, int count, absl::Duration timeout) {
  const auto deadline = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout);
  Channels channels;
  for (int i = 0; i < count; ++i) {
    // Channels with equal arguments would share one connection.
    grpc::ChannelArguments arguments;
    arguments.SetInt("demo.channel", i);
    channels.push_back(
        grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
    channels.back()->GetState(/*try_to_connect=*/true);
  }
  const auto unconnected = [&](const auto& channel) {
    return !channel->WaitForConnected(deadline);
  };
  channels.erase(std::remove_if(channels.begin(), channels.end(), unconnected), channels.end());
  return channels;
}

StampedeResult Stampede(const Channels& channels, const std::string& item_id, int calls) {
  ::demo::v1::GetItemRequest request;
  request.set_id(item_id);
  const int threads = std::clamp<int>(std::thread::hardware_concurrency(), 1, calls);
  std::vector<std::unique_ptr<Part>> parts;
  for (int i = 0; i < threads; ++i) {
    const int size = calls * (i + 1) / threads - calls * i / threads;
    parts.push_back(std::make_unique<Part>(size));
    parts.back()->Prepare(channels, request);
  }
  absl::Notification start;
  std::vector<std::thread> runners;
  for (const auto& part : parts) {
    runners.emplace_back([&start, &part] {
      start.WaitForNotification();
      part->Run();
    });
  }
  start.Notify();
  for (std::thread& runner : runners) runner.join();
  return Summarize(parts);
}

}  // namespace singleflight::demo
