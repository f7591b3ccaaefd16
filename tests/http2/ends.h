#ifndef SINGLEFLIGHT_TESTS_HTTP2_ENDS_H_
#define SINGLEFLIGHT_TESTS_HTTP2_ENDS_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "server/http2/session.h"
#include "tests/http2/frames.h"

namespace singleflight::http2::testing {

// One end of a stream, which writes down what it hears. `consume`: it opens the window again
// immediately.
struct Ear final : StreamEvents {
  void OnHeaders(model::Headers fields, bool end) override {
    headers = FieldsOf(fields);
    block = std::move(fields);
    ++blocks;
    if (end) ended = true;
    if (on_headers) on_headers();
  }
  void OnData(absl::string_view bytes) override {
    body.append(bytes.data(), bytes.size());
    if (consume) stream->Consume(bytes.size());
    if (on_data) on_data();
  }
  void OnEnd(model::Headers fields) override {
    trailing = FieldsOf(fields);
    ended = true;
    if (on_end) on_end();
  }
  void OnTrailersTooLarge(Bound, absl::string_view why) override { refused = std::string(why); }
  void OnSent(size_t bytes) override { sent += bytes; }
  void OnClosed(const Closed& how) override {
    EXPECT_FALSE(closed.has_value()) << "told twice";
    closed = how;
    if (on_closed) on_closed();
  }

  bool EndedAs(Closed::Why why) const { return closed.has_value() && closed->why == why; }

  Stream* stream = nullptr;
  bool consume = true;
  Fields headers;
  model::Headers block;  // the same
  int blocks = 0;
  std::string body;
  Fields trailing;
  bool ended = false;
  std::string refused;  // why its trailer block was
  size_t sent = 0;
  absl::optional<Closed> closed;
  std::function<void()> on_headers, on_data, on_end, on_closed;
};

// The owner of a session, which counts what it hears and gives every stream of the peer's an Ear.
struct Owner final : SessionEvents, CarrierEvents {
  void OnStream(Stream& stream) override {
    auto ear = std::make_shared<Ear>();
    ear->stream = &stream;
    if (prepare) prepare(*ear);
    stream.SetHandler(ear);
    ears.push_back(std::move(ear));
  }
  void OnSettings() override { ++settings; }
  void OnGoAway() override { ++goaways; }
  void OnStreamGone() override { ++gone; }
  void OnBound(Bound bound) override { bounds.push_back(bound); }
  void OnMalformed(absl::string_view why) override { malformed.emplace_back(why); }
  void OnPingAck() override { ++ping_acks; }
  void OnWritable() override { ++writable; }

  std::vector<std::shared_ptr<Ear>> ears;
  std::vector<Bound> bounds;           // that were met
  std::vector<std::string> malformed;  // what was wrong
  std::function<void(Ear&)> prepare;
  int settings = 0, goaways = 0, gone = 0, ping_acks = 0, writable = 0;
};

// A session whose peer is the test itself, frame by frame.
class ByHand {
 public:
  explicit ByHand(Side side, const SessionOptions& options = {})
      : side_(side), session(side, options, owner, owner) {}

  // The peer's preface and settings; what the session answers is acknowledged.
  void Greet(std::initializer_list<std::pair<uint16_t, uint32_t>> settings = {}) {
    if (side_ == Side::kServer) Say(std::string(kPreface));
    Say(Settings(settings));
    Say(SettingsAck());
  }

  void Say(const Frame& frame) { Say(frame.Encoded()); }
  void Say(const std::string& bytes) {
    status = session.Receive(bytes);
    Listen();
  }

  // A header block, in as many frames as `most` bytes a frame ask for.
  void SayHeaders(int32_t stream, const Fields& fields, bool end = false, size_t most = 16384) {
    SayBlock(stream, encoder_.Encode(fields), end, most);
  }
  void SayBlock(int32_t stream, const std::string& block, bool end = false, size_t most = 16384) {
    std::string bytes;
    for (size_t at = 0; at == 0 || at < block.size(); at += most) {
      const uint8_t ends = at + most >= block.size() ? kEndHeaders : 0;
      const uint8_t flags = at == 0 ? static_cast<uint8_t>(ends | (end ? kEndStream : 0)) : ends;
      const uint8_t type = at == 0 ? kHeaders : kContinuation;
      bytes += Frame{type, flags, stream, block.substr(at, most)}.Encoded();
    }
    Say(bytes);
  }

  // A unary request, as its client sees it.
  void Ask(int32_t stream, const std::string& message = "ask") {
    SayHeaders(stream, RequestFields());
    Say(Data(stream, message, kEndStream));
  }

  // Client side: opens a call.
  std::shared_ptr<Ear> Open(const Fields& fields = RequestFields()) {
    auto ear = std::make_shared<Ear>();
    ear->stream = &session.Open(Block(fields), ear);
    return ear;
  }

  // Reads what the session has to say. Nothing may be left over: frames are whole.
  void Listen() {
    std::string out;
    session.Produce(&out, static_cast<size_t>(-1));
    if (side_ == Side::kClient && !preface_seen_ && !out.empty()) {
      ASSERT_EQ(out.substr(0, kPreface.size()), kPreface);
      out.erase(0, kPreface.size());
      preface_seen_ = true;
    }
    for (Frame& frame : TakeFrames(out)) frames.push_back(std::move(frame));
    EXPECT_EQ(out, "");
  }

  // Frames heard so far of a type, on a stream or (-1) anywhere.
  std::vector<Frame> Heard(uint8_t type, int32_t stream = -1) const {
    std::vector<Frame> found;
    for (const Frame& frame : frames) {
      if (frame.type == type && (stream == -1 || frame.stream == stream)) found.push_back(frame);
    }
    return found;
  }

  // The error of the one RST_STREAM of a stream; -1: none came.
  int64_t ResetOf(int32_t stream) const {
    const std::vector<Frame> resets = Heard(kRstStream, stream);
    EXPECT_LE(resets.size(), 1u);
    return resets.empty() ? -1 : int64_t{resets[0].Number()};
  }

  // The error of the last GOAWAY; -1: none came.
  int64_t GoAwayError() const {
    const std::vector<Frame> all = Heard(kGoAway);
    return all.empty() ? -1 : int64_t{all.back().Number(4)};
  }

  // All that WINDOW_UPDATEs have given so far.
  int64_t Refunded(int32_t stream) const {
    int64_t sum = 0;
    for (const Frame& frame : Heard(kWindowUpdate, stream)) sum += frame.Number();
    return sum;
  }

  std::string BodyOf(int32_t stream) const {
    std::string body;
    for (const Frame& frame : Heard(kData, stream)) body += frame.payload;
    return body;
  }

  Ear& ear(size_t at = 0) { return *owner.ears.at(at); }

 private:
  const Side side_;
  bool preface_seen_ = false;
  HeaderEncoder encoder_;

 public:
  Owner owner;
  Session session;
  absl::Status status;
  std::vector<Frame> frames;
};

// A client's session and a server's, whose bytes go straight to each other.
class Pair {
 public:
  explicit Pair(const SessionOptions& client_options = {},
                const SessionOptions& server_options = {})
      : client(Side::kClient, client_options, client_owner, client_owner),
        server(Side::kServer, server_options, server_owner, server_owner) {
    Settle();
  }

  // Until neither has anything to say.
  void Settle() {
    while (Carry(client, server) || Carry(server, client)) {
    }
  }

  std::shared_ptr<Ear> Open(const Fields& fields = RequestFields()) {
    auto ear = std::make_shared<Ear>();
    ear->stream = &client.Open(Block(fields), ear);
    return ear;
  }

  std::shared_ptr<Ear> Ask(const std::string& message = "ask") {
    auto ear = Open();
    ear->stream->Send(base::Slice(message));
    ear->stream->Finish({});
    Settle();
    return ear;
  }

  Ear& served(size_t at = 0) { return *server_owner.ears.at(at); }

  static bool Carry(Session& from, Session& to) {
    std::string bytes;
    from.Produce(&bytes, static_cast<size_t>(-1));
    if (bytes.empty()) return false;
    EXPECT_TRUE(to.Receive(bytes).ok());
    return true;
  }

  Owner client_owner, server_owner;
  Session client, server;
};

inline model::SharedHeaders Trailing(const Fields& fields) {
  return model::SharedHeaders(Block(fields));
}

// Answers as a gRPC server that has nothing to complain about.
inline void AnswerOk(Stream& stream, const std::string& message) {
  stream.SendHeaders(Block(ReplyFields()), false);
  stream.Send(base::Slice(message));
  stream.Finish(Trailing({{"grpc-status", "0"}}));
}

}  // namespace singleflight::http2::testing

#endif  // SINGLEFLIGHT_TESTS_HTTP2_ENDS_H_
