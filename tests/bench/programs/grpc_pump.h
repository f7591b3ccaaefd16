#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_GRPC_PUMP_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_GRPC_PUMP_H_

#include <grpcpp/support/byte_buffer.h>

#include <utility>

namespace singleflight::bench {

// Carries the messages of one direction of a call, reading one ahead. A message that was read is
// held until the next read shows whether it was the last, so that message and end leave in one
// batch; if that takes long, SendHeld() lets it go.
class Pump {
 public:
  void Start() { Read(&next_); }

  void OnRead() {
    next_full_ = true;
    Advance();
  }

  void OnEnd() {
    ended_ = true;
    Advance();
  }

  void OnSent() {
    state_ = State::kEmpty;
    Advance();
  }

  void SendHeld() {
    if (state_ != State::kHeld) return;
    state_ = State::kSending;
    Send(current_);
  }

 protected:
  ~Pump() = default;

  virtual void Read(grpc::ByteBuffer* message) = 0;
  virtual void Hold() = 0;  // has SendHeld() called when there is nothing else to do
  virtual void Send(const grpc::ByteBuffer& message) = 0;
  virtual void SendEnd() = 0;
  virtual void SendLast(const grpc::ByteBuffer& message) = 0;  // and the end

 private:
  enum class State {
    kEmpty,    // takes the next message
    kHeld,     // waits for a message or the end behind it
    kSending,  // waits for OnSent()
    kOver,     // nothing more comes
  };

  void Advance() {
    if (state_ == State::kEmpty && next_full_) {
      std::swap(current_, next_);
      next_full_ = false;
      state_ = State::kHeld;
      Hold();
      Read(&next_);
    } else if (state_ == State::kHeld && ended_) {
      state_ = State::kOver;
      SendLast(current_);
    } else if (state_ == State::kHeld && next_full_) {
      SendHeld();
    } else if (state_ == State::kEmpty && ended_) {
      state_ = State::kOver;
      SendEnd();
    }
  }

  grpc::ByteBuffer current_;
  grpc::ByteBuffer next_;
  State state_ = State::kEmpty;
  bool next_full_ = false;
  bool ended_ = false;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_GRPC_PUMP_H_
