#ifndef SINGLEFLIGHT_TESTS_FUZZ_HTTP2_MACHINE_H_
#define SINGLEFLIGHT_TESTS_FUZZ_HTTP2_MACHINE_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "server/base/check.h"
#include "server/http2/session.h"
#include "tests/fuzz/input.h"
#include "tests/http2/frames.h"

// A session whose peer and whose owner do what the input says. Whatever they do, every handler
// hears things in an order that makes sense, OnClosed once unless it reset its stream, and what is
// to be written has an end.
namespace singleflight::http2::fuzz {

using singleflight::fuzz::Input;
using testing::Fields;
using testing::Frame;
using testing::HeaderEncoder;

// One end of a stream. `habit`: what it does by itself, from within callbacks.
class Actor final : public StreamEvents {
 public:
  enum class Habit {
    kNone,
    kResetsAtHeaders,
    kResetsAtData,
    kResetsAtEnd,
    kResetsWhenSent,
    kConsumes,
    kAnswersAtHeaders,
    kAnswersAtEnd,
  };
  static constexpr size_t kHabits = 8;

  Actor(Side side, Habit habit) : side_(side), habit_(habit), begun_(side == Side::kClient) {}

  // Set before anything is heard; null once the stream may not be touched any more.
  void set_stream(Stream* stream) { stream_ = stream; }
  bool over() const { return stream_ == nullptr; }
  bool told_once() const { return closed_ + (reset_ ? 1 : 0) == 1; }
  size_t sent() const { return given_; }

  // What the owner does, as far as it may.
  void Begin(bool end) {
    if (over() || begun_ || !headers_seen_) return;
    begun_ = true;
    finished_ = end;
    stream_->SendHeaders(testing::Block(testing::ReplyFields()), end);
  }
  void Send(size_t bytes) {
    if (over() || !begun_ || finished_) return;
    given_ += bytes;
    stream_->Send(base::Slice(std::string(bytes, 's')));
  }
  void Finish(bool trailer) {
    if (over() || !begun_ || finished_) return;
    finished_ = true;
    model::Headers trailing;
    if (trailer) trailing.Add("grpc-status", "0");
    stream_->Finish(model::SharedHeaders(std::move(trailing)));
  }
  void Reset(bool behind_data) {
    if (over()) return;
    reset_ = true;
    Stream& stream = *std::exchange(stream_, nullptr);
    behind_data ? stream.ResetBehindData(ErrorCode::kCancel) : stream.Reset(ErrorCode::kCancel);
  }
  void Waste() {
    if (!over()) stream_->MarkWasted();
  }
  void Consume(size_t most) {
    if (over()) return;
    const size_t bytes = std::min(most, shown_ - consumed_);
    consumed_ += bytes;
    stream_->Consume(bytes);
  }

 private:
  void OnHeaders(model::Headers fields, bool end) override {
    Hears();
    SF_CHECK(!headers_seen_ && !fields.empty());
    headers_seen_ = true;
    ended_ = end;
    if (habit_ == Habit::kResetsAtHeaders) Reset(false);
    if (habit_ == Habit::kAnswersAtHeaders) Answer();
    if (end && habit_ == Habit::kAnswersAtEnd) Answer();
  }
  void OnData(absl::string_view bytes) override {
    Hears();
    SF_CHECK(headers_seen_ && !ended_);
    shown_ += bytes.size();
    if (habit_ == Habit::kResetsAtData) Reset(false);
    if (habit_ == Habit::kConsumes) Consume(bytes.size());
  }
  void OnEnd(model::Headers) override {
    Hears();
    SF_CHECK(headers_seen_ && !ended_);
    ended_ = true;
    if (habit_ == Habit::kResetsAtEnd) Reset(false);
    if (habit_ == Habit::kAnswersAtEnd) Answer();
  }
  void OnTrailersTooLarge(http2::Bound, absl::string_view) override { OnEnd({}); }
  void OnSent(size_t bytes) override {
    Hears();
    SF_CHECK(bytes > 0);
    written_ += bytes;
    SF_CHECK(written_ <= given_);
    if (habit_ == Habit::kResetsWhenSent) Reset(true);
  }
  void OnClosed(const Closed& closed) override {
    Hears();
    ++closed_;
    stream_ = nullptr;
    if (closed.why == Closed::Why::kOrderly) {
      // A client has the whole reply; a server has sent it, or the session has, about a request
      // that its handler never saw.
      SF_CHECK(side_ == Side::kClient ? ended_ : !headers_seen_ || finished_);
      SF_CHECK(side_ == Side::kClient || written_ == given_);
    }
    if (closed.why == Closed::Why::kNotProcessed) SF_CHECK(side_ == Side::kClient);
  }

  void Hears() const { SF_CHECK(stream_ != nullptr && closed_ == 0 && !reset_); }

  void Answer() {
    Begin(false);
    Send(100);
    Finish(true);
  }

  const Side side_;
  const Habit habit_;
  Stream* stream_ = nullptr;
  bool begun_;
  bool finished_ = false;
  bool reset_ = false;
  bool headers_seen_ = false;
  bool ended_ = false;
  int closed_ = 0;
  size_t shown_ = 0, consumed_ = 0, given_ = 0, written_ = 0;
};

class Machine final : public SessionEvents, public CarrierEvents {
 public:
  Machine(Side side, Input& input) : side_(side), input_(input) {
    session_ = std::make_unique<Session>(side, Options(), *this, *this);
  }

  void Run() {
    if (input_.Chance()) Greet();
    while (!input_.empty() && alive_) {
      Step();
      alive_ = alive_ && !session_->Done();
    }
    ProduceAll();
    session_.reset();
    for (const auto& actor : actors_) SF_CHECK(actor->told_once());
  }

 private:
  // Small, so that a few bytes reach every bound.
  static SessionOptions Options() {
    SessionOptions options;
    options.max_concurrent_streams = 4;
    options.stream_window_bytes = 1000;
    options.connection_window_bytes = 70000;
    options.max_header_list_bytes = 1000;
    options.max_header_count = 20;
    options.max_queued_acks = 10;
    options.stall_timeout = absl::Seconds(1);
    options.reset_allowance = 3;
    return options;
  }

  void Greet() {
    if (side_ == Side::kServer) Say(std::string(testing::kPreface));
    Say(testing::Settings({}).Encoded() + testing::SettingsAck().Encoded());
  }

  void Step() {
    switch (input_.Below(20)) {
      case 0:
        return Say(input_.Text());
      case 1:
      case 2:
        return SayFrame();
      case 3:
      case 4:
        return SayBlock(false);
      case 5:
        return SayBlock(true);
      case 6:
        return Say(
            testing::Data(PeersStream(), std::string(input_.Below(2000), 'd'), input_.Byte() & 1)
                .Encoded());
      case 7:
        return Say(testing::WindowUpdate(PeersStream(), input_.Byte() * 0x01000100u).Encoded());
      case 8:
        return Say(testing::Settings({{input_.Below(8), input_.Byte() * 0x01000100u},
                                      {input_.Below(8), input_.Byte()}})
                       .Encoded());
      case 9:
        return SomeActor([&](Actor& actor) { actor.Begin(input_.Chance()); });
      case 10:
        return SomeActor([&](Actor& actor) { actor.Send(input_.Below(3000)); });
      case 11:
        return SomeActor([&](Actor& actor) { actor.Finish(input_.Chance()); });
      case 12:
        return SomeActor([&](Actor& actor) { actor.Reset(input_.Chance()); });
      case 13:
        return SomeActor([&](Actor& actor) { actor.Consume(input_.Below(3000)); });
      case 14:
        return Produce(input_.Below(3000));
      case 15:
        return ProduceAll();
      case 16:
        return EndTheConnection();
      default:
        return Open();
    }
  }

  int32_t PeersStream() { return static_cast<int32_t>(input_.Below(12)); }

  void SayFrame() {
    const auto type = static_cast<uint8_t>(input_.Below(11));
    const uint8_t flags = input_.Byte();
    const int32_t stream = PeersStream();
    Say(Frame{type, flags, stream, input_.Text()}.Encoded());
  }

  // A request, a reply or a trailer block that is as it should be, or nearly.
  void SayBlock(bool trailer) {
    const uint8_t flags = input_.Byte() & (testing::kEndStream | testing::kEndHeaders);
    const int32_t stream = PeersStream();
    Fields fields;
    if (!trailer) {
      fields = side_ == Side::kServer ? testing::RequestFields() : testing::ReplyFields();
    }
    for (size_t more = input_.Below(4); more > 0; --more) {
      fields.emplace_back("x-" + std::string(1, static_cast<char>(input_.Byte())),
                          std::string(input_.Below(500), 'v'));
    }
    const auto ends = static_cast<uint8_t>(flags ^ testing::kEndHeaders);  // most blocks end
    Say(Frame{testing::kHeaders, ends, stream, HeaderEncoder::Literal(fields)}.Encoded());
  }

  void Say(const std::string& bytes) {
    // As Connection does: what is queued has a bound, and an error ends it.
    if (!alive_ || session_->queued_frames() > 10000) return;
    alive_ = session_->Receive(bytes).ok();
  }

  template <typename Action>
  void SomeActor(Action action) {
    if (!actors_.empty()) action(*actors_[input_.Below(actors_.size())]);
  }

  void EndTheConnection() {
    switch (input_.Below(8)) {
      case 0:
        return session_->BeginShutdown();
      case 1:
        return session_->FinishShutdown();
      case 2:
        return session_->Terminate(ErrorCode::kNoError);
      case 3:
        return session_->SendPing();
      case 4:
        if (!actors_.empty()) actors_.back()->Waste();
        return;
      case 5:
        return side_ == Side::kClient ? session_->Retire() : session_->SendPing();
      default:
        if (side_ == Side::kServer && session_->waits()) session_->CutStalled();
    }
  }

  std::shared_ptr<Actor> NewActor() {
    const auto habit = static_cast<Actor::Habit>(input_.Below(Actor::kHabits));
    actors_.push_back(std::make_shared<Actor>(side_, habit));
    return actors_.back();
  }

  void Open() {
    if (side_ != Side::kClient || !session_->CanOpen()) return;
    const auto actor = NewActor();
    actor->set_stream(&session_->Open(testing::Block(testing::RequestFields()), actor));
  }

  void Produce(size_t enough) {
    std::string out;
    session_->Produce(&out, enough);
    SF_CHECK(out.size() <= enough + kLargestWrite);
  }

  // Ends, and soon.
  void ProduceAll() {
    for (int i = 0; i < 100000; ++i) {
      std::string out;
      session_->Produce(&out, 16 << 10);
      if (out.empty()) return;
    }
    SF_CHECK(!"what is to be written has no end");
  }

  void OnStream(Stream& stream) override {
    SF_CHECK(side_ == Side::kServer);
    SF_CHECK(session_->streams() <= Options().max_concurrent_streams);
    const auto actor = NewActor();
    actor->set_stream(&stream);
    stream.SetHandler(actor);
  }
  void OnSettings() override {}
  void OnGoAway() override { SF_CHECK(!session_->CanOpen()); }
  void OnStreamGone() override {
    if (input_.Chance()) Open();
  }
  // A connection ends for one reason.
  void OnBound(http2::Bound bound) override {
    if (http2::EndsConnection(bound)) SF_CHECK(++ends_ == 1);
  }
  void OnPingAck() override {}
  void OnWritable() override {}

  // A block of twice what is allowed in, in frames.
  static constexpr size_t kLargestWrite = 20000;

  const Side side_;
  Input& input_;
  bool alive_ = true;
  int ends_ = 0;
  std::vector<std::shared_ptr<Actor>> actors_;
  std::unique_ptr<Session> session_;
};

}  // namespace singleflight::http2::fuzz

#endif  // SINGLEFLIGHT_TESTS_FUZZ_HTTP2_MACHINE_H_
