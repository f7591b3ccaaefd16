// differential-client DIRECT PROXY WAY…: reads plans (plan.h), a line each, and makes each call
// directly and by every way through the proxy; says of every outcome that is not the direct one how
// it differs. Ways are prefixes of paths: by those that begin with "collapse" a call goes twice at
// the same time, by those that begin with "cache" twice in turn. Prints a line of counts at the
// end.

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/differential/call.h"

namespace singleflight::differential {
namespace {

constexpr int kPlansAtATime = 64;

// One server, by two connections that take turns.
class Server {
 public:
  explicit Server(const std::string& address) {
    for (std::unique_ptr<grpc::GenericStub>& stub : stubs_) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
      stub = std::make_unique<grpc::GenericStub>(
          grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    }
  }
  grpc::GenericStub& next() { return *stubs_[turn_++ % 2]; }

 private:
  std::unique_ptr<grpc::GenericStub> stubs_[2];
  std::atomic<size_t> turn_ = 0;
};

// What all plans came to.
class Counts {
 public:
  void WaitForTurn() {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return running_ < kPlansAtATime; });
    ++running_;
  }
  void WaitForAll() {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return running_ == 0; });
  }
  void Ended(const std::string& differing, const std::vector<Outcome>& outcomes) {
    const std::lock_guard<std::mutex> lock(mu_);
    std::cout << differing;
    if (!differing.empty()) ++different_plans_;
    compared_ += static_cast<int>(outcomes.size());
    for (const Outcome& outcome : outcomes) {
      hits_ += outcome.hit ? 1 : 0;
      collapsed_ += outcome.collapsed ? 1 : 0;
    }
    ++plans_;
    --running_;
    changed_.notify_all();
  }
  void Print() const {
    std::cout << "direct " << plans_ << " compared " << compared_ << " hits " << hits_
              << " collapsed " << collapsed_ << " different " << different_plans_ << std::endl;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  int running_ = 0, plans_ = 0, compared_ = 0, hits_ = 0, collapsed_ = 0, different_plans_ = 0;
};

// One plan by all ways. It lives until its last call has ended.
class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(std::shared_ptr<const Plan> plan, Server& direct, Server& proxy, Counts& counts)
      : plan_(std::move(plan)), direct_(direct), proxy_(proxy), counts_(counts) {}

  void Start(const std::vector<std::string>& ways) {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      left_ = 1;
      for (const std::string& way : ways) left_ += Twice(way) ? 2 : 1;
    }
    Make(direct_, "direct", [self = shared_from_this()](Outcome outcome) {
      const std::lock_guard<std::mutex> lock(self->mu_);
      self->expected_ = std::move(outcome);
    });
    for (const std::string& way : ways) {
      MakeByProxy(way, absl::StartsWith(way, "cache"));
      if (absl::StartsWith(way, "collapse")) MakeByProxy(way, false);
    }
  }

 private:
  static bool Twice(const std::string& way) {
    return absl::StartsWith(way, "collapse") || absl::StartsWith(way, "cache");
  }

  void MakeByProxy(const std::string& way, bool and_again) {
    Make(proxy_, way, [self = shared_from_this(), way, and_again](Outcome outcome) {
      {
        const std::lock_guard<std::mutex> lock(self->mu_);
        self->ways_.push_back(way);
        self->outcomes_.push_back(std::move(outcome));
      }
      if (and_again) self->MakeByProxy(way, false);
    });
  }

  void Make(Server& server, const std::string& way, std::function<void(Outcome)> note) {
    Call(server.next(), plan_, way, [this, note = std::move(note)](Outcome outcome) {
      note(std::move(outcome));
      const std::lock_guard<std::mutex> lock(mu_);
      if (--left_ == 0) counts_.Ended(Differing(), outcomes_);
    });
  }

  std::string Differing() const {
    std::string text;
    for (size_t i = 0; i < outcomes_.size(); ++i) {
      if (Same(expected_, outcomes_[i], ways_[i])) continue;
      absl::StrAppend(&text, "DIFFERENT plan ", plan_->index, " by ", ways_[i], "\n--- directly\n",
                      expected_.text, "\n--- by ", ways_[i], "\n", outcomes_[i].text, "\n");
    }
    return text;
  }

  const std::shared_ptr<const Plan> plan_;
  Server& direct_;
  Server& proxy_;
  Counts& counts_;
  std::mutex mu_;
  int left_ = 0;
  Outcome expected_;
  std::vector<std::string> ways_;
  std::vector<Outcome> outcomes_;
};

int Main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: differential-client DIRECT PROXY WAY…\n";
    return 2;
  }
  Server direct(argv[1]), proxy(argv[2]);
  const std::vector<std::string> ways(argv + 3, argv + argc);
  Counts counts;
  for (std::string line; std::getline(std::cin, line);) {
    auto plan = std::make_shared<const Plan>(ParsePlan(line));
    counts.WaitForTurn();
    std::make_shared<Run>(std::move(plan), direct, proxy, counts)->Start(ways);
  }
  counts.WaitForAll();
  counts.Print();
  return 0;
}

}  // namespace
}  // namespace singleflight::differential

// gRPC's own locks look like a deadlock to Abseil.
int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return singleflight::differential::Main(argc, argv);
}
