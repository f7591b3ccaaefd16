// Stand-ins for what surrounds the core: loops whose time stands still, an upstream that answers
// when told, callers that write down what they hear. None of them starts a thread or reads a clock.

#ifndef SINGLEFLIGHT_TESTS_CORE_FAKES_H_
#define SINGLEFLIGHT_TESTS_CORE_FAKES_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/loop.h"
#include "server/core/read_path.h"

namespace singleflight::core {

// A gRPC message as on the wire.
inline std::string Framed(absl::string_view message, bool compressed = false) {
  std::string frame(1, compressed ? '\1' : '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    frame.push_back(static_cast<char>(message.size() >> shift));
  return absl::StrCat(frame, message);
}

// Of so many routes; all counts begin at zero.
inline MetricsByRoute MetricsOf(size_t routes) {
  MetricsByRoute metrics;
  for (size_t i = 0; i < routes; ++i) metrics.push_back(std::make_shared<RouteMetrics>());
  return metrics;
}

inline constexpr uint32_t kTrust = 1;  // of callers' connections

using Fields = std::vector<std::pair<std::string, std::string>>;

inline model::Headers HeadersOf(const Fields& fields) {
  model::Headers headers;
  for (const auto& [name, value] : fields) headers.Add(name, value);
  return headers;
}

// Of all tests that have threads, since what one loop holds may be let go by another.
inline memory::BufferBudget& AmpleBudget() {
  static memory::BufferBudget budget(1 << 30);
  return budget;
}

// A loop that runs what is posted to it when told. Threads: Post from any, the rest from one.
class FakeLoop : public base::Loop {
 public:
  explicit FakeLoop(size_t index) : index_(index) {}

  size_t index() const override { return index_; }
  base::Instant Now() const override { return now_; }
  base::TimerQueue& timers() override { return timers_; }
  void Post(absl::AnyInvocable<void()> task) override {
    MutexLock lock(mu_);
    tasks_.push_back(std::move(task));
  }

  // Tasks that wait to run.
  size_t posted() const {
    MutexLock lock(mu_);
    return tasks_.size();
  }

  // Runs what is posted, and what that posts here. True: there was something to run.
  bool RunAll() {
    bool ran = false;
    for (absl::AnyInvocable<void()> task; Next(task); ran = true) std::exchange(task, nullptr)();
    return ran;
  }

  // Destroys what is posted, as a loop does that stops.
  void Stop() {
    std::deque<absl::AnyInvocable<void()>> dropped;
    MutexLock lock(mu_);
    dropped.swap(tasks_);
  }

  void AdvanceTo(base::Instant now) {
    now_ = now;
    timers_.Advance(now);
  }

  // A turn has begun, and its timers have yet to run.
  void BeginTurn(base::Instant now) { now_ = now; }

 private:
  bool Next(absl::AnyInvocable<void()>& task) {
    MutexLock lock(mu_);
    if (tasks_.empty()) return false;
    task = std::move(tasks_.front());
    tasks_.pop_front();
    return true;
  }

  const size_t index_;
  base::Instant now_ = base::Instant() + std::chrono::hours(1);
  base::TimerQueue timers_;
  mutable Mutex mu_;
  std::deque<absl::AnyInvocable<void()>> tasks_ ABSL_GUARDED_BY(mu_);
};

// One call that has come to a FakeUpstream. Its verbs do nothing once the proxy has let go of it.
class FakeCall {
 public:
  FakeCall(UpstreamHead head, UpstreamEvents& events) : head_(std::move(head)), events_(&events) {}

  // What the proxy did.
  const UpstreamHead& head() const { return head_; }
  const std::string& sent() const { return sent_; }
  bool finished() const { return finished_; }
  bool disowned() const { return disowned_; }
  bool cancelled() const { return cancelled_; }  // let go of before its end
  Unanswered cancelled_for() const { return cancelled_for_; }
  bool live() const { return !ended_ && !cancelled_; }
  size_t unconsumed() const { return shown_ - consumed_; }

  // How many callers of the proxy's wait for it, while it lives.
  size_t wanted() const { return live() ? events_->wanted() : 0; }

  // What the proxy is told of how it went.
  UpstreamTrip& trip() { return trip_; }

  // What upstream does.
  void Begin(const Fields& more = {}, absl::string_view status = "200") {
    Fields fields = {{":status", std::string(status)}, {"content-type", "application/grpc"}};
    fields.insert(fields.end(), more.begin(), more.end());
    if (live()) events_->OnInitial(HeadersOf(fields), false);
  }
  void Data(absl::string_view bytes) {
    shown_ += bytes.size();
    if (live()) events_->OnData(bytes);
  }
  void Take(size_t bytes) {  // of the request, off the proxy's hands
    if (live()) events_->OnSent(bytes);
  }
  void End(const Fields& more = {}, wire::StatusCode code = wire::StatusCode::kOk) {
    Fields fields = {{"grpc-status", absl::StrCat(static_cast<int>(code))}};
    fields.insert(fields.end(), more.begin(), more.end());
    if (EndsNow()) events_->OnEnd(HeadersOf(fields));
  }
  void EndWithoutStatus() {
    if (EndsNow()) events_->OnEnd(model::Headers());
  }
  void TrailersOnly(wire::StatusCode code, const Fields& more = {},
                    absl::string_view status = "200") {
    Fields fields = {{":status", std::string(status)},
                     {"content-type", "application/grpc"},
                     {"grpc-status", absl::StrCat(static_cast<int>(code))}};
    fields.insert(fields.end(), more.begin(), more.end());
    if (EndsNow()) events_->OnInitial(HeadersOf(fields), true);
  }
  void Fail(UpstreamFailure::Kind kind, wire::StatusCode code = wire::StatusCode::kUnavailable) {
    if (EndsNow())
      events_->OnFailed({kind, 8, code, "upstream 'catalog': connection reset by peer"});
  }
  void Refuse(const Fields& block) {  // its reply, of which this was not taken
    if (EndsNow()) {
      events_->OnFailed({UpstreamFailure::Kind::kRefused, 0, wire::StatusCode::kInternal,
                         "upstream 'catalog': its reply was refused here", HeadersOf(block)});
    }
  }
  void Answer(absl::string_view message) {
    Begin();
    Data(Framed(message));
    End();
  }
  void AnswerPiecewise(absl::string_view message) {
    Begin();
    for (char byte : Framed(message)) Data(absl::string_view(&byte, 1));
    End();
  }

 private:
  friend class FakeUpstream;

  bool EndsNow() { return live() && (ended_ = true); }

  const UpstreamHead head_;
  UpstreamEvents* events_;
  std::string sent_;
  UpstreamTrip trip_;
  size_t shown_ = 0, consumed_ = 0;
  bool finished_ = false, ended_ = false, cancelled_ = false, disowned_ = false;
  Unanswered cancelled_for_ = Unanswered::kCancelled;
};

// An upstream that answers when told, and never forgets a call.
class FakeUpstream final : public Upstream {
 public:
  std::unique_ptr<UpstreamCall> Start(UpstreamHead head, UpstreamEvents& events) override {
    calls_.push_back(std::make_shared<FakeCall>(std::move(head), events));
    calls_.back()->trip_ = trip_of_new();
    live_.push_back(calls_.back().get());
    return std::make_unique<Line>(calls_.back());
  }
  absl::string_view AuthorityFor(const model::Request& request) const override {
    if (on_authority != nullptr) on_authority();
    return preserves_ ? request.authority() : "catalog:50051";
  }
  void PreserveAuthorities() { preserves_ = true; }

  // How calls to come have gone by the time that they have started.
  std::function<UpstreamTrip()> trip_of_new = [] { return UpstreamTrip(); };

  // Called when the read path wants to know the authority, as it does before each look into the
  // cache: also between a caller's joining and its second look. There others may act.
  std::function<void()> on_authority;

  // How many came.
  size_t calls() const { return calls_.size(); }

  // How many of those a flight had sent before.
  int64_t resent() const {
    return std::count_if(calls_.begin(), calls_.end(),
                         [](const auto& call) { return call->head().again; });
  }

  // Those that neither side has ended, in the order in which they came.
  const std::vector<FakeCall*>& live_calls() {
    std::erase_if(live_, [](const FakeCall* call) { return !call->live(); });
    return live_;
  }
  size_t live() { return live_calls().size(); }

  FakeCall& call(size_t at) { return *calls_.at(at); }
  FakeCall& latest() { return *calls_.back(); }

 private:
  // The proxy's end of a call.
  class Line final : public UpstreamCall {
   public:
    explicit Line(std::shared_ptr<FakeCall> call) : call_(std::move(call)) {}
    ~Line() override { call_->cancelled_ = !call_->ended_; }

    void Cancel(Unanswered why) override {
      if (call_->live()) call_->cancelled_for_ = why;
      call_->cancelled_ = !call_->ended_;
    }
    void Send(base::Slice bytes) override { absl::StrAppend(&call_->sent_, bytes.view()); }
    void Finish(model::SharedHeaders) override { call_->finished_ = true; }
    void Disown() override { call_->disowned_ = true; }
    void Consume(size_t bytes) override { call_->consumed_ += bytes; }
    void SetEvents(UpstreamEvents& events) override { call_->events_ = &events; }
    const UpstreamTrip& trip() const override { return call_->trip_; }

   private:
    const std::shared_ptr<FakeCall> call_;
  };

  std::vector<std::shared_ptr<FakeCall>> calls_;
  std::vector<FakeCall*> live_;
  bool preserves_ = false;
};

// A caller that writes down what it hears; given the live call, it listens to the rest of it.
class TestWaiter final : public Waiter, private UpstreamEvents {
 public:
  using Waiter::Waiter;

  // Of the three things that a waiter may hear.
  int heard() const { return heard_; }
  const model::Reply& reply() const { return answer_.reply; }
  const Answer& answer() const { return answer_; }
  bool took_over() const { return takeover_.has_value(); }
  const Takeover& takeover() const { return *takeover_; }
  bool released() const { return released_; }
  const std::string& released_with() const { return released_with_; }

  // Does `then` when it is released.
  void WhenReleased(std::function<void()> then) { when_released_ = std::move(then); }

  // What came after the takeover.
  const std::string& tail() const { return tail_; }
  bool tail_ended() const { return tail_ended_; }

  // Lets go of what it was given.
  void Drop() {
    answer_ = Answer();
    takeover_.reset();
  }

 private:
  void OnAnswer(const Answer& answer, Counted) override {
    ++heard_;
    answer_ = answer;
  }
  void OnTakeover(Takeover takeover) override {
    ++heard_;
    takeover_ = std::move(takeover);
    takeover_->call->SetEvents(*this);
  }
  absl::optional<Asker> asker() const override { return absl::nullopt; }  // none is encoded
  void OnReleased(const Question& asked, core::Release) override {
    ++heard_;
    released_ = true;
    released_with_ = std::string(asked.message.view());
    if (when_released_) when_released_();
  }

  void OnInitial(model::Headers, bool end) override { tail_ended_ = end; }
  void OnData(absl::string_view bytes) override { absl::StrAppend(&tail_, bytes); }
  void OnEnd(model::Headers) override { tail_ended_ = true; }
  void OnSent(size_t) override {}
  void OnFailed(UpstreamFailure) override { tail_ended_ = true; }

  int heard_ = 0;
  Answer answer_{};
  absl::optional<Takeover> takeover_;
  bool released_ = false;
  std::string released_with_;
  std::function<void()> when_released_;
  std::string tail_;
  bool tail_ended_ = false;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_TESTS_CORE_FAKES_H_
