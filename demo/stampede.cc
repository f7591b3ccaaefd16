// Sends a herd: prepares every call up to its headers, sets them all off, and waits for all.

#include "demo/stampede.h"

#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "demo/v1/catalog.grpc.pb.h"

namespace singleflight::demo {
namespace {

using ::demo::v1::Item;

constexpr auto kDeadline = std::chrono::seconds(30);

constexpr char kMethod[] = "/demo.v1.Catalog/GetItem";

grpc::ByteBuffer Encode(const ::demo::v1::GetItemRequest& request) {
  grpc::ByteBuffer bytes;
  bool owned = false;
  grpc::SerializationTraits<::demo::v1::GetItemRequest>::Serialize(request, &bytes, &owned);
  return bytes;
}

struct Call {
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
  grpc::ByteBuffer bytes;
  grpc::Status status;
  absl::Time begin;
  absl::Time end;
  int completions = 0;  // of start, write and read, in any order, and then of finish

  // The reply, or nothing if there is none.
  absl::optional<Item> Reply() const {
    Item item;
    grpc::ByteBuffer copy = bytes;
    if (!grpc::SerializationTraits<Item>::Deserialize(&copy, &item).ok()) return absl::nullopt;
    return item;
  }
};

// One thread's share of the herd. A herd must not arrive drop by drop, so all headers are sent
// first; setting off means to send the request messages.
class Part {
 public:
  explicit Part(int size) : calls_(size) {}

  void Prepare(const Channels& channels, const grpc::ByteBuffer& request) {
    request_ = request;
    size_t next = 0;
    for (Call& call : calls_) {
      call.context.set_deadline(std::chrono::system_clock::now() + kDeadline);
      call.stream = grpc::GenericStub(channels[next++ % channels.size()])
                        .PrepareCall(&call.context, kMethod, &queue_);
      call.stream->StartCall(&call);
      call.stream->Read(&call.bytes, &call);
    }
    for (size_t started = 0; started < calls_.size(); ++started) HandleCompletion();
  }

  void Run() {
    for (Call& call : calls_) {
      call.begin = absl::Now();
      call.stream->WriteLast(request_, grpc::WriteOptions(), &call);
    }
    while (finished_ < calls_.size()) HandleCompletion();
  }

  const std::vector<Call>& calls() const { return calls_; }

 private:
  void HandleCompletion() {
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);  // what is not ok shows in the call's status
    Call& call = *static_cast<Call*>(tag);
    ++call.completions;
    if (call.completions == 3) call.stream->Finish(&call.status, &call);
    if (call.completions == 4) {
      call.end = absl::Now();
      ++finished_;
    }
  }

  grpc::CompletionQueue queue_;  // outlives the calls
  grpc::ByteBuffer request_;
  std::vector<Call> calls_;
  size_t finished_ = 0;
};

// Empty if `call` got the reply that `expected` is.
std::string Fault(const Call& call, const absl::optional<Item>& expected) {
  if (!call.status.ok()) {
    return absl::StrCat("status ", static_cast<int>(call.status.error_code()), ": ",
                        call.status.error_message());
  }
  const auto reply = call.Reply();
  if (!reply) return "no reply";
  if (!expected || reply->SerializeAsString() != expected->SerializeAsString()) {
    return absl::StrCat("a reply that differs from the first: ", reply->ShortDebugString());
  }
  return "";
}

StampedeResult Summarize(const std::vector<std::unique_ptr<Part>>& parts) {
  StampedeResult result;
  std::vector<absl::Duration> latencies;
  const absl::optional<Item> expected = parts.front()->calls().front().Reply();
  absl::Time first = absl::InfiniteFuture();
  absl::Time last = absl::InfinitePast();
  for (const auto& part : parts) {
    for (const Call& call : part->calls()) {
      latencies.push_back(call.end - call.begin);
      first = std::min(first, call.begin);
      last = std::max(last, call.begin);
      const std::string fault = Fault(call, expected);
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
    parts.back()->Prepare(channels, Encode(request));
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
