// The header block that a session is receiving, from its first field to its last. Blocks never
// interleave (RFC 9113 §4.3), so a session has one of these, and uses it for block after block.
//
// A block goes wrong in one of four ways:
//   malformed  it breaks RFC 9113 §8            the stream is reset             here, RequestRules
//   too large  it is more than this side takes  the call gets its own status    here
//   endless    it is more than anybody says     the connection ends             FloodGuard
//   stalled    its end does not come            the connection ends             Progress
//
// A block that is too large is read to its end nevertheless, and then refused. Of what comes beyond
// the bound only grpc-status is noted: it says how a call ended whose reply cannot be passed on.
//
// Memory: one buffer serves all blocks; that of a large one is freed.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_INCOMING_BLOCK_H_
#define SINGLEFLIGHT_SERVER_HTTP2_INCOMING_BLOCK_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/http2/progress.h"
#include "server/http2/request_rules.h"
#include "server/http2/stream.h"
#include "server/model/headers.h"
#include "server/wire/status.h"

namespace singleflight::http2 {

class IncomingBlock {
 public:
  // `judged`: as a client's, by RequestRules; nghttp2 judges what a server sends.
  IncomingBlock(bool judged, size_t most_bytes, size_t most_fields)
      : most_bytes_(most_bytes), most_fields_(most_fields) {
    if (judged) rules_.emplace();
  }

  // A block of stream `id` begins. `stream`: null if that is gone, or never was. `trailers`: it
  // comes behind the body.
  void Begin(int32_t id, Stream* stream, bool trailers) {
    fields_.Clear();
    list_size_ = 0;
    id_ = id;
    stream_ = stream;
    beyond_status_.reset();
    if (rules_.has_value()) rules_->Begin(trailers);
  }

  // A field of it has come; how large all so far are, as header lists are measured (RFC 9113
  // §6.5.2), whatever is kept of them.
  size_t Count(const model::Field& field) {
    constexpr size_t kBytesOfAField = 32;  // beyond its own
    return list_size_ += field.name.size() + field.value.size() + kBytesOfAField;
  }

  // So much of the field that comes next is lost.
  void CountLost(size_t bytes) {
    list_size_ += bytes;
    if (bytes > 0 && stream_ != nullptr) stream_->headers_too_large_ = true;
  }

  // Takes a field that has been counted, while there is a stream. Returns what is wrong with it, as
  // RequestRules do.
  absl::string_view Take(const model::Field& field) {
    Stream& stream = *stream_;
    if (rules_.has_value()) {
      const absl::string_view wrong = rules_->Judge(field.name, field.value);
      if (!wrong.empty()) return wrong;
    }
    Keep(field, stream);
    return "";
  }

  // The last field has come. `end`: the peer's side ends with the block.
  absl::string_view JudgeEnd(bool end) const {
    return rules_.has_value() ? rules_->JudgeEnd(end) : "";
  }

  // No more of it comes, however it went.
  void End() {
    id_ = 0;
    progress_.Rest();
  }

  // Once a tick, while it is open.
  bool Stalled() { return progress_.Stalled(true); }

  // The stream whose block is being received; 0: none.
  int32_t id() const { return id_; }
  bool open() const { return id_ != 0; }
  Stream* stream() const { return stream_; }

  // A stream is gone.
  void Forget(const Stream& stream) {
    if (stream_ == &stream) stream_ = nullptr;
  }

  // How long the body has to be, by the block's content-length; -1: it does not say.
  int64_t content_length() const { return rules_.has_value() ? rules_->content_length() : -1; }

  // Whether it is too large for its number of fields.
  bool has_too_many() const { return fields_.fields() > most_fields_; }

  // Its grpc-status, if anything of it was too large.
  absl::optional<wire::StatusCode> Status() const {
    const absl::optional<absl::string_view> kept = fields_.Find("grpc-status");
    return kept.has_value() ? wire::ParseStatus(*kept) : beyond_status_;
  }

  // What has been kept of it, in no more memory than it needs.
  model::Headers TakeFields() {
    model::Headers taken = fields_;
    LetGo();
    return taken;
  }

  // Keeps no memory of a large block.
  void LetGo() {
    if (fields_.Footprint() > kMostKeptBytes) fields_ = model::Headers();
  }

  // In bytes of memory, while it is open.
  size_t Footprint() const { return open() ? fields_.Footprint() : 0; }

 private:
  static constexpr size_t kMostKeptBytes = 4 << 10;

  void Keep(const model::Field& field, Stream& stream) {
    if (stream.headers_too_large_) {
      if (field.name == "grpc-status") beyond_status_ = wire::ParseStatus(field.value);
      return;
    }
    fields_.Add(field);
    if (list_size_ > most_bytes_ || has_too_many()) stream.headers_too_large_ = true;
  }

  const size_t most_bytes_;
  const size_t most_fields_;
  model::Headers fields_;
  size_t list_size_ = 0;
  absl::optional<RequestRules> rules_;
  int32_t id_ = 0;
  Stream* stream_ = nullptr;
  absl::optional<wire::StatusCode> beyond_status_;
  Progress progress_;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_INCOMING_BLOCK_H_
