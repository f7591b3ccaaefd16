// From the end of a call to a line in the buffer of its worker, and from there to the writer.

#include "server/proxy/access_log.h"

#include <string>
#include <utility>

#include "server/model/trace_context.h"

namespace singleflight::proxy {
namespace {

// A buffer is handed over when it has so much.
constexpr size_t kFull = 64 << 10;

// The trace id of the caller's traceparent, as it came. Empty: there is none, or it is malformed.
absl::string_view TraceOf(const model::Request& request) {
  const absl::string_view value = request.fields().Find(model::kTraceparent).value_or("");
  const bool valid = !value.empty() && model::TraceParentOf(request.fields()).has_value();
  return valid ? value.substr(sizeof("00-") - 1, 32) : "";
}

// Who answered: the upstream call that it made itself, or that of its flight.
void AddUpstreamCall(const CallEnd& end, AccessRecord& record) {
  const core::Flown* const flight = end.details.flight.get();
  const std::shared_ptr<const std::string>& own = end.details.own_trip.endpoint;
  const std::string* const endpoint = own != nullptr      ? own.get()
                                      : flight != nullptr ? flight->trip.endpoint.get()
                                                          : nullptr;
  if (endpoint != nullptr) record.endpoint = *endpoint;
  if (flight != nullptr && end.role == CallRole::kFollower) record.leader = TraceOf(*flight->asked);
}

int64_t NanosOf(base::Instant instant) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(instant.time_since_epoch()).count();
}

}  // namespace

absl::string_view TimeText::Of(int64_t unix_ns) {
  constexpr size_t kSeconds = sizeof("2026-11-28T01:02:03") - 1;
  const int64_t second = unix_ns / 1'000'000'000;
  if (second != second_) {
    second_ = second;
    text_ = absl::FormatTime("%Y-%m-%dT%H:%M:%S.000Z", absl::FromUnixSeconds(second),
                             absl::UTCTimeZone());
  }
  auto millis = static_cast<int>(unix_ns / 1'000'000 % 1000);
  for (size_t digit = kSeconds + 3; digit > kSeconds; --digit, millis /= 10) {
    text_[digit] = static_cast<char>('0' + millis % 10);
  }
  return text_;
}

AccessLog::AccessLog(const AccessLogOptions& options, Setting setting)
    : options_(options),
      every_(!options.errors && !options.slower_than.has_value() && !options.sample.has_value()),
      setting_(std::move(setting)),
      random_(static_cast<std::minstd_rand::result_type>(setting_.seed)),
      timer_(setting_.loop.timers(), [this] { HandOver(); }) {}

AccessLog::~AccessLog() { HandOver(); }

void AccessLog::OnCallEnded(const CallEnd& end) {
  if (!Wants(end)) return;
  AccessRecord record;
  if (end.request != nullptr) {
    record.method = end.request->path();
    record.trace = TraceOf(*end.request);
  }
  if (end.route != nullptr) {
    record.route = (*setting_.route_names)[end.route->index];
    record.upstream = end.route->shared.name;
  }
  record.role = NameOf(end.role);
  if (end.code.has_value()) record.code = wire::NameOf(*end.code);
  record.duration_us = static_cast<uint64_t>(absl::ToInt64Microseconds(end.took));
  record.received = static_cast<uint64_t>(end.details.request_bytes);
  record.sent = static_cast<uint64_t>(end.details.reply_bytes);
  record.peer = end.peer;
  if (end.details.key != 0) record.key = setting_.digests.Of(end.details.key);
  AddUpstreamCall(end, record);
  Write(record);
}

bool AccessLog::Wants(const CallEnd& end) {
  if (every_) return true;
  if (options_.errors && end.code != wire::StatusCode::kOk) return true;
  if (options_.slower_than.has_value() && end.took > *options_.slower_than) return true;
  return options_.sample.has_value() && IsSampled();
}

bool AccessLog::IsSampled() {
  return std::uniform_int_distribution<uint32_t>(1, kEveryCall)(random_) <= *options_.sample;
}

void AccessLog::Write(AccessRecord& record) {
  if (used_ == 0) Begin();
  record.time = time_.Of(NanosOf(setting_.loop.Now()) + unix_minus_loop_ns_);
  char* const begin = buffer_.get() + used_;
  used_ += static_cast<size_t>(WriteAccessLine(options_.format, record, begin) - begin);
  setting_.lines.Add();
  if (used_ >= kFull) HandOver();
}

void AccessLog::Begin() {
  const base::Instant now = setting_.loop.Now();
  unix_minus_loop_ns_ = absl::ToUnixNanos(setting_.wall_clock()) - NanosOf(now);
  timer_.Set(base::After(now, kPatience));
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique_for_overwrite<char[]>(kFull + kLongestAccessLine);
  }
}

void AccessLog::HandOver() {
  timer_.Cancel();
  if (used_ == 0) return;
  // A copy, which takes no more than its lines where nobody reads them.
  setting_.writer->Put(std::string(buffer_.get(), std::exchange(used_, 0)));
}

}  // namespace singleflight::proxy
