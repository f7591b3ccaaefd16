// How a connection reads, writes and ends.
//
// Reading (AwaitReadable, OnReadable, Take) and writing (OnWritable, Flush, WriteOut) are two loops
// that meet in the session. Each does a limited amount in a turn and leaves the next turn to
// others. They hold each other back in one place: a peer that does not read its frames is not read
// from. While the byte stream is blocked nothing more is made, so what waits here has a bound.
//
// A connection ends in one of these ways:
//   Close      immediately; streams hear that the connection was lost
//   Linger     the session is done and all is written: the peer gets a second to close first, since
//              a close with bytes unread would reset the connection, and the last frames with it
//   Drain      GOAWAY, a round trip, GOAWAY again (RFC 9113 §6.8); the last stream; then Linger
//   EndsCalls  a client whose server broke HTTP/2 does not linger: its calls wait for an answer
// CloseNow is the end of each. A call into the session never ends the connection under it
// (`in_session_`).

#include "server/http2/connection.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace singleflight::http2 {
namespace {

constexpr size_t kWriteBytes = 64 << 10;  // about this much is given to the socket in one go
constexpr int kReadsPerTurn = 4;
// Frames cost by the piece: of a client that sends small ones this much is read, and then others
// have their turn. Backends are few, and their replies are gathered to be written together.
constexpr size_t kSmallRead = 8 << 10;
constexpr uint64_t kLargeFrame = 256;
constexpr int kWritesPerTurn = 16;
constexpr size_t kManyFrames = 64;
// Frames that wait while the peer does not read; past that nothing more is read from it (RFC 9113
// §10.5).
constexpr size_t kMaxQueuedFrames = 10000;
constexpr absl::Duration kDrainRoundTrip = absl::Seconds(1);
constexpr absl::Duration kLinger = absl::Seconds(1);
constexpr size_t kMostLingered = 2 << 20;  // more than a peer that hears may have on its way
constexpr size_t kMostLingeredOfFloods = 64 << 10;

constexpr absl::string_view kUpgradeRequired =
    "HTTP/1.1 426 Upgrade Required\r\n"
    "Connection: close, Upgrade\r\n"
    "Upgrade: h2c\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 44\r\n"
    "\r\n"
    "gRPC needs HTTP/2 with prior knowledge here\n";

using Outcome = net::ByteStream::Outcome;

}  // namespace

Connection::Connection(net::Worker& worker, Side side, const SessionOptions& options,
                       std::unique_ptr<net::ByteStream> bytes, ConnectionEvents& events)
    : worker_(worker),
      side_(side),
      bytes_(std::move(bytes)),
      events_(events),
      session_(std::make_unique<Session>(side, options, events, *this)),
      reading_{.small_frames = side == Side::kServer},
      stall_tick_(options.stall_timeout / Progress::kTicks),
      stall_timer_(worker.timers(), [this] { OnStallTick(); }),
      timer_(worker.timers(), [this] {
        if (!ending_.lingering) return FinishDrain();
        worker_.InLine([self = shared_from_this()] { self->Close("drained"); });
      }) {
  if (worker.buffered() != nullptr) waiting_bytes_.emplace(*worker.buffered());
}

Connection::~Connection() { worker_.ForgetEndOfTurn(*this); }

// A server lets the client speak first: one that speaks HTTP/1.1 must be answered in kind.
void Connection::Start() {
  if (side_ == Side::kClient) OnWritable();
  AwaitReadable();
}

void Connection::Close(absl::string_view why) {
  if (session_ == nullptr || std::exchange(ending_.asked, true)) return;
  ending_.why = std::string(why);
  if (!in_session_) CloseNow();
}

// Streams hear of it before the owner does; neither may find a session to talk to.
void Connection::CloseNow() {
  const auto keep = shared_from_this();
  timer_.Cancel();
  stall_timer_.Cancel();
  bytes_->Close();
  NoteWhyEnded();
  std::unique_ptr<Session> gone = std::move(session_);
  gone.reset();
  events_.OnConnectionClosed(ending_.why);
}

// What happened to the socket in the end matters less than why this side had it end.
void Connection::NoteWhyEnded() {
  const std::string& why = session_->why_ended();
  ending_.by_own_bound = session_->ended_by_bound();
  if (side_ == Side::kClient && !why.empty()) {
    ending_.why =
        absl::StrCat(ending_.by_own_bound ? "it was ended here: " : "the peer broke HTTP/2: ", why);
  }
  session_->SetCause(ending_.why);
}

void Connection::AwaitReadable() {
  if (reading_.asked || session_ == nullptr) return;
  const bool leaves_too_much = session_->queued_frames() > kMaxQueuedFrames;
  if (leaves_too_much && !ending_.lingering) return;  // OnWritten comes back here
  reading_.asked = true;
  bytes_->WhenReadable([self = shared_from_this()] {
    if (!self->ReadsInLine()) return self->OnReadable();
    self->worker_.InLine([self] { self->OnReadable(); });
  });
}

bool Connection::ReadsInLine() const {
  if (side_ == Side::kClient || session_ == nullptr) return false;
  return ending_.lingering || !session_->served() || session_->block_open();
}

void Connection::OnReadable() {
  const int reads = ReadsInLine() ? 1 : kReadsPerTurn;
  for (int i = 0; i < reads && session_ != nullptr; ++i) {
    std::vector<char>& buffer = worker_.read_buffer();
    const size_t room = reading_.small_frames ? kSmallRead : buffer.size();
    const net::ByteStream::Result read = bytes_->Read(buffer.data(), room);
    if (read.outcome == Outcome::kWouldBlock) break;
    if (read.outcome == Outcome::kEnd) return Close("the peer closed the connection");
    if (read.outcome == Outcome::kFailed) return Close(bytes_->WhyFailed(read.error));
    if (ending_.lingering) {
      ending_.lingered += read.size;
      if (ending_.lingered > (session_->flooded() ? kMostLingeredOfFloods : kMostLingered)) {
        return Close("the peer sends on after the end");
      }
    } else {
      Take({buffer.data(), read.size});
    }
    if (read.size < room || reading_.small_frames) break;
  }
  reading_.asked = false;
  AwaitReadable();
}

void Connection::Take(absl::string_view bytes) {
  const bool first = std::exchange(reading_.first, false);
  reading_.heard_at = worker_.Now();
  if (first && side_ == Side::kClient && absl::StartsWith(bytes, "HTTP/1.")) {
    return Close("it answers HTTP/1.1; gRPC needs HTTP/2 with prior knowledge");
  }
  in_session_ = true;
  const uint64_t before = session_->received_frames();
  const absl::Status status = session_->Receive(bytes);
  reading_.small_frames =
      side_ == Side::kServer && bytes.size() / kLargeFrame < session_->received_frames() - before;
  in_session_ = false;
  if (ending_.asked) return CloseNow();
  if (!status.ok()) {
    if (first && side_ == Side::kServer) AnswerHttp1(bytes);
    return Close(status.message());
  }
  if (session_->waits()) WatchForStalls();
  CountBlock();
  // Many replies leave immediately, while what they are made of is in the processor's cache.
  if (session_->queued_frames() >= kManyFrames && !writing_.blocked) return Flush();
  OnWritable();
}

void Connection::AnswerHttp1(absl::string_view bytes) {
  if (!absl::ascii_isupper(static_cast<unsigned char>(bytes.front()))) return;
  bytes_->Write(kUpgradeRequired);
  bytes_->EndWriting();
}

void Connection::OnWritable() {
  if (std::exchange(writing_.asked, true)) return;
  worker_.AtEndOfTurn(*this);
}

void Connection::OnEndOfTurn() {
  const auto keep = shared_from_this();
  writing_.asked = false;
  if (session_ != nullptr && !writing_.blocked) Flush();
}

void Connection::Flush() {
  for (int i = 0; i < kWritesPerTurn; ++i) {
    std::string& out = worker_.write_buffer();
    out.clear();
    in_session_ = true;
    session_->Produce(&out, kWriteBytes);
    in_session_ = false;
    if (ending_.asked) return CloseNow();
    if (out.empty()) {
      if (session_->Done() && EndsCalls()) return Close(session_->why_ended());
      if (session_->Done()) return Linger();
      if (session_->waits()) WatchForStalls();
      return AwaitReadable();
    }
    if (!WriteOut(out)) return;
  }
  OnWritable();  // others first
}

// False: not all has left for the socket, or that is broken. Nothing more is made until it has, so
// that a connection which drains does not end before its last bytes are out.
bool Connection::WriteOut(absl::string_view bytes) {
  const net::ByteStream::Result written = bytes_->Write(bytes);
  if (written.outcome == Outcome::kFailed) {
    Close(bytes_->WhyFailed(written.error));
    return false;
  }
  const size_t n = written.outcome == Outcome::kDone ? written.size : 0;
  writing_.taken += static_cast<int64_t>(n);
  writing_.blocked = n < bytes.size() || bytes_->backlog() > 0;
  if (!writing_.blocked) return true;
  writing_.unsent = std::string(bytes.substr(n));
  CountWaiting();
  WatchForStalls();
  bytes_->WhenWritable([self = shared_from_this()] { self->OnWritten(); });
  return false;
}

void Connection::OnWritten() {
  if (session_ == nullptr) return;
  const std::string waiting = std::exchange(writing_.unsent, std::string());
  CountWaiting();
  if (!WriteOut(waiting)) return;
  writing_.progress.Rest();
  OnWritable();
}

void Connection::CountBlock() {
  const size_t bytes = session_->BlockFootprint();
  if (std::exchange(block_bytes_, bytes) != bytes) CountWaiting();
}

void Connection::CountWaiting() {
  if (!waiting_bytes_.has_value()) return;
  waiting_bytes_->Set(static_cast<int64_t>(base::BlockBytesOf(writing_.unsent) +
                                           base::BlockBytes(bytes_->backlog()) + block_bytes_));
}

void Connection::WatchForStalls() {
  if (stall_timer_.pending() || stall_tick_ == absl::InfiniteDuration()) return;
  stall_timer_.Set(base::After(worker_.Now(), stall_tick_));
}

// While the socket takes nothing, no stream is to blame.
void Connection::OnStallTick() {
  if (!writing_.blocked) {
    if (session_->waits()) CutStalledStreams();
  } else if (SocketStalls()) {
    events_.OnBound(Bound::kConnectionStall);
    return Close("the peer does not read what was written");
  }
  if (session_ != nullptr && (writing_.blocked || session_->waits())) WatchForStalls();
}

void Connection::CutStalledStreams() {
  in_session_ = true;
  session_->CutStalled();
  in_session_ = false;
  if (ending_.asked) CloseNow();
}

// TLS adds bytes to the backlog, so there may be fewer than at the last tick.
bool Connection::SocketStalls() {
  const int64_t left = writing_.taken - static_cast<int64_t>(bytes_->backlog());
  if (left > writing_.left) {
    writing_.progress.Moved(static_cast<size_t>(left - std::exchange(writing_.left, left)));
  }
  return writing_.progress.Stalled(true);
}

void Connection::Drain() {
  if (session_ == nullptr || std::exchange(ending_.draining, true)) return;
  session_->BeginShutdown();
  timer_.Set(base::After(worker_.Now(), kDrainRoundTrip));
}

void Connection::OnPingAck() {
  if (ending_.draining) FinishDrain();
}

void Connection::FinishDrain() {
  timer_.Cancel();
  if (session_ != nullptr && session_->alive()) session_->FinishShutdown();
}

bool Connection::EndsCalls() const {
  return side_ == Side::kClient && !session_->why_ended().empty();
}

void Connection::Linger() {
  if (std::exchange(ending_.lingering, true)) return;
  bytes_->EndWriting();
  timer_.Set(base::After(worker_.Now(), kLinger));
  AwaitReadable();
}

}  // namespace singleflight::http2
